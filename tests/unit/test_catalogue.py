"""Every text of the console is gathered for its translators, and a translation says what the English says."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Message

ROOT = Path(__file__).resolve().parents[2]
TRANS = re.compile(r"\{%-?\s*trans\b(.*?)-?%\}(.*?)\{%-?\s*endtrans", re.DOTALL)
PLURALIZE = re.compile(r"\{%-?\s*pluralize\s*(\w*)")


@pytest.fixture(scope="module")
def catalogue() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "scripts" / "catalogue.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_translations_say_what_the_english_says(catalogue: ModuleType, language: str):
    assert not list(catalogue.faults(language))


def test_texts_are_found_wherever_they_are_said(catalogue: ModuleType):
    source = """
from freehold.core.texts import said
from freehold.kernel.web.words import count
said("{who} asks", who=name)
said.many("{n} day", "{n} days", n=3)
count(3, "entry", "entries")
Tab(Place.HOME, "/", "Overview", 0)
other.said("x")
"""
    assert list(catalogue.of_python(source)) == [
        "{who} asks",
        ("{n} day", "{n} days"),
        ("{n} entry", "{n} entries"),
        "Overview",
    ]
    template = """{{ _("Paid %(sum)s.", sum=x|money) }}<a title="{{ _('Now') }}">
{% trans n=count %}one
   row{% pluralize %}{{ n }} rows{% endtrans %} {{ n|count("use") }}"""
    assert list(catalogue.of_template(template)) == [
        "Paid %(sum)s.",
        "Now",
        ("one row", "%(n)s rows"),
        ("{n} use", "{n} uses"),
    ]


@pytest.mark.parametrize(
    "source", ["said(name)", 'said(f"{who} asks")', 'said("{who} asks", whom=1)', 'said("a " + b)']
)
def test_a_text_that_nobody_could_translate_is_refused(catalogue: ModuleType, source: str):
    with pytest.raises(SystemExit):
        list(catalogue.of_python(f"from freehold.core.texts import said\n{source}"))


def test_a_translation_that_lost_something_is_told(catalogue: ModuleType):
    def wrong(english: str | tuple[str, str], translated: str) -> list[str]:
        return list(catalogue.differences(Message(english), translated))

    assert not wrong("Paid %(sum)s.", "%(sum)s bezahlt.")
    assert wrong("Paid %(sum)s.", "Bezahlt.")
    assert wrong("{who} asks", "{wer} fragt")
    assert wrong("<b>{who}</b> asks", "{who} fragt")
    assert wrong("Now", 'sog. "Jetzt"')
    assert wrong("Now", "Jetzt ")
    assert not wrong(("one row", "%(n)s rows"), "eine Zeile")
    assert wrong(("%(n)s row", "%(n)s rows"), "%(m)s Zeilen")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "src" / "freehold").rglob("templates/*.html")), ids=lambda path: path.stem
)
def test_a_text_of_one_and_many_counts_n(path: Path):
    """Jinja counts the first value where none is named; a text among them has no plural in another language."""
    for values, body in TRANS.findall(path.read_text()):
        if (named := PLURALIZE.search(body)) is not None:
            first = values.split("=")[0].strip()
            assert (named[1] or first) == "n", f"{values}: {body[:80]}"

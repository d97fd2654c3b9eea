"""Gathers every text of the console for its translators: `python scripts/catalogue.py` updates `locale/*.po`.

Texts are `_("...")`, `{% trans %}` and `|count("row")` of templates, and `said(...)`, `said.many(...)`,
`count(..., "row")` and the labels of `LABELLED` in Python. Translations stay; a text that is no longer said goes.
`--check` says what would change, and what is wrong with a translation.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po
from jinja2 import nodes
from jinja2.ext import babel_extract

from freehold.core.texts import places
from freehold.shell.web.reading import LANGUAGES, LOCALE
from freehold.shell.web.rendering import Rendering

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "freehold"
COMPLETE = True
"""Whether every text must have a translation into every language; until then only those that have one are kept."""
LABELLED: dict[str, int | str] = {"Tab": 2, "Facet": 1, "acts": "words"}
"""What takes a text at this place, or under this name, as a plain string, and makes it one by itself."""
OPTIONS = {
    "trimmed": "true",
    "silent": "false",
    "newstyle_gettext": "true",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
}
SAYING = re.compile(rf"\b(said|count|{'|'.join(LABELLED)})\b(\.many)?\(")
PLACE = re.compile(r"%\((\w+)\)s")
TAG = re.compile(r"</?\w+[^>]*>|&\w+;")

Id = str | tuple[str, str]


@cache
def texts() -> dict[Id, set[str]]:
    """Every text, or pair of one and many, and the files that say it."""
    found: dict[Id, set[str]] = defaultdict(set)
    for path in sorted(SOURCE.rglob("*.py")):
        for one in of_python(path.read_text()):
            found[one].add(path.relative_to(SOURCE).as_posix())
    for path in sorted(SOURCE.rglob("templates/*.html")):
        for one in of_template(path.read_text()):
            found[one].add(path.relative_to(SOURCE).as_posix())
    return found


def of_python(source: str) -> Iterator[Id]:
    """What a file of Python says."""
    if not SAYING.search(source):
        return
    tree = ast.parse(source)
    # other things are called so too
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module in ("freehold.core.texts", "freehold.kernel.web.words")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from of_call(node, ast.unparse(node.func), imported)


def of_call(node: ast.Call, name: str, imported: set[str]) -> Iterator[Id]:
    given = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
    if any(isinstance(one, ast.Starred) for one in node.args):
        # put together out of what is gathered where it is said
        return
    if name == "said" and "said" in imported:
        yield said(node, given[:1])[0]
    elif name == "said.many" and "said" in imported:
        one, many = said(node, given[:2])
        yield one, many
    elif name == "words.count" or (name == "count" and "count" in imported):
        yield counted(given[1:])
    elif name in LABELLED:
        named = {one.arg: one.value.value for one in node.keywords if isinstance(one.value, ast.Constant)}
        label = {**dict(enumerate(given)), **named}.get(LABELLED[name])
        if isinstance(label, str):
            yield label


def said(node: ast.Call, templates: list[object]) -> list[str]:
    """Templates, which must be written out and name what they are given."""
    named = {one.arg for one in node.keywords}
    for one in templates:
        where = f"line {node.lineno}: {ast.unparse(node)[:90]}"
        if not isinstance(one, str):
            raise SystemExit(f"{where}: a text is written out, so that it can be translated")
        if None not in named and places(one) - named:
            raise SystemExit(f"{where}: nothing fills {sorted(places(one) - named)}")
    return [str(one) for one in templates]


def counted(nouns: list[object]) -> Id:
    one, *many = (str(noun) for noun in nouns if noun)
    return f"{{n}} {one}", f"{{n}} {many[0] if many else one + 's'}"


ENVIRONMENT = Rendering()._environment  # noqa: SLF001


def of_template(source: str) -> Iterator[Id]:
    """What a template says."""
    file = io.BytesIO(source.encode())
    for _, function, message, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), OPTIONS):
        if function == "ngettext":
            one, many, *_ = message
            yield str(one), str(many)
        else:
            yield str(message[0] if isinstance(message, tuple) else message)
    for node in ENVIRONMENT.parse(source).find_all(nodes.Filter):
        if node.name == "count" and all(isinstance(one, nodes.Const) for one in node.args):
            yield counted([one.value for one in node.args])  # type: ignore[attr-defined]


def path_of(language: str) -> Path:
    return LOCALE / f"{language}.po"


def read(language: str) -> Catalog:
    """What is translated."""
    path = path_of(language)
    if not path.is_file():
        return Catalog(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> bytes:
    """The catalogue of a language with every text there is."""
    before = read(language)
    made = Catalog(language, project="Freehold", charset="utf-8", header_comment=HEADER, fuzzy=False)
    for one, files in texts().items():
        known = before.get(one[0] if isinstance(one, tuple) else one)
        translation = (
            known.string if known is not None and known.pluralizable == isinstance(one, tuple) else None
        )
        if COMPLETE or filled(translation):
            made.add(one, translation, locations=[(name, None) for name in sorted(files)])  # type: ignore[list-item]
    out = io.BytesIO()
    write_po(out, made, width=110, sort_output=True, include_lineno=False, omit_header=False)
    # nothing in it says when it was written
    return re.sub(
        rb'"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Report-Msgid-Bugs-To|Language-Team).*\n',
        b"",
        out.getvalue(),
    )


HEADER = "# What the console says. Written by scripts/catalogue.py; the msgstr lines are the translators'."


def filled(translation: object) -> bool:
    return all(translation) if isinstance(translation, list | tuple) else bool(translation)


def faults(language: str) -> Iterator[str]:
    """What is wrong with the translations into a language."""
    known = texts()
    catalog = read(language)
    for message in catalog:
        if not message.id:
            continue
        said = f"{language}: {message.id!r}"
        if (tuple(message.id) if message.pluralizable else message.id) not in known:
            yield f"{said} is said nowhere any more"
        if message.fuzzy:
            yield f"{said} is only guessed"
        strings = message.string if isinstance(message.string, list | tuple) else [message.string]
        if COMPLETE and not all(strings):
            yield f"{said} has no translation"
        if message.pluralizable and any(strings) and len(strings) != catalog.num_plurals:
            yield f"{said} has {len(strings)} of {catalog.num_plurals} forms"
        for one in filter(None, strings):
            yield from (f"{said} became {one!r}: {why}" for why in differences(message, one))
    if COMPLETE:
        have = {tuple(one.id) if one.pluralizable else one.id for one in catalog if one.id}
        yield from (f"{language}: {one!r} is missing" for one in known if one not in have)


def differences(message: Message, translated: str) -> Iterator[str]:
    """How a translation is made of other parts than the English."""
    ids = list(message.id) if message.pluralizable else [message.id]
    for what, parts in (
        ("values", lambda text: {*PLACE.findall(text), *places(text)}),
        ("markup", lambda text: sorted(TAG.findall(text))),
    ):
        had = [parts(one) for one in ids]
        # a language whose one is said without a number
        allowed = [*had, {one for one in had[0] if one != "n"}] if what == "values" and len(had) > 1 else had
        if parts(translated) not in allowed:
            yield f"other {what}"
    if '"' in translated and not any('"' in one for one in ids):
        yield "a straight quotation mark ends an attribute; write the language's own"
    if any(
        one[:1].isspace() != translated[:1].isspace() or one[-1:].isspace() != translated[-1:].isspace()
        for one in ids
    ):
        yield "other space around it"


def without_places(catalogue: bytes) -> bytes:
    """A catalogue without the files that say its texts: those move more often than the texts change."""
    return re.sub(rb"^#: .*\n", b"", catalogue, flags=re.MULTILINE)


def main() -> None:
    wrong = []
    for language in LANGUAGES:
        if language == "en":
            continue
        path, made = path_of(language), updated(language)
        if "--check" not in sys.argv[1:]:
            LOCALE.mkdir(exist_ok=True)
            path.write_bytes(made)
        elif not path.is_file() or without_places(path.read_bytes()) != without_places(made):
            wrong.append(f"{path.relative_to(ROOT)} is not up to date: python scripts/catalogue.py")
        wrong += faults(language)
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()

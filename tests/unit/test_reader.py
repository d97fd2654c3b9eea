"""A page's numbers, money, times and sentences are its reader's; what they type is read the same way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from freehold.core import texts
from freehold.core.errors import InvalidInput
from freehold.core.texts import Day, Epsilon, Moment, Month, Share, Size, Span, Units, packed, said, unpacked
from freehold.features.proof import lineage_svg
from freehold.kernel.web import formats, typed, words
from freehold.kernel.web.forms import Form
from freehold.kernel.web.reader import READER, Reader
from freehold.shell.web import reading

READERS = [
    Reader("en"),
    Reader("en", "US"),
    Reader("de"),
    Reader("de", "CH"),
    Reader("fr"),
    Reader("es"),
    Reader("es", "MX"),
]
MARCH = 1_772_546_709
"""3 March 2026, 14:05:09 UTC."""


@contextmanager
def read_by(language: str, region: str = "", zone: str = "UTC", *, known: bool = True) -> Iterator[None]:
    token = READER.set(Reader(language, region, zone, known))
    try:
        yield
    finally:
        READER.reset(token)


def spaced(text: str) -> str:
    """With plain spaces, whatever kind the CLDR chose."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("language", "region", "amount", "count", "share", "date", "ago", "some"),
    [
        ("en", "", "$1,234.50", "1,234,567", "12.5%", "3 March 2026", "3 minutes ago", "a, b and c"),
        ("en", "US", "$1,234.50", "1,234,567", "12.5%", "March 3, 2026", "3 minutes ago", "a, b, and c"),
        ("de", "", "1.234,50 $", "1.234.567", "12,5 %", "3. März 2026", "vor 3 Minuten", "a, b und c"),
        ("fr", "", "1 234,50 $", "1 234 567", "12,5 %", "3 mars 2026", "il y a 3 minutes", "a, b et c"),
        ("es", "", "1.234,50 $", "1.234.567", "12,5 %", "3 de marzo de 2026", "hace 3 minutos", "a, b y c"),
        ("en", "XX", "$1,234.50", "1,234,567", "12.5%", "March 3, 2026", "3 minutes ago", "a, b, and c"),
    ],
)
def test_values_are_written_as_their_reader_does(
    language: str, region: str, amount: str, count: str, share: str, date: str, ago: str, some: str
):
    with read_by(language, region):
        assert spaced(formats.money(1_234_500_000)) == amount
        assert spaced(formats.number(1_234_567)) == count
        assert spaced(formats.percent(1_250)) == share
        assert formats.day(MARCH) == date
        assert formats.ago(MARCH, MARCH + 180) == ago
        assert formats.listed(["a", "b", "c"]) == some


def test_money_has_one_precision():
    shown = {
        2_500_000: "$2.50",
        1_005_000: "$1.005",
        3_141_593: "$3.14",
        3_149_999: "$3.15",
        333_333: "$0.333333",
        1: "$0.000001",
        0: "$0.00",
        -2_500_000: "-$2.50",
    }
    assert {units: formats.money(units) for units in shown} == shown
    assert words.money(3_141_593) == '<span class="money" title="$3.141593">$3.14</span>'
    assert "title" not in words.money(2_500_000)
    assert "units" not in words.money(3_141_593)


def test_what_is_not_known_is_a_dash():
    assert [words.money(None), words.count(None, "row"), words.when(None), words.percent(None)] == [
        '<span class="money">—</span>',
        "— rows",
        "—",
        "—",
    ]
    assert said("{price} a call", price=None) == "— a call"


def test_times_are_of_the_readers_zone_and_an_unknown_zone_is_said():
    with read_by("de", zone="Europe/Berlin"):
        assert formats.moment(MARCH) == "3. März 2026, 15:05"
        assert 'title="3. März 2026, 15:05:09 CET"' in words.when(MARCH)
        assert 'datetime="2026-03-03T14:05:09Z"' in words.when(MARCH)
        # the last hour of a day is of the next one, east of Greenwich
        assert formats.day(MARCH + 9 * 3600) == "4. März 2026"
    with read_by("en", known=False):
        assert formats.moment(MARCH) == "3 March 2026, 14:05 UTC"
    with read_by("es", zone="America/Sao_Paulo"):
        assert formats.moment(MARCH, precise=True).endswith(" 11:05:09 UTC-03")
    with read_by("en", zone="Pacific/Kiritimati"):
        assert "9999" in formats.day(10**17), "a stranger's date may be anything"


@pytest.mark.parametrize("kind", [Units, Moment, Day, Month, Span, Size, Share, Epsilon])
@pytest.mark.parametrize("number", [0, 1, 5, 1_023])
def test_every_value_of_a_text_is_written_however_small_it_is(kind, number):
    for language in ("en", "de"):
        with read_by(language):
            assert formats.tr(said("{it} free", it=kind(number))).removesuffix(" free")


def test_a_text_keeps_english_for_everybody_else():
    text = said.many("{who}: {n} row", "{who}: {n} rows", n=1_200, who="Ada")
    with read_by("de"):
        assert text == "Ada: 1,200 rows"
        assert formats.tr(text) == "Ada: 1.200 rows", "no catalogue: English with the reader's numbers"
    values = [Units(1), Moment(MARCH), Day(MARCH), Span(180), Size(1_500_000), Share(1_250)]
    assert [str(one) for one in values] == [
        "$0.000001",
        "3 March 2026, 14:05 UTC",
        "3 March 2026",
        "3 minutes",
        "1.4 MiB",
        "12.5 %",
    ]
    with read_by("fr"):
        shown = [spaced(formats.value(one)) for one in values]
    assert shown == ["0,000001 $", "3 mars 2026, 14:05", "3 mars 2026", "3 minutes", "1,4 MiB", "12,5 %"]


def test_a_strangers_value_in_a_text_is_clean_and_stays_in_its_place():
    hostile = said("{who} asks", who="a\N{RIGHT-TO-LEFT OVERRIDE}b")
    assert words.plain(hostile) == "a\N{REPLACEMENT CHARACTER}b asks"
    hebrew = said("{who} asks", who="שלום")
    assert words.plain(hebrew) == "\N{FIRST STRONG ISOLATE}שלום\N{POP DIRECTIONAL ISOLATE} asks"
    escaping = said("{who} asks", who="a\N{POP DIRECTIONAL ISOLATE}b")
    assert words.plain(escaping) == "a\N{REPLACEMENT CHARACTER}b asks"
    marked = formats.tr(said("{who} <asks> {what}", who=Markup("<b>A</b>"), what="<i>"))
    assert marked == "<b>A</b> &lt;asks&gt; &lt;i&gt;"


@given(st.integers(0, 10**15 - 1), st.sampled_from(READERS))
def test_what_is_written_into_a_field_is_read_back(units: int, who: Reader):
    token = READER.set(who)
    try:
        assert typed.units(typed.amount(units)) == units
        number = Decimal(units) / 100
        assert typed.number(spaced(formats.number(number))) == number or _may_be_two(formats.number(number))
        assert typed.whole(formats.number(units)) == units
    finally:
        READER.reset(token)


def _may_be_two(shown: str) -> bool:
    """Whether it has one mark and three digits behind, and so is refused."""
    return sum(not one.isdigit() for one in shown) == 1 and not shown[-4].isdigit()


@given(st.integers(0, 10**15 - 1))
def test_what_one_reader_writes_no_other_reads_as_something_else(units: int):
    read = set()
    for writer in READERS:
        for who in READERS:
            token = READER.set(writer)
            amount = typed.amount(units)
            READER.set(who)
            read.add(typed.units(amount))
            READER.reset(token)
    assert read == {units}


@pytest.mark.parametrize(
    ("language", "text", "units"),
    [
        ("de", "2,50", 2_500_000),
        ("de", "2.50", 2_500_000),
        ("de", "1.000", 1_000_000_000),
        ("de", "1.000,5 $", 1_000_500_000),
        ("de", "1,000", None),
        ("en", "1,000.5", 1_000_500_000),
        ("en", "1.000,50", 1_000_500_000),
        ("en", "$1,000", 1_000_000_000),
        ("en", "1.000", None),
        ("en", "0.001", 1_000),
        ("en", "2,50", 2_500_000),
        ("en", "1,00,000", None),
        ("en", "1,000,000", 10**12),
        ("en", "01.500", 1_500_000),
        ("en", "1.5.0", None),
        ("en", "-1", None),
        ("en", "", None),
        ("en", "\N{FULLWIDTH DIGIT ONE}", None),
        ("fr", "1 000,5", 1_000_500_000),
        ("fr", "1\N{NARROW NO-BREAK SPACE}000,505", 1_000_505_000),
        ("fr", "1.000", None),
        ("es", "1.000", 1_000_000_000),
        ("en", "1" * 41, None),
    ],
)
def test_amounts_are_read_as_they_were_meant_or_not_at_all(language: str, text: str, units: int | None):
    form = Form({"price": [text]})
    with read_by(language):
        if units is None:
            with pytest.raises(InvalidInput):
                form.money("price")
        else:
            assert form.money("price") == units


def test_what_may_mean_two_numbers_is_refused_with_both():
    with pytest.raises(InvalidInput, match=r"^1\.500 can be read as 1\.50 or as 1500$") as refused:
        typed.units("1.500")
    assert refused.value.hint == "Write 1.50 or 1500."


@pytest.mark.parametrize(
    ("language", "region", "text"),
    [
        ("en", "US", "3/31/2026"),
        ("en", "GB", "31/03/2026"),
        ("de", "", "31.3.2026"),
        ("fr", "", "2026-03-31"),
    ],
)
def test_dates_are_read_in_the_readers_order(language: str, region: str, text: str):
    with read_by(language, region):
        assert typed.day(text).isoformat() == "2026-03-31"
        for wrong in ("13/13/2026", "tomorrow", "1/2", "2026-02-30"):
            with pytest.raises(InvalidInput):
                typed.day(wrong)


def test_a_text_that_was_kept_or_came_from_another_process_is_still_its_reader_s():
    """As a draft and the check of an upload keep them; what a stranger wrote stays a plain text."""
    kept = {
        "told": [said.many("{n} row", "{n} rows", n=2), "{n} is no place of ours"],
        "why": said("{message}. {hint}", message=said("Every check holds."), hint=Units(2_500_000)),
        "share": said("shares: {shares}", shares=[Share(4050), Decimal("40.25"), Day(MARCH)]),
    }
    found = unpacked(json.loads(json.dumps(packed(kept))))
    assert found == {name: list(one) if isinstance(one, list) else one for name, one in kept.items()}
    french = Reader("fr", texts=lambda: reading.translations("fr"))
    token = READER.set(french)
    try:
        assert formats.tr(found["told"][0]) == formats.tr(kept["told"][0]) == "2 lignes"
        assert formats.tr(found["told"][1]) == "{n} is no place of ours"
        assert spaced(formats.tr(found["why"])) == "Toutes les vérifications sont bonnes.. 2,50 $"
        assert "40,5 %, 40,25 et 3 mars 2026" in spaced(formats.tr(found["share"]))
    finally:
        READER.reset(token)


def test_a_form_holds_what_its_reader_would_type():
    with read_by("de"):
        shown = {
            Epsilon(4_500_000): "4,5",
            Epsilon(90_000_000): "90",
            Epsilon(1_234_000): "1,2340",
            Units(7_250_000): "7,25",
        }
        assert {one: typed.as_typed(one) for one in shown} == shown
        assert typed.as_typed("1.250,75") == "1.250,75", "what was typed stays"
        assert [
            typed.canonical(str(typed.as_typed(one))) for one in (Epsilon(4_500_000), Epsilon(1_234_000))
        ] == ["4.5", "1.2340"]
    with read_by("en"):
        assert typed.as_typed(Epsilon(4_500_000)) == "4.5"


def test_the_lineage_picture_writes_shares_as_its_reader_does():
    nodes = [
        {"id": "a", "kind": "dataset", "name": "Ward", "owner_name": "North", "weight": 3_830},
        {"id": "m", "kind": "model", "name": "Risk"},
    ]
    lineage = {"nodes": nodes, "edges": [{"from": "a", "to": "m", "role": "trained", "weight": 3_830}]}
    with read_by("de"):
        drawn = lineage_svg.draw(lineage, styled=False, say=formats.tr)
    assert "North · 38,3 %<" in drawn
    assert "38.30 %<" in lineage_svg.draw(lineage), "elsewhere as before"


def test_a_sentence_begins_with_a_capital_and_a_name_stays_as_it_is_written():
    named = said("{file} is empty", file="patients.csv")
    for shown in (words.capitalise, words.sentence):
        assert words.plain(shown(named)) == "patients.csv is empty"
        assert words.plain(shown(said("{what}: no", what=named))) == "patients.csv is empty: no"
        assert shown(said("you paid")) == "You paid"
        assert shown(said("{what}, again", what=said("you paid"))) == "You paid, again"
    assert words.capitalise("de Boer") == "de Boer"
    assert words.sentence("not a text of the console") == "Not a text of the console"
    with read_by("de"):
        assert "Not a text" in words.sentence("not a text of the console")


def test_a_text_is_said_with_another_name_in_it():
    text = said(
        "{file}, {n} cells cannot be used: {cells}",
        file="0123.part",
        n=2,
        cells=said("{file} is empty", file="0123.part"),
    )
    other = texts.spelled(text, "0123.part", "wide.csv")
    assert other == "wide.csv, 2 cells cannot be used: wide.csv is empty"
    assert isinstance(other, texts.Text)
    assert texts.spelled("0123.part is gone", "0123.part", "wide.csv") == "wide.csv is gone"


@pytest.mark.parametrize(
    ("language", "given", "read"),
    [
        ("fr", " 13,5 ", "13.5"),
        ("es", "-0,25", "-0.25"),
        ("de", "13.5", "13.5"),
        ("fr", "1.234,5", "1.234,5"),
        ("en", "1,5", "1,5"),
    ],
)
def test_a_value_of_a_row_is_typed_with_the_reader_s_decimal_sign(language: str, given: str, read: str):
    """What is left as it is may be two numbers, and is refused where rows are read."""
    with read_by(language):
        assert typed.cell(given) == read

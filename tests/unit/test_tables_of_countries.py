"""Numbers, dates and texts as other countries write them, and workbooks: read right, said, or asked about."""

import datetime as dt
import io
import time

import pytest
import workbooks_made as made
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.errors import InvalidInput, InvalidTable
from freehold.features.data import workbooks
from freehold.features.data.rules import sources
from freehold.features.data.rules.profile import profile
from freehold.features.data.rules.reading import distinct, read
from freehold.features.data.rules.table import Limits
from freehold.features.data.rules.ways import Ways
from freehold.features.gateway.rules.rows import of_data

GOOD = [[1_234_500_000, 2_000_000], [-3_250_000, 40_000_000]]
BY_COMMA = "a;b;y\n1.234,5;2;0\n-3,25;40;1\n"
READ = {
    "semicolons": BY_COMMA,
    "tabs": "a\tb\ty\n1 234,5\t2\t0\n-3,25\t40\t1\n",
    "bars": "a|b|y\n1'234.5|2|0\n-3.25|40|1\n",
    "quoted": 'a,b,y\n"1,234.5",2,0\n-3.25,40,1\n',
    "a spreadsheet is told": "sep=;\r\na;b;y\r\n1.234,5;2;0\r\n-3,25;40;1\r\n",
    "utf-16": BY_COMMA.encode("utf-16"),
    "utf-16, other end": b"\xfe\xff" + BY_COMMA.encode("utf-16-be"),
    "a workbook": made.xlsx({"Data": made.rows([["a", "b", "y"], [1234.5, 2, 0], [-3.25, ("A1*2", 40), 1]])}),
    "a workbook of texts": made.xlsx(
        {"Data": made.rows([["a", "b", "y"], ["1.234,5", 2, False], ["-3,25", 40, True]], first=4)}
    ),
}


def _content(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_the_same_table_in_every_country(tmp_path, text):
    path = tmp_path / "part"
    path.write_bytes(_content(text))
    found = read(path, "y")
    assert (found.columns, found.features.tolist(), found.labels.tolist()) == (("a", "b"), GOOD, [0, 1])
    bought = of_data(path.read_bytes(), "part", ["a", "b"])
    assert [[float(cell) * 10**6 for cell in row] for row in bought.cells] == GOOD
    assert bought.left_out == ("y",)


def test_what_was_read_otherwise_than_it_stands_is_said(tmp_path):
    path = tmp_path / "part.csv"
    path.write_text("a;born;y\n1.234,5;31.12.2026;0\n-3,25;1.2.2026;1\n")
    seen = profile(path, Limits())
    assert [(one.column, one.written, one.read) for one in seen.understood] == [
        ("a", "1.234,5", "1234.5"),
        ("born", "31.12.2026", "20818"),
    ]
    assert seen.notes == ("cells are separated by semicolons",)
    assert seen.head[0] == ("1234.5", "20818", "0")
    warnings = " ".join(read(path, "y").warnings)
    assert "column 'a': a comma is read as the decimal mark" in warnings
    assert "column 'born': dates that begin with the day are read as days since 1 January 1970" in warnings
    assert "-3,25" not in warnings, "cells are private"
    assert of_data(path.read_bytes(), "p", ["a"]).read_as[1].startswith("column 'a': a comma")


@pytest.mark.parametrize(
    ("text", "way", "value"),
    [
        ('a,y\n"1,234",0\n"5,678",1\n', {"decimal": "comma"}, 1_234_000),
        ('a,y\n"1,234",0\n"5,678",1\n', {"decimal": "point"}, 1_234_000_000),
        ("a;y\n1.234;0\n5.678;1\n", {"decimal": "comma"}, 1_234_000_000),
        ("a;y\n1.234;0\n5.678;1\n", {"decimal": "point"}, 1_234_000),
        ("a,y\n03/04/1970,0\n05/06/1970,1\n", {"dates": "day"}, 92 * 10**6),
        ("a,y\n03/04/1970,0\n05/06/1970,1\n", {"dates": "month"}, 62 * 10**6),
        ("ä,y\n1,0\n2,1\n".encode("cp1252"), {"encoding": "latin-1"}, 10**6),
    ],
)
def test_what_could_be_two_things_is_asked_and_never_guessed(tmp_path, text, way, value):
    path = tmp_path / "part.csv"
    path.write_bytes(_content(text))
    with pytest.raises(InvalidTable) as asked:
        read(path, "y")
    name = next(iter(way))
    assert f"{name}=" in asked.value.hint
    assert read(path, "y", ways=Ways(**way)).features[0, 0] == value
    assert Ways.of(Ways(**way).said) == Ways(**way)


def test_three_decimals_stay_three_decimals():
    """A plain CSV file is read as it always was, also where all its numbers could be thousands elsewhere."""
    assert of_data(b"a,b\n1.234,5\n2.345,6\n", "p.csv", ["a", "b"]).cells == [["1.234", "5"], ["2.345", "6"]]


@pytest.mark.parametrize("said", [["decimal=both"], ["sheet="], ["decimal=comma", "decimal=point"], ["x"]])
def test_what_says_nothing_of_a_file_is_refused(said):
    with pytest.raises(InvalidInput, match="how a file is read"):
        Ways.of(said)


NUMBERS = st.decimals(-999_999_999, 999_999_999, places=3)


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.sampled_from([(".", ","), (",", "."), (",", " ")]))
def test_no_number_is_ever_read_as_another(numbers, marks):
    """Written in one way in a whole column, it is read as it was meant, or asked about."""
    point, thousands = marks
    swap = str.maketrans({".": point, ",": thousands})
    column = [f"{number:,}".translate(swap) for number in numbers]
    text = "a\ty\n" + "".join(f"{cell}\t0\n" for cell in column)
    try:
        found = of_data(text.encode(), "p.tsv", ["a"]).cells
    except sources.AmbiguousCells:
        meant = Ways(decimal="point" if point == "." else "comma")
        found = of_data(text.encode(), "p.tsv", ["a"], ways=meant).cells
    assert [float(row[0]) for row in found] == [float(number) for number in numbers]


DATES = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))


@given(
    st.lists(DATES, min_size=1, max_size=6),
    st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y"]),
)
def test_no_date_is_ever_read_as_another(dates, form):
    written = [date.strftime(form.replace("%Y", f"{date.year:04d}")) for date in dates]
    text = "a\ty\n" + "".join(f"{cell}\t0\n" for cell in written)
    try:
        found = of_data(text.encode(), "p.tsv", ["a"]).cells
    except sources.AmbiguousCells:
        meant = Ways(dates="month" if form.startswith("%m") else "day")
        found = of_data(text.encode(), "p.tsv", ["a"], ways=meant).cells
    assert [int(row[0]) for row in found] == [(date - dt.date(1970, 1, 1)).days for date in dates]


def test_every_wrong_cell_is_named_at_once_as_a_spreadsheet_shows_it(tmp_path):
    path = tmp_path / "part.csv"
    path.write_text("age,dose,y\n1,x,0\n\n,2,1\n3,4,maybe\n5,6,1\n")
    with pytest.raises(InvalidTable) as refused:
        read(path, "y")
    said = refused.value.message
    assert "3 cells cannot be used" in said
    for place in (
        "'dose' (B2): the cell is not",
        "'age' (A4): the cell is missing",
        "'y' (C5): the cell is n",
    ):
        assert place in said
    assert [one["cell"] for one in refused.value.fields["cells"]] == ["B2", "A4", "C5"]
    many = "a,y\n" + "x,0\n" * 1_000
    path.write_text(many)
    with pytest.raises(InvalidTable, match=r"1,000 cells cannot be used.*and 992 more"):
        read(path, "y")
    book = made.xlsx({"One": made.rows([["q", "a"], [1, "x"], ["w", 2]], first=7)})
    with pytest.raises(InvalidInput, match=r"'a' \(B8\): 'x' is not a number.*'q' \(A9\)"):
        of_data(book, "p.xlsx", ["a", "q"])


def test_one_sheet_of_several_is_named_and_may_be_chosen(tmp_path):
    path = tmp_path / "p.xlsx"
    path.write_bytes(
        made.xlsx(
            {
                "First <1>": made.rows(
                    [["a", "when", "y"], [1, ("date", 46_387), 0], [2, ("date", 46_022), 1]]
                ),
                "Other": made.rows([["b", "y"], [7, 0], [8, 1]]),
            }
        )
    )
    found = read(path, "y")
    assert found.features[0].tolist() == [10**6, 20_818 * 10**6]
    assert "the sheet 'First <1>', one of 2" in found.warnings[0]
    assert read(path, "y", ways=Ways(sheet="Other")).columns == ("b",)
    with pytest.raises(InvalidTable, match="no sheet 'Third'") as refused:
        read(path, "y", ways=Ways(sheet="Third"))
    assert "'Other'" in refused.value.hint


_CELL = "<table:table-cell office:value-type='float' office:value='{0}'{1}><text:p>{0}</text:p></table:table-cell>"
_WIDE = "<table:table-row table:number-rows-repeated='1048576'>{}</table:table-row>".format(
    _CELL.format(1, " table:number-columns-repeated='16384'")
)
BOMBS = {
    "far corner": made.xlsx(
        {"P": "<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>1</v></c></row>"}
    ),
    "a cell of 100 MB": made.xlsx({"P": made.rows([["a" * 100_000_000], [1]])}),
    "repeated cells": made.ods(f"<table:table table:name='T'>{_WIDE}</table:table>"),
    "entities": made.ods(
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]><table:table table:name='T'><table:table-row>&a;</table:table-row></table:table>"
    ),
    "no workbook": made.xlsx({})[:-40],
    "cut short": made.xlsx({"P": made.rows([["a", "y"], [1, 0]])})[:300],
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_workbook_made_to_fill_the_memory_is_refused_soon(tmp_path, content):
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(content)
    began = time.monotonic()
    with pytest.raises(InvalidTable, match=r"bomb\.xlsx"):
        distinct(path, "y")
    assert time.monotonic() - began < 60


_LONG = "a" * 3_000
_REPEATED = f"<table:table-cell table:number-columns-repeated='9' office:value-type='string'><text:p>{_LONG}</text:p></table:table-cell>"


@pytest.mark.parametrize(
    "content",
    [
        made.xlsx({"P": made.rows([[_LONG] * 9] * 50)}),
        made.ods(f"<table:table table:name='T'><table:table-row table:number-rows-repeated='50'>{_REPEATED}</table:table-row></table:table>"),
    ],
    ids=["xlsx", "ods"],
)  # fmt: skip
def test_what_a_workbook_unpacks_to_is_no_larger_than_a_table_may_be(content):
    with pytest.raises(InvalidTable, match="takes too much memory"):
        workbooks.first_sheet(io.BytesIO(content), "bomb.xlsx", Limits(size_bytes=1_000_000))
    whole = workbooks.first_sheet(io.BytesIO(content), "bomb.xlsx", Limits(size_bytes=2_000_000))
    assert len(whole.text) < 2_000_000


def test_an_open_document_is_read(tmp_path):
    def row(*cells):
        return f"<table:table-row>{''.join(cells)}</table:table-row>"

    def text(value):
        return f"<table:table-cell office:value-type='string'><text:p>{value}</text:p></table:table-cell>"

    rows = row(text("a"), text("y")) + row(_CELL.format("1.5", ""), _CELL.format("0", ""))
    path = tmp_path / "p.ods"
    path.write_bytes(made.ods(f"<table:table table:name='T'>{rows}</table:table>"))
    assert read(path, "y").features.tolist() == [[1_500_000]]

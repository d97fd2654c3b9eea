"""A list answers whatever its address says, shows each row once, and its file runs nothing."""

import asyncio
import csv
import io
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.texts import Units, said
from freehold.kernel.selecting import Found, Wanted, among
from freehold.kernel.web import tables
from freehold.kernel.web.forms import Form
from freehold.kernel.web.reader import READER, SPOKEN, Reader
from freehold.kernel.web.tables import Bulk, Column, Filter, Listed, Number, Table, decimal, moment
from freehold.kernel.web.visit import Answered
from freehold.shell.web.reading import translations
from freehold.shell.web.rendering import Rendering

ROWS = [{"id": str(n), "name": f"Table {n % 7} é", "units": n * 10_000, "at": n} for n in range(123)]
NAMES = ("q", "sort", "after", "before", "at", "kind", "format", "other")
TEMPLATE = Rendering()._environment.get_template("table.html")


def load(wanted: Wanted) -> Found[dict[str, Any]]:
    some = [row for row in ROWS if wanted.filter("kind") in ("", str(row["at"] % 2))]
    sorts = {"name": lambda row: row["name"], "units": lambda row: row["units"]}
    return among(some, wanted, sorts, said=lambda row: row["name"], key=lambda row: row["id"])


def table(**changed: Any) -> Table:
    columns = (
        Column("name", "Name", sort=True),
        Column("units", "Sold", "money", sort=True, align="end", csv=lambda row: decimal(row["units"])),
        Column("at", "When", csv=lambda row: moment(row["at"])),
        Column("act", "Act", lambda _: "", csv=False),
    )
    filters = (Filter("kind", "Kind", "any", [("0", "even"), ("1", "odd")]),)
    return Table(
        **{
            "title": "My data",
            "columns": columns,
            "load": load,
            "search": "Name",
            "filters": filters,
            **changed,
        }
    )


def visit(query: Mapping[str, str]) -> Any:
    session = SimpleNamespace(csrf="token")
    return SimpleNamespace(query=query, path="/data", session=session, form=Form())


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def file(made: Table, query: Mapping[str, str]) -> str:
    with pytest.raises(Answered) as answered:
        made.shown(visit({**query, "format": "csv"}))
    return asyncio.run(whole(answered.value))


async def whole(answered: Answered) -> str:
    parts = [part async for part in answered.response.body_iterator]  # type: ignore[attr-defined]
    return b"".join(parts).decode()


def test_a_file_is_in_one_language_and_opens_in_the_spreadsheets_of_its_country(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = (
        Column("name", said("Name")),
        Column("what", said("What"), csv=lambda _: said("Published data")),
        Column("is", said("Signed by both sides"), csv=lambda row: row["at"] == 0),
        Column("units", said("Paid"), csv=lambda row: decimal(row["units"])),
    )
    monkeypatch.setattr(tables, "MOST_ROWS", 2)
    made = table(columns=columns, limit=2)
    reader = READER.set(Reader("de", "AT", texts=lambda: translations("de")))
    with pytest.raises(Answered) as answered:
        made.shown(visit({"format": "csv"}))
    # it is sent when the request is over
    READER.reset(reader)
    sent = asyncio.run(whole(answered.value)).removeprefix("\ufeff")
    rows = list(csv.reader(io.StringIO(sent), delimiter=";"))
    assert rows[0] == ["Name", "Was", "Von beiden Seiten unterschrieben", "Bezahlt"]
    assert rows[1] == ["Table 0 é", "Daten veröffentlicht", "ja", "0,00"]
    assert rows[-1] == ["Table 3 é", "Daten veröffentlicht", "nein", "1,22"]


def test_a_form_is_answered_by_its_page_whatever_its_address_asks_for():
    posted = visit({"format": "csv"})
    posted.form.fields["csrf"] = ["token"]
    assert table().shown(posted).found.rows


texts = st.text(max_size=30) | st.sampled_from(
    ["name", "-units", "csv", "1", "x" * 5_000, "WyIiLDEsMV0", "\0", "\ud800"]
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=9), texts, max_size=8))
def test_any_address_is_answered(query: dict[str, str]) -> None:
    made = table(limit=3)
    if query.get("format") == "csv":
        assert file(made, query).startswith("\ufeff")
        return
    # what a browser sends has no half characters
    listed = made.shown(
        visit(
            {
                k.encode(errors="replace").decode(): v.encode(errors="replace").decode()
                for k, v in query.items()
            }
        )
    )
    assert len(listed.wanted.words) <= 8
    assert len(listed.found.rows) <= 3
    shown = str(TEMPLATE.module.table(listed))
    assert "My data" in shown or not listed.found.rows


def test_pages_follow_each_other_and_lead_back() -> None:
    made, query, seen, pages = table(), {"sort": "-units"}, [], []
    while True:
        listed = made.shown(visit(query))
        seen += [row["id"] for row in listed.found.rows]
        pages.append((listed.first, listed.last, [row["id"] for row in listed.found.rows]))
        if "next" not in listed.pages:
            break
        query = query_of(listed.pages["next"])
    assert seen == [row["id"] for row in ROWS[::-1]]
    assert [page[:2] for page in pages] == [(1, 50), (51, 100), (101, 123)]
    for expected in pages[-2::-1]:
        listed = made.shown(visit(query_of(listed.pages["previous"])))
        assert (listed.first, listed.last, [row["id"] for row in listed.found.rows]) == expected
    assert "previous" not in listed.pages


def test_a_place_of_another_order_or_of_what_is_gone_begins_anew() -> None:
    listed = table().shown(visit({"sort": "-units"}))
    place = query_of(listed.pages["next"])["after"]
    assert table().shown(visit({"sort": "name", "after": place})).first == 1
    assert [row["id"] for row in table().shown(visit({"after": "rubbish"})).found.rows][:1] == ["0"]


def test_words_and_choices_stay_while_it_is_turned_and_sorted() -> None:
    listed = table().shown(visit({"q": " 3  table ", "kind": "1", "sort": "name", "elsewhere": "5"}))
    assert listed.wanted.words == ("3", "table")
    assert {row["name"] for row in listed.found.rows} == {"Table 3 é"}
    turned = query_of(listed.turned(listed.table.columns[0]))
    assert turned == {"q": "3 table", "kind": "1", "sort": "-name", "elsewhere": "5"}
    assert table().shown(visit({"kind": "7"})).wanted.filters == {}


def test_two_tables_of_one_page_leave_each_other_alone() -> None:
    first, second = table(), table(prefix="b")
    query = {"q": "3", "b-sort": "-units", "b-q": "4"}
    assert first.shown(visit(query)).wanted.words == ("3",)
    assert second.shown(visit(query)).wanted.words == ("4",)
    leads = query_of(first.shown(visit(query)).turned(first.columns[0]))
    assert {"b-sort": "-units", "b-q": "4"}.items() <= leads.items()
    shown = second.shown(visit({**query, "format": "csv"}))
    assert isinstance(shown, Listed)


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\0=", "＝", "－"])  # noqa: RUF001
def test_no_cell_of_a_file_is_a_formula(begins: str) -> None:
    bad = f'{begins}cmd|" /C calc"!A0'
    made = table(load=lambda _: Found([{"id": "1", "name": bad, "units": -5_000_000, "at": 0}]))
    head, row = csv.reader(io.StringIO(file(made, {}).removeprefix("\ufeff")))
    assert head == ["Name", "Sold", "When"]
    assert row[0].startswith("'")
    assert row[1:] == ["-5.00", "1970-01-01T00:00:00Z"]


@pytest.mark.parametrize(
    "bad", ["x;=1+1;", "x;\N{NO-BREAK SPACE}-1;", "x\n@SUM(A1)\n", "x\r\n+1", "\N{ZERO WIDTH SPACE}=1"]
)
@pytest.mark.parametrize("ends", [",", ";"])
def test_no_cell_is_a_formula_where_semicolons_end_cells(bad: str, ends: str) -> None:
    # a cell that is quoted is whole only where it is the first
    columns = (Column("id", "Id"), Column("name", "Name"))
    made = table(load=lambda _: Found([{"id": "1", "name": bad}]), columns=columns)
    cells = [cell for row in csv.reader(io.StringIO(file(made, {})), delimiter=ends) for cell in row]
    assert len(cells) >= 2
    assert not [one for one in cells if one.strip(" \ufeff\u200b\xa0")[:1] in ("=", "+", "-", "@")]


def test_no_name_turns_what_stands_beside_it_in_a_file() -> None:
    assert tables.written("5\N{RIGHT-TO-LEFT OVERRIDE}00.1") == "5\N{REPLACEMENT CHARACTER}00.1"


def test_a_file_has_every_row_that_fits_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(csv.reader(io.StringIO(file(table(), {"kind": "1", "after": "x"}))))
    assert len(rows) == 1 + sum(row["at"] % 2 for row in ROWS)
    monkeypatch.setattr(tables, "MOST_DOWNLOADED", 100)
    monkeypatch.setattr(tables, "MOST_ROWS", 30)
    assert len(list(csv.reader(io.StringIO(file(table(), {}))))) == 101


def test_machine_values() -> None:
    assert [tables.written(one) for one in (None, True, 7, -7, Number("-1.5"), "-1.5")] == [
        "",
        "yes",
        "7",
        "-7",
        "-1.5",
        "'-1.5",
    ]
    assert [decimal(one) for one in (0, 1, 1_500_000, -2_000_000, None)] == [
        "0.00",
        "0.000001",
        "1.50",
        "-2.00",
        None,
    ]


def test_sums_below_one_another_have_as_many_decimals() -> None:
    columns = (
        Column("units", "Amount", "money"),
        Column("paid", "Paid", lambda row: Units(row["units"]) if row["units"] else ""),
        Column("price", "Price", lambda _: Units(1_005_000)),
    )

    def shown(*units: int | None) -> list[list[str]]:
        found = Found([{"id": "1", "name": "", "units": one} for one in units])
        page = str(TEMPLATE.module.table(Table("Sums", columns, lambda _: found).shown(visit({}))))
        cells = [re.sub("<[^>]+>", "", one) for one in re.findall("<td[^>]*>(.*?)</td>", page)]
        return [cells[at::3] for at in range(3)]

    amounts, paid, prices = shown(79_552, 5_000_000, 296_512, 0, None)
    assert amounts == ["$0.080", "$5.000", "$0.297", "$0.000", "—"]
    assert paid == ["$0.080", "$5.000", "$0.297", "", ""]
    assert prices == ["$1.005"] * 5
    assert shown(3_141_593, 250_000)[0] == ["$3.14", "$0.25"]
    assert shown(12_500, 5_000_000)[0] == ["$0.0125", "$5.0000"]
    assert shown(1, -2_000_000)[0] == ["$0.000001", "-$2.000000"]


def test_what_can_be_done_with_no_row_is_not_offered() -> None:
    def shown(can: Callable[[Any], str | None]) -> str:
        bulk = Bulk("/x", (("take", "Take back"),), key=can, name=lambda row: row["name"])
        return str(TEMPLATE.module.table(table(bulk=bulk).shown(visit({}))))

    assert not re.search("Take back|checkbox|<form id", shown(lambda _: None))
    page = shown(lambda row: row["id"] if row["id"] == "3" else None)
    assert "Take back" in page
    assert page.count('type="checkbox"') == 1
    assert re.search(r'value="3" form="list-acts"', page)


def test_a_file_is_said_in_one_language_as_its_reader_has_it() -> None:
    columns = (
        Column("units", said("Amount"), "money", csv=lambda row: decimal(row["units"])),
        Column("state", said("State"), csv=lambda _: said("on offer")),
        Column("name", said("Name")),
    )
    found = Found([{"id": "1", "name": said("{who}", who="مريم"), "units": 2_500_000}])
    made = table(columns=columns, load=lambda _: found)
    token = READER.set(Reader("de", texts=SPOKEN["de"]))
    try:
        with pytest.raises(Answered) as answered:
            made.shown(visit({"format": "csv"}))
    finally:
        READER.reset(token)

    # its rows are read later, when nobody reads any more
    german = asyncio.run(whole(answered.value)).removeprefix("\ufeff")
    assert list(csv.reader(io.StringIO(german), delimiter=";")) == [
        ["Betrag", "Stand", "Name"],
        ["2,50", "angeboten", "مريم"],
    ]
    assert "on offer" in file(made, {})

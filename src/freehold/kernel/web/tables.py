"""Lists of the console: searched, sorted, filtered and turned by their address, without script, and downloaded as CSV.

    listed = Table(
        "My data",
        (Column("name", "Name", show=lambda row: Link(f"/assets/{row['id']}", row["name"]), sort=True),
         Column("sold_units", "Sold", show="money", csv=lambda row: decimal(row["sold_units"]), align="end")),
        partial(datasets, visit.host),
        search="Name, description or column",
    ).shown(visit)

and in the template `{{ tables.table(listed) }}`. `load` gets a `Wanted` and gives a `Found` (`kernel.selecting`); a
download asks it for page after page. Where several tables stand on one page, each but one has a `prefix` of its own.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any, Literal
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from freehold.core.money import DECIMALS
from freehold.core.texts import Day, Text, Units, said
from freehold.kernel.door import CONSOLE_PATH
from freehold.kernel.selecting import MOST_ROWS, PAGE, Found, Wanted, words
from freehold.kernel.web.formats import cents, marks, tr, value
from freehold.kernel.web.names import clean
from freehold.kernel.web.visit import Answered, Visit

__all__ = [
    "Bulk", "Button", "Column", "Empty", "Filter", "Found", "Link", "Listed", "Number", "Table", "Tag", "Wanted", "decimal",
    "moment",
]  # fmt: skip

MOST_DOWNLOADED = 100_000
"""Rows of one CSV file."""
_MOST_TEXT = 1_200
_MOST_OTHERS = 20
_BEGINS_FORMULA = re.compile(r"(^|[;\n])(?=\s*[=+\-@＝＋－＠])|^(?=[\n\ufffd])")  # noqa: RUF001 - the wide ones are meant
"""Where decimals have a comma, Excel takes semicolons for the ends of cells, and commas and quotes for text."""
_ISOLATES = dict.fromkeys(map(ord, "\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}"))
_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Excel reads a CSV file in the encoding of its country unless it begins with this; other programs pass over it."""
_YES, _NO = said("yes"), said("no")


@dataclass(frozen=True)
class Link:
    """A cell that leads to a page below the console."""

    path: str
    text: object
    note: object = ""
    """Said beside it, in a lighter colour."""
    label: str = ""
    """What it is called by who does not see the row, where `text` alone does not say it."""


@dataclass(frozen=True)
class Tag:
    """A cell of one coloured word: good, warn, bad or nothing."""

    word: str
    mood: str = ""


@dataclass(frozen=True)
class Button:
    """A cell that acts: a form of its own."""

    path: str
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    mood: str = "quiet"


@dataclass(frozen=True)
class Column:
    """One column; its name is the row's, where `show` or `csv` say nothing else."""

    name: str
    label: str
    show: str | Callable[[Any], object] = ""
    """What a cell shows: of the row, or the name of a template's filter; None is shown as a dash, `Units` as money."""
    sort: bool = False
    """Whether `load` can sort by its name."""
    align: Literal["start", "end"] = "start"
    csv: Callable[[Any], object] | bool = True
    """What a file says, as machines read it; False for none, such as a cell that acts."""

    def cell(self, row: Any) -> object:
        """What a page shows, before the filter of that name."""
        return self.show(row) if callable(self.show) else _value(row, self.name)

    def said(self, row: Any) -> object:
        """What a file says."""
        return self.csv(row) if callable(self.csv) else _value(row, self.name)


def _value(row: Any, name: str) -> object:
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


@dataclass(frozen=True)
class Filter:
    """A choice that narrows a list; what is none of its options narrows nothing."""

    name: str
    label: str
    every: str
    """What is said for no choice, such as `everybody`."""
    options: Sequence[tuple[str, object]]
    """(value, as people read it)."""


@dataclass(frozen=True)
class Bulk:
    """What can be done with the rows that are ticked; the form posts their keys as `chosen`, and `act`."""

    path: str
    acts: Sequence[tuple[str, str]]
    """(value, label) of each button."""
    key: Callable[[Any], str | None]
    """What a tick box of a row says; None for a row that nothing of this can be done with."""
    name: Callable[[Any], object]
    """What a row is called by who does not see it."""


@dataclass(frozen=True)
class Empty:
    """What stands in the place of a list that has no rows yet."""

    title: str
    text: str = ""
    path: str = ""
    action: str = ""


@dataclass(frozen=True)
class Table:
    """A list, and how it is read."""

    title: str
    """Its caption, for those who do not see it, and the name of its file."""
    columns: Sequence[Column]
    load: Callable[[Wanted], Found[Any]]
    search: str = ""
    """What a search looks through; empty for no search."""
    filters: Sequence[Filter] = ()
    bulk: Bulk | None = None
    empty: Empty = Empty("")
    sort: str = ""
    """As the address says it: a column's name, with `-` before it for the largest first. Empty: the list's own order."""
    prefix: str = ""
    """Begins its names in the address."""
    limit: int = PAGE

    def wanted(self, query: Mapping[str, str]) -> Wanted:
        """What an address asks for; what it cannot mean is left out."""
        said = query.get(self.named("sort"), "") or self.sort
        sort = said.removeprefix("-")
        if not any(one.sort and one.name == sort for one in self.columns):
            said, sort = self.sort, self.sort.removeprefix("-")
        chosen = {}
        for one in self.filters:
            value = query.get(self.named(one.name), "")
            if value and any(value == option for option, _ in one.options):
                chosen[one.name] = value
        before, after = (query.get(self.named(name), "")[:_MOST_TEXT] for name in ("before", "after"))
        return Wanted(
            words=words(query.get(self.named("q"), "")) if self.search else (),
            sort=sort,
            descending=said.startswith("-"),
            filters=chosen,
            after=after or before,
            limit=self.limit,
            back=bool(before and not after),
        )

    def named(self, name: str) -> str:
        """A name in the address."""
        return f"{self.prefix}-{name}" if self.prefix else name

    def shown(self, visit: Visit) -> Listed:
        """The page that an address asks for. Where it asks for the file, that is the answer to the visit."""
        wanted = self.wanted(visit.query)
        # a form whose address asks for a file is answered by its page all the same
        if visit.query.get(self.named("format")) == "csv" and not visit.form.fields:
            raise Answered(self.file(wanted))
        found = self.load(wanted)
        if not found.rows and wanted.after:
            # what stood there is gone
            wanted = replace(wanted, after="", back=False)
            found = self.load(wanted)
        return Listed(self, wanted, found, visit.path, dict(visit.query), visit.session.csrf)

    def file(self, wanted: Wanted) -> Response:
        """All rows that fit, as CSV."""
        pages = self._pages(replace(wanted, after="", back=False, limit=MOST_ROWS, counted=False))
        # what cannot be read is a page that says so, not half a file
        first = next(pages)
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        name = re.sub(r"[^a-z0-9]+", "-", str(self.title).lower()).strip("-")[:60] or "list"
        headers = {
            "content-disposition": f'attachment; filename="{name}-{day}.csv"',
            "cache-control": "no-store",
        }
        columns = [one for one in self.columns if one.csv is not False]
        lines = self._lines(columns, first, pages)
        # rows are read while the file is sent, and for whoever asked all the same
        reader = copy_context()
        sent = iter(lambda: reader.run(next, lines, None), None)
        return StreamingResponse(sent, media_type="text/csv; charset=utf-8", headers=headers)

    def _pages(self, wanted: Wanted) -> Iterator[Sequence[Any]]:
        left = MOST_DOWNLOADED
        while left > 0:
            found = self.load(replace(wanted, limit=min(left, wanted.limit)))
            yield found.rows
            left -= len(found.rows)
            if not found.next or not found.rows:
                return
            wanted = replace(wanted, after=found.next)

    @staticmethod
    def _lines(
        columns: Sequence[Column], first: Sequence[Any], pages: Iterator[Sequence[Any]]
    ) -> Iterator[bytes]:
        yield (_MARK + _line(one.label for one in columns)).encode()
        for rows in chain((first,), pages):
            yield "".join(_line(one.said(row) for one in columns) for row in rows).encode()


def _line(cells: Iterator[object]) -> str:
    out = io.StringIO()
    # as spreadsheets of the reader's country write and open it
    ends = ";" if _has_commas() else ","
    csv.writer(out, delimiter=ends, quoting=csv.QUOTE_ALL).writerow([written(one) for one in cells])
    return out.getvalue()


def _has_commas() -> bool:
    return marks()[0] == ","


def written(value: object) -> str:
    """A cell of a file: numbers plain, texts as their reader has them, and none that a spreadsheet would run as a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return tr(_YES if value else _NO)
    if isinstance(value, int | Number):
        return str(value).replace(".", "," if _has_commas() else ".")
    # a file's cell is apart from others anyhow
    text = tr(value).translate(_ISOLATES) if isinstance(value, Text) else str(value)
    return _BEGINS_FORMULA.sub(r"\1'", clean(text.replace("\r\n", "\n")))


class Number(str):
    """A number written with a dot; a file says it with the reader's decimal sign."""

    __slots__ = ()


def decimal(units: int | None) -> Number | None:
    """Money as machines read it: dollars, with a dot."""
    if units is None:
        return None
    whole, part = divmod(abs(units), 10**DECIMALS)
    digits = f"{part:0{DECIMALS}d}".rstrip("0").ljust(2, "0")
    return Number(f"{'-' if units < 0 else ''}{whole}.{digits}")


def moment(seconds: int | None) -> str | None:
    """A time as machines read it, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Listed:
    """A page of a table, as its template shows it."""

    table: Table
    wanted: Wanted
    found: Found[Any]
    path: str
    query: Mapping[str, str]
    csrf: str

    @property
    def id(self) -> str:
        """What its parts on the page are called."""
        return self.table.named("list")

    @property
    def narrowed(self) -> bool:
        """Whether something was searched or chosen."""
        return bool(self.wanted.words or self.wanted.filters)

    @property
    def typed(self) -> str:
        """What is searched."""
        return " ".join(self.wanted.words)

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1; by the address, and so only as true as that."""
        at = self.query.get(self.table.named("at"), "")[:12]
        moved = bool(self.wanted.after) and at.isascii() and at.isdecimal()
        return max(1, int(at)) if moved else 1

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return self.first + len(self.found.rows) - 1

    @property
    def others(self) -> list[tuple[str, str]]:
        """What the address says that is none of this table's."""
        mine = {self.table.named(one) for one in ("q", "sort", "after", "before", "at", "format")}
        mine |= {self.table.named(one.name) for one in self.table.filters}
        said = [(name[:80], value[:_MOST_TEXT]) for name, value in self.query.items() if name not in mine]
        # a download of another table stays with that table
        return [one for one in said if not one[0].endswith("format")][:_MOST_OTHERS]

    @staticmethod
    def text(cell: object) -> str:
        """A value as its reader writes it."""
        return value(cell)

    @staticmethod
    def kind(cell: object) -> str:
        """What a cell is, where it is more than a value."""
        return type(cell).__name__.lower() if isinstance(cell, Link | Tag | Button | Units | Day) else ""

    @property
    def keys(self) -> list[str | None]:
        """What the tick box of each row says; empty where nothing can be done with any of them."""
        bulk = self.table.bulk
        keys = [bulk.key(row) for row in self.found.rows] if bulk else []
        return keys if any(key is not None for key in keys) else []

    @cached_property
    def decimals(self) -> dict[str, int]:
        """How many decimals the sums of each column have, all alike."""
        return {
            column.name: cents(
                cell
                for row in self.found.rows
                if isinstance(cell := column.cell(row), Units)
                or (column.show == "money" and isinstance(cell, int))
            )
            for column in self.table.columns
        }

    def address(self, *, keep: bool = True, sort: str = "", **said: object) -> str:
        """This list with something else said of it; without `keep`, all of it."""
        named = self.table.named
        pairs = [*self.others]
        if keep:
            pairs += [(named("q"), self.typed)] if self.wanted.words else []
            pairs += [(named(name), value) for name, value in self.wanted.filters.items()]
        order = sort or self.order
        pairs += [(named("sort"), order)] if order != self.table.sort else []
        pairs += [(named(name), str(value)) for name, value in said.items()]
        query = f"?{urlencode(pairs)}" if pairs else ""
        return (
            f"{CONSOLE_PATH}{self.path}{query}#{self.id}"
            if self.table.prefix
            else f"{CONSOLE_PATH}{self.path}{query}"
        )

    @property
    def order(self) -> str:
        """How it is sorted, as the address says it."""
        return f"-{self.wanted.sort}" if self.wanted.descending and self.wanted.sort else self.wanted.sort

    def sorted(self, column: Column) -> str:
        """`ascending`, `descending` or nothing, as the heads of columns say."""
        if column.name != self.wanted.sort:
            return ""
        return "descending" if self.wanted.descending else "ascending"

    def turned(self, column: Column) -> str:
        """Where the head of a column leads: sorted by it, numbers from the largest, or the other way round."""
        now = self.sorted(column)
        down = now == "ascending" if now else column.align == "end"
        return self.address(sort=f"-{column.name}" if down else column.name)

    @property
    def pages(self) -> dict[str, str]:
        """Where first, previous and next lead; those that there are."""
        found, leads = self.found, {}
        if found.previous:
            leads["first"] = self.address()
            before = max(1, self.first - self.table.limit)
            leads["previous"] = self.address(before=found.previous, at=before)
        if found.next:
            leads["next"] = self.address(after=found.next, at=self.last + 1)
        return leads

    @property
    def download(self) -> str:
        """Where its file is."""
        return self.address(format="csv")

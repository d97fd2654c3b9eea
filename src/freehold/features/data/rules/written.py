"""How the numbers and dates of a column are written, found for the column as a whole and never guessed.

A column is read in another way than its plain text only where every cell of it can be read so, and in no other way
with another value: `1.234,5` has a decimal comma, while `1,234` alone could be either number and is asked about.
Dates become days since 1 January 1970. Cells that are missing say nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from freehold.core.texts import said
from freehold.features.data.rules.columns import Batch, shapes, text
from freehold.features.data.rules.names import MISSING, PLAIN, listed
from freehold.features.data.rules.ways import Ways

Way = Literal["comma", "point", "day", "month", "year", "which decimal", "which date"]
"""Decimal comma; point with marks between thousands; dates by what comes first; or one of two that must be said."""
_EXPONENT = "([eE][+-]?[0-9]+)?"
_SPACE, _APOSTROPHE = "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]", "['\N{RIGHT SINGLE QUOTATION MARK}]"
_DATE_MARKS = r"[./-]"
_SHOWN = 40
_SAID: dict[str, str] = {
    "comma": said("a comma is read as the decimal mark, as in 1.234,5 for 1234.5"),
    "point": said("marks between thousands are taken out, as in 1,234.5 for 1234.5"),
    "year": said(
        "dates that begin with the year are read as days since 1 January 1970, as 20818 for 2026-12-31"
    ),
    "day": said(
        "dates that begin with the day are read as days since 1 January 1970, as 20818 for 31.12.2026"
    ),
    "month": said(
        "dates that begin with the month are read as days since 1 January 1970, as 20818 for 12/31/2026"
    ),
    "which decimal": said("1,234 could be one thousand or a little more than one"),
    "which date": said("03/04/2026 could begin with the day or the month"),
}


def _numbers(decimal: str, thousands: str) -> str:
    marks = (thousands, _SPACE, _APOSTROPHE)
    # a group of thousands begins with no zero, so 0,500 is one half and nothing else
    grouped = "|".join(f"[1-9][0-9]{{0,2}}({mark}[0-9]{{3}})+" for mark in marks)
    return f"[+-]?((({grouped}|[0-9]+)({decimal}[0-9]*)?)|({decimal}[0-9]+)){_EXPONENT}"


_Match = Callable[[str], re.Match[str] | None]


def _form(text: str) -> _Match:
    return re.compile(text, re.ASCII).fullmatch


_FORMS: Mapping[str, _Match] = {
    "point": _form(_numbers(r"\.", ",")),
    "comma": _form(_numbers(",", r"\.")),
    "marked": re.compile("[.,]").search,
    "year": _form(
        rf"[0-9]{{4}}{_DATE_MARKS}(0?[1-9]|1[0-2]){_DATE_MARKS}(0?[1-9]|[12][0-9]|3[01])( 00:00:00)?"
    ),
    "day": _form(rf"(0?[1-9]|[12][0-9]|3[01]){_DATE_MARKS}(0?[1-9]|1[0-2]){_DATE_MARKS}[0-9]{{4}}"),
    # with points, the day comes first wherever dates are written so
    "month": _form(r"(0?[1-9]|1[0-2])[/-](0?[1-9]|[12][0-9]|3[01])[/-][0-9]{4}"),
}
_IS_MISSING, _IS_PLAIN, _IS_WHOLE = _form(MISSING), _form(PLAIN), _form("[+-]?[0-9]+")
_ORDERS = {"year": (0, 1, 2), "day": (2, 1, 0), "month": (2, 0, 1)}
"""Where year, month and day stand."""
_MIDNIGHT, _ITS_SHAPE = " 00:00:00", " 11:11:11"
_NO_DIGIT_LESS = str.maketrans("1", "0")


def _of_shape(form: str, shape: str) -> bool | None:
    """Whether cells whose digits are all a 1 in `shape` are of a form: all, none, or (None) some of them."""
    matches = _FORMS[form]
    if not matches(shape.replace(_ITS_SHAPE, _MIDNIGHT)):
        # no form refuses a 1 where it takes another digit
        return False
    return True if matches(shape.translate(_NO_DIGIT_LESS)) else None


@dataclass
class Seen:
    """One column, counted batch by batch."""

    filled: int = 0
    """Cells that are not missing."""
    plain: int = 0
    forms: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_FORMS, 0))
    example: str = ""
    """The first cell that is no plain number, or has a mark in it."""

    def take(self, cells: list[str]) -> None:
        """Another batch of trimmed texts."""
        alike = shapes(cells)
        for shape in [one for one in alike if _IS_MISSING(one)]:
            del alike[shape]
        kept = alike.total()
        self.filled += kept
        self.plain += sum(n for shape, n in alike.items() if _IS_PLAIN(shape))
        for form in _FORMS:
            # a form that failed one cell is not the column's
            if form == "marked" or self.forms[form] + kept == self.filled:
                self.forms[form] += _matching(cells, alike, form)
        if not self.example and not all(map(_IS_WHOLE, alike)):
            self.example = next(one for one in cells if not _IS_MISSING(one) and not _IS_WHOLE(one))[:_SHOWN]

    def fits(self, form: str) -> bool:
        """Whether every cell can be read so."""
        return bool(self.filled) and self.forms[form] == self.filled

    @property
    def is_comma(self) -> bool:
        """Whether it shows by itself that its decimal mark is a comma."""
        return self.fits("comma") and not self.fits("point")

    def way(self, said: Ways, *, foreign: bool) -> Way | None:
        """How it is read; None: as it stands. `foreign`: the file has decimal commas elsewhere, or is of such a place."""
        if not self.filled:
            return None
        as_it_stands: Way | None = None if self.plain == self.filled else "point"
        if self.fits("point") and self.fits("comma") and self.forms["marked"]:
            if said.decimal:
                return "comma" if said.decimal == "comma" else as_it_stands
            return None if as_it_stands is None and not foreign else "which decimal"
        if self.fits("point"):
            return as_it_stands
        if self.fits("comma"):
            return "comma"
        return None if self.plain == self.filled else self._date(said)

    def _date(self, said: Ways) -> Way | None:
        if self.fits("year"):
            return "year"
        day, month = self.fits("day"), self.fits("month")
        if day and month:
            return "day" if said.dates == "day" else "month" if said.dates == "month" else "which date"
        return "day" if day else "month" if month else None


def _matching(cells: list[str], alike: Mapping[str, int], form: str) -> int:
    known = {shape: _of_shape(form, shape) for shape in alike}
    if None not in known.values():
        return sum(n for shape, n in alike.items() if known[shape])
    # it takes some of a shape by their digits, so that each is looked at
    return sum(True for cell in cells if _FORMS[form](cell) and not _IS_MISSING(cell))


@dataclass(frozen=True)
class Understood:
    """One column that was not read as it stands."""

    column: str
    way: Way
    written: str
    """A cell of it, which its owner alone may see."""
    read: str
    """What it was read as; empty where somebody has to say which."""

    @property
    def is_asked(self) -> bool:
        """Whether somebody has to say which of two it is."""
        return self.way in ("which decimal", "which date")

    @property
    def said(self) -> str:
        """How it was read, as a sentence that names no cell."""
        return said("column '{name}': {how}", name=self.column, how=_SAID[self.way])

    @property
    def is_date(self) -> bool:
        """Whether it holds dates."""
        return self.way in _ORDERS or self.way == "which date"


def told(understood: Iterable[Understood]) -> list[str]:
    """How columns were read, in one sentence for all that were read alike."""
    alike: dict[Way, list[Understood]] = {}
    for one in understood:
        alike.setdefault(one.way, []).append(one)
    return [
        same[0].said
        if len(same) == 1
        else said("columns {names}: {how}", names=listed([one.column for one in same]), how=_SAID[way])
        for way, same in alike.items()
    ]


def survey(
    batches: Iterable[Batch], names: tuple[str, ...], ways: Ways, *, foreign: bool
) -> dict[str, Understood]:
    """Look at every cell of a file of texts; what is to be read in another way than it stands, by column."""
    seen = [Seen() for _ in names]
    for batch in batches:
        for one, column in zip(seen, batch.columns, strict=True):
            one.take(list(map(str.strip, column.cells())))
    foreign = foreign or any(one.is_comma for one in seen)
    found = {}
    for name, one in zip(names, seen, strict=True):
        if way := one.way(ways, foreign=foreign):
            asked = way in ("which decimal", "which date")
            found[name] = Understood(name, way, one.example, "" if asked else reader(way)(one.example))
    return {name: one for name, one in found.items() if one.is_asked or one.read}


def plainly(batches: Iterable[Batch], ways: dict[int, Way]) -> Iterator[Batch]:
    """Batches with the columns at these places rewritten as plain numbers."""
    readers = {at: reader(way) for at, way in ways.items()}
    for batch in batches:
        yield Batch(
            [
                text([readers[at](cell) for cell in column.cells()]) if at in readers else column
                for at, column in enumerate(batch.columns)
            ]
        )


def reader(way: Way) -> Callable[[str], str]:
    """What rewrites a text of one way as a plain number; what it cannot read stays as it is."""
    if way in ("which decimal", "which date"):
        return str
    if way in _ORDERS:
        return lambda cell: _days(cell.strip(), way)
    own, thousands = (",", r"\.") if way == "comma" else (r"\.", ",")
    is_one = _form(_numbers(own, thousands))
    marks = re.compile(f"{thousands}|{_SPACE}|{_APOSTROPHE}")

    def read(cell: str) -> str:
        cell = cell.strip()
        if not is_one(cell):
            return cell
        made = marks.sub("", cell)
        return made.replace(",", ".") if way == "comma" else made

    return read


def _days(cell: str, way: str) -> str:
    """A date as days since 1 January 1970; what is no day of the calendar stays as it is."""
    if not _FORMS[way](cell):
        return cell
    parts = re.split(_DATE_MARKS, cell.removesuffix(_MIDNIGHT))
    year, month, day = (int(parts[at]) for at in _ORDERS[way])
    try:
        return str((dt.date(year, month, day) - dt.date(1970, 1, 1)).days)
    except ValueError:
        return cell

"""How the numbers and dates of a column are written, found for the column as a whole and never guessed.

A column is read in another way than its plain text only where every cell of it can be read so, and in no other way
with another value: `1.234,5` has a decimal comma, while `1,234` alone could be either number and is asked about.
Dates become days since 1 January 1970. Cells that are missing say nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from freehold.core.late import pa, pc
from freehold.core.texts import said
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
    return f"^[+-]?((({grouped}|[0-9]+)({decimal}[0-9]*)?)|({decimal}[0-9]+)){_EXPONENT}$"


_FORMS: dict[str, str] = {
    "point": _numbers(r"\.", ","),
    "comma": _numbers(",", r"\."),
    "marked": "[.,]",
    "year": rf"^[0-9]{{4}}{_DATE_MARKS}(0?[1-9]|1[0-2]){_DATE_MARKS}(0?[1-9]|[12][0-9]|3[01])( 00:00:00)?$",
    "day": rf"^(0?[1-9]|[12][0-9]|3[01]){_DATE_MARKS}(0?[1-9]|1[0-2]){_DATE_MARKS}[0-9]{{4}}$",
    # with points, the day comes first wherever dates are written so
    "month": r"^(0?[1-9]|1[0-2])[/-](0?[1-9]|[12][0-9]|3[01])[/-][0-9]{4}$",
}
_ORDERS = {"year": r"\1-\2-\3", "day": r"\3-\2-\1", "month": r"\3-\1-\2"}


@dataclass
class Seen:
    """One column, counted batch by batch."""

    filled: int = 0
    """Cells that are not missing."""
    plain: int = 0
    forms: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_FORMS, 0))
    example: str = ""
    """The first cell that is no plain number, or has a mark in it."""

    def take(self, cells: Any) -> None:
        """Another batch of trimmed texts."""
        kept = pc.drop_null(cells.filter(pc.invert(pc.match_substring_regex(cells, MISSING))))
        self.filled += len(kept)
        self.plain += _matching(kept, PLAIN)
        for name, form in _FORMS.items():
            # a form that failed one cell is not the column's
            if name == "marked" or self.forms[name] + len(kept) == self.filled:
                self.forms[name] += _matching(kept, form)
        if not self.example and len(kept):
            odd = kept.filter(pc.invert(pc.match_substring_regex(kept, "^[+-]?[0-9]+$")))
            self.example = odd[0].as_py()[:_SHOWN] if len(odd) else ""

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


def _matching(cells: Any, form: str) -> int:
    return int(pc.sum(pc.match_substring_regex(cells, form)).as_py() or 0)


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


def trimmed(column: Any) -> Any:
    """The texts of a column of one batch; None where it holds none."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return pc.utf8_trim_whitespace(column) if is_text else None


def survey(
    batches: Iterable[Any], names: tuple[str, ...], ways: Ways, *, foreign: bool
) -> dict[str, Understood]:
    """Look at every cell; what is to be read in another way than it stands, by column."""
    seen = [Seen() for _ in names]
    for batch in batches:
        for one, column in zip(seen, batch.columns, strict=True):
            if (cells := trimmed(column)) is not None:
                one.take(cells)
    foreign = foreign or any(one.is_comma for one in seen)
    found = {}
    for name, one in zip(names, seen, strict=True):
        if way := one.way(ways, foreign=foreign):
            read = pc.cast(reader(way)(pa.array([one.example])), pa.string())[0].as_py() or ""
            asked = way in ("which decimal", "which date")
            found[name] = Understood(name, way, one.example, "" if asked else read)
    return {name: one for name, one in found.items() if one.is_asked or one.read}


def plainly(batches: Iterable[Any], ways: dict[int, Way]) -> Iterator[Any]:
    """Batches with the columns at these places rewritten as plain numbers."""
    readers = {at: reader(way) for at, way in ways.items()}
    for batch in batches:
        columns = [
            readers[at](column) if at in readers else column for at, column in enumerate(batch.columns)
        ]
        yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def reader(way: Way) -> Callable[[Any], Any]:
    """What rewrites texts of one way as plain numbers; what it cannot read stays as it is."""
    if way in ("which decimal", "which date"):
        return lambda cells: cells
    if way in _ORDERS:
        return lambda cells: _days(cells, way)
    own, thousands = (",", r"\.") if way == "comma" else (r"\.", ",")
    form, marks = _numbers(own, thousands), f"{thousands}|{_SPACE}|{_APOSTROPHE}"

    def read(column: Any) -> Any:
        cells = pc.utf8_trim_whitespace(column)
        made = pc.replace_substring_regex(cells, marks, "")
        made = pc.replace_substring(made, ",", ".") if way == "comma" else made
        return pc.if_else(pc.match_substring_regex(cells, form), made, cells)

    return read


def _days(column: Any, way: str) -> Any:
    """Dates as days since 1 January 1970; what is no day of the calendar stays as it is."""
    cells = pc.utf8_trim_whitespace(column)
    fits = pc.match_substring_regex(cells, _FORMS[way])
    text = pc.replace_substring(cells, " 00:00:00", "")
    parts = rf"^([0-9]+){_DATE_MARKS}([0-9]+){_DATE_MARKS}([0-9]+)$"
    ordered = pc.replace_substring_regex(text, parts, _ORDERS[way])
    for place in (r"-([0-9])-", r"-([0-9])$"):
        ordered = pc.replace_substring_regex(ordered, place, place.replace("([0-9])", r"0\1").rstrip("$"))
    kinds = pc.dictionary_encode(pc.if_else(fits, ordered, pa.scalar(None, pa.string())))
    days = pa.array([_day(one) for one in kinds.dictionary.to_pylist()], pa.string())
    return pc.fill_null(pc.take(days, kinds.indices), cells) if len(cells) else cells


def _day(text: str) -> str | None:
    try:
        return str((dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days)
    except ValueError:
        return None

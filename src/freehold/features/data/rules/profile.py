"""What a table file looks like before anybody has decided anything about it: columns, kinds, gaps, first rows.

Unlike `reading.read` it refuses nothing that can be shown: text columns and missing cells are counted, so
that a person can choose the label, leave columns out, or mend the file.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from freehold.core.errors import InvalidTable
from freehold.core.late import np
from freehold.core.texts import said
from freehold.features.data.rules import columns, names
from freehold.features.data.rules.ways import NONE, Ways

if TYPE_CHECKING:
    from pathlib import Path

    from freehold.features.data.rules.table import Limits
    from freehold.features.data.rules.written import Understood

HEAD_ROWS = 8
MOST_SHOWN = 200
"""Characters of a cell; longer ones are no values to choose from."""
MAX_KINDS = 12
"""More different values than this are a column of many values."""
_NO_TEXT = "(not text)"
_IS_MISSING, _IS_PLAIN = (re.compile(form, re.ASCII).fullmatch for form in (names.MISSING, names.PLAIN))


@dataclass
class Column:
    """One column, counted."""

    name: str
    missing: int = 0
    not_numbers: int = 0
    """Cells that are neither missing nor numbers."""
    values: dict[str, int] | None = None
    """How often each value stands there; None if there are more than a few."""

    @property
    def kind(self) -> Literal["numbers", "text", "two values"]:
        """What it can be used for: only numbers are learned from, only two values make a label."""
        if self.values is not None and len(self.values) == 2 and not self.missing:
            return "two values"
        return "text" if self.not_numbers else "numbers"


@dataclass(frozen=True)
class Profile:
    """A file at a glance."""

    rows: int
    columns: tuple[Column, ...]
    head: tuple[tuple[str, ...], ...]
    """The first rows, as they are read."""
    size_bytes: int
    index: tuple[str, ...] = ()
    """Columns that are the index of a pandas frame."""
    understood: tuple[Understood, ...] = ()
    """Columns that are not read as they stand."""
    notes: tuple[str, ...] = ()
    """Sentences on how the file itself is read."""

    def column(self, name: str) -> Column | None:
        """A column by its name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def unusual(self) -> list[str]:
        """Columns that are rarely meant to be learned from: texts, dates, and what numbers the rows."""
        dates = {one.column for one in self.understood if one.is_date}
        return [
            one.name
            for one in self.columns
            if one.kind == "text" or one.name in dates or one.name in self.index
        ]

    def likely_label(self) -> str:
        """The last column with two values; else the last one."""
        named = [column.name for column in self.columns if column.kind == "two values"]
        return named[-1] if named else self.columns[-1].name


def profile(path: Path, limits: Limits, ways: Ways = NONE) -> Profile:
    """Read the whole file once, in batches. Raises InvalidTable: it cannot be read as a table at all."""
    from freehold.features.data.rules import sources  # noqa: PLC0415 - no node waits for its readers

    with sources.opened(path, limits, ways) as source:
        source.check_width(len(source.names) - 1)
        found = tuple(Column(name, values={}) for name in source.names)
        head: list[tuple[str, ...]] = []
        rows = 0
        for batch in source.batches:
            first = [_count(column, cells) for column, cells in zip(found, batch.columns, strict=True)]
            head += [tuple(cell[:MOST_SHOWN] for cell in row) for row in zip(*first, strict=True)]
            rows += batch.rows
    if rows == 0:
        raise InvalidTable(
            said("{name} has a header but no rows", name=path.name), hint=said("Add at least one data row.")
        )
    understood = tuple(source.understood.values())
    return Profile(
        rows, found, tuple(head[:HEAD_ROWS]), source.size_bytes, source.index, understood, source.notes
    )


def _count(column: Column, cells: columns.Column) -> list[str]:
    """Counts the cells of a batch; the first of them, as they are read."""
    head = list(map(str.strip, _texts(cells.cut(0, HEAD_ROWS))))
    if cells.kind.is_text:
        _count_texts(column, list(map(str.strip, cells.cells())))
    elif cells.kind.numbers is not None:
        _count_numbers(column, cells)
    else:
        _count_texts(column, list(map(str.strip, _texts(cells))))
    return head


def _texts(cells: columns.Column) -> list[str]:
    found = cells.distinct()
    if found is None:
        return [_NO_TEXT] * len(cells)
    kinds, codes = found
    return [kinds[code] for code in codes.tolist()]


def _count_texts(column: Column, cells: list[str]) -> None:
    alike = columns.shapes(cells)
    missing = sum(n for shape, n in alike.items() if _IS_MISSING(shape))
    numbers = sum(n for shape, n in alike.items() if _IS_PLAIN(shape))
    column.missing += missing
    column.not_numbers += len(cells) - missing - numbers
    if column.values is not None:
        _add(column, Counter(cells))


def _count_numbers(column: Column, cells: columns.Column) -> None:
    """Numbers in a file that holds them as such: each is one, unless it is none at all, or truth."""
    assert cells.kind.numbers is not None
    raw = np.asarray(cells.raw())
    if cells.missing is not None:
        raw = raw[~cells.missing]
    values = cells.kind.numbers(raw)
    column.missing += len(cells) - len(raw) + int(np.isnan(values).sum())
    column.not_numbers += len(raw) if raw.dtype == np.bool_ else int(np.isinf(values).sum())
    if column.values is None:
        return
    if len(np.unique(raw)) > MAX_KINDS:
        column.values = None
    elif (found := cells.distinct()) is not None:
        kinds, codes = found
        times = np.bincount(codes, minlength=len(kinds)).tolist()
        _add(column, Counter(dict(zip(kinds, times, strict=True))))


def _add(column: Column, counted: Counter[str]) -> None:
    total = Counter(column.values) + counted
    few = len(total) <= MAX_KINDS and all(len(text) <= MOST_SHOWN for text in counted)
    column.values = dict(total) if few else None

"""What a table file looks like before anybody has decided anything about it: columns, kinds, gaps, first rows.

Unlike `reading.read` it refuses nothing that can be shown: text columns and missing cells are counted, so
that a person can choose the label, leave columns out, or mend the file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from freehold.core.errors import InvalidTable
from freehold.core.texts import said
from freehold.features.data.rules import names
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
    from freehold.features.data.rules import sources  # noqa: PLC0415 - pyarrow takes 0.2 s to import

    with sources.opened(path, limits, ways) as source:
        source.check_width(len(source.names) - 1)
        columns = tuple(Column(name, values={}) for name in source.names)
        head: list[tuple[str, ...]] = []
        rows = 0
        for batch in source.batches:
            texts = [_texts(batch.column(i)) for i in range(len(columns))]
            for column, cells in zip(columns, texts, strict=True):
                _count(column, cells)
            first = [cells[: HEAD_ROWS - len(head)].to_pylist() for cells in texts]
            head += [tuple(str(cell)[:MOST_SHOWN] for cell in row) for row in zip(*first, strict=True)]
            rows += batch.num_rows
    if rows == 0:
        raise InvalidTable(
            said("{name} has a header but no rows", name=path.name), hint=said("Add at least one data row.")
        )
    understood = tuple(source.understood.values())
    return Profile(rows, columns, tuple(head), source.size_bytes, source.index, understood, source.notes)


def _texts(cells: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    try:
        texts = pc.cast(cells, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        texts = pa.array(["(not text)"] * len(cells), pa.string())
    return pc.utf8_trim_whitespace(pc.fill_null(texts, ""))


def _count(column: Column, cells: Any) -> None:
    import pyarrow.compute as pc  # noqa: PLC0415

    missing = pc.sum(pc.match_substring_regex(cells, names.MISSING)).as_py() or 0
    numbers = pc.sum(pc.match_substring_regex(cells, names.PLAIN)).as_py() or 0
    column.missing += missing
    column.not_numbers += len(cells) - missing - numbers
    if column.values is not None:
        counted = pc.value_counts(cells)
        if len(counted) > MAX_KINDS or any(len(one["values"].as_py()) > MOST_SHOWN for one in counted):
            column.values = None
            return
        total = Counter(column.values)
        for entry in counted:
            total[entry["values"].as_py()] += entry["counts"].as_py()
        column.values = dict(total) if len(total) <= MAX_KINDS else None

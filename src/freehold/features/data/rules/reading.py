"""Reading a file into a checked `Table`, whole or of its distinct rows.

A file is streamed, and what cannot be trusted is refused with an `InvalidTable` that names file, row,
column and what to do. An owner publishes distinct rows, for each of which a promise is counted: one that repeats
another would count twice in every sum, so it is dropped. Where a column names the subject of each row (a person, a
machine), rows of one subject beyond `rows_each` are dropped too, and the promise is about all of them together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freehold.core.errors import InvalidInput, InvalidTable
from freehold.core.late import np
from freehold.core.texts import said
from freehold.features.data.rules import table as tables
from freehold.features.data.rules.names import difference, listed, near, spelled
from freehold.features.data.rules.table import MICRO, MICRO_LIMIT, Limits, Table
from freehold.features.data.rules.ways import NONE, Ways
from freehold.features.data.wire import MAX_ROWS_EACH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from freehold.features.data.rules.sources import Cells

MIN_ROWS = 2
"""One row has nothing to be told apart from."""
_BLOCK_ROWS = 4_096
Bounds = dict[str, tuple[int, int]]
"""Column -> (low, high) in micro-units."""


@dataclass(frozen=True, eq=False)
class Distinct:
    """A table without repeats, and what was dropped."""

    table: Table
    """Distinct rows, in the order in which they came first."""
    repeats: int
    """Rows that were equal to an earlier one (of the same subject)."""
    beyond: int
    """Rows of subjects that had `rows_each` already."""
    file_bytes: int = 0
    """Size of the file that it stood in."""
    subjects: frozenset[bytes] = frozenset()
    """Digest of each subject that is left; empty without a subject column."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what is odd but usable, what was dropped first."""
        told = []
        if self.repeats:
            told.append(
                said.many(
                    "{n} row repeats another and counts once",
                    "{n} rows repeat others and count once",
                    n=self.repeats,
                )
            )
        if self.beyond:
            told.append(
                said.many(
                    "{n} row is left out, of subjects that have as many as may count",
                    "{n} rows are left out, of subjects that have as many as may count",
                    n=self.beyond,
                )
            )
        return (*told, *self.table.warnings)


def read(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    expected: Sequence[str] | None = None,
    limits: Limits | None = None,
    ways: Ways = NONE,
) -> Table:
    """Read a file (told apart by its first bytes) into a checked `Table`.

    `positive` names the label value that means 1; without it labels are 0/1 or true/false.
    `expected` lists the feature columns the table must have, in that order.
    Raises `InvalidTable`; its fields name `file` and, where known, `row` (1 is the first data
    row) and `column`.
    """
    columns, found, warnings = _cells(
        path, label, positive=positive, expected=expected, limits=limits, ways=ways
    )
    features, labels = found.features, found.labels
    _, duplicates, _ = tables.chosen(features, labels, None, 1)
    warnings += tables.oddities(columns, features, labels)
    if duplicates:
        warnings.append(
            said.many("{n} row repeats an earlier row", "{n} rows repeat an earlier row", n=duplicates)
        )
    return Table(columns, label, features, labels, tuple(warnings))


def distinct(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    limits: Limits | None = None,
    subject: str | None = None,
    rows_each: int = 1,
    left_out: Sequence[str] | None = None,
    ways: Ways = NONE,
) -> Distinct:
    """Distinct rows of a file, `rows_each` of a subject at most. Raises InvalidTable, if fewer than two; InvalidInput."""
    if type(rows_each) is not int or not 1 <= rows_each <= MAX_ROWS_EACH:
        raise InvalidInput(
            said("{rows_each} as the most rows of one subject cannot be promised", rows_each=rows_each),
            hint=said("Choose 1 to {max_rows_each}.", max_rows_each=MAX_ROWS_EACH),
            field="rows_each",
        )
    if rows_each > 1 and subject is None:
        raise InvalidInput(
            said("several rows of one subject need a column that names the subject"),
            hint=said("Name it with --subject COLUMN."),
            field="rows_each",
        )
    columns, found, told = _cells(
        path, label, positive=positive, limits=limits, subject=subject, left_out=left_out, ways=ways
    )
    features, labels, people = found.features, found.labels, found.people
    kept, repeats, beyond = tables.chosen(features, labels, people, rows_each)
    if len(kept) < MIN_ROWS:
        raise InvalidTable(
            said(
                "{name} has {kept} distinct row, at least {min_rows} are needed",
                name=path.name,
                kept=len(kept),
                min_rows=MIN_ROWS,
            ),
            hint=said("Nothing can be learned from one row."),
            file=path.name,
        )
    if len(kept) < len(labels):
        features, labels = features[kept], labels[kept]
    warnings = (*told, *tables.oddities(columns, features, labels))
    left = frozenset(people[i] for i in kept) if people is not None else frozenset()
    return Distinct(
        Table(columns, spelled(label), features, labels, warnings), repeats, beyond, found.file_bytes, left
    )


def _cells(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    expected: Sequence[str] | None = None,
    limits: Limits | None = None,
    subject: str | None = None,
    left_out: Sequence[str] | None = None,
    ways: Ways = NONE,
) -> tuple[tuple[str, ...], Cells, list[str]]:
    """Feature names, what stands in the file, sentences about what was left out or lost. Raises InvalidTable."""
    from freehold.features.data.rules import sources  # noqa: PLC0415 - no node waits for its readers

    label, subject = spelled(label), None if subject is None else spelled(subject)
    agreed = None if expected is None else [spelled(name) for name in expected]
    with sources.opened(path, limits or Limits(), ways) as source:
        index = [name for name in source.index if name not in (label, subject, *(agreed or ()))]
        apart = index if left_out is None else _left_out(left_out, source.names, label, subject, path)
        columns = _feature_names(source.names, label, path, subject, apart)
        if agreed is not None:
            _check_schema(columns, agreed, path)
        source.check_width(len(columns))
        found = sources.collect(source, label, positive, columns, subject)
        unasked = index if left_out is None else ()
        warnings = [*map(_of_index, unasked), *found.warnings]
        # as they were agreed: what a run is known by holds the names, to the byte
        return tuple(expected or columns), found, warnings


def _of_index(name: str) -> str:
    return said(
        "column '{name}' is the index of a pandas frame and is left out; reset_index() and another name make it a"
        " column",
        name=name,
    )


def _left_out(
    asked: Sequence[str], names: tuple[str, ...], label: str, subject: str | None, path: Path
) -> list[str]:
    """Columns that their owner leaves out. Raises InvalidTable: one is not there, or is needed."""
    chosen = [spelled(name) for name in asked]
    for name in chosen:
        if name not in names:
            hint = near(name, names) or f"Its columns are {listed(list(names))}."
            raise InvalidTable(
                said("{file} has no column '{name}'", file=path.name, name=name), hint=hint, column=name
            )
        if name in (label, subject):
            raise InvalidTable(
                f"column '{name}' cannot be left out: it is the {'label' if name == label else 'subject'}",
                hint=said("Choose another column for that, or keep it."),
                column=name,
            )
    return chosen


def _feature_names(
    names: tuple[str, ...], label: str, path: Path, subject: str | None, index: Sequence[str]
) -> tuple[str, ...]:
    for wanted in (label, *([subject] if subject is not None else [])):
        if wanted not in names:
            raise InvalidTable(
                said("{name} has no column '{wanted}'", name=path.name, wanted=wanted),
                hint=near(wanted, names) or f"Its columns are {listed(list(names))}.",
                column=wanted,
            )
    if subject == label:
        raise InvalidTable(
            said("column '{label}' cannot be both label and subject", label=label),
            hint=said("The subject column names the person or thing a row is about."),
            column=label,
        )
    features = tuple(name for name in names if name not in (label, subject, *index))
    if not features:
        raise InvalidTable(
            said("{name} has a label but no features", name=path.name), hint=said("Add numeric columns.")
        )
    return features


def _check_schema(columns: tuple[str, ...], expected: Sequence[str], path: Path) -> None:
    told, column = difference(columns, expected)
    if told:
        raise InvalidTable(
            said("{name} {told}", name=path.name, told=told),
            hint=said(
                "Bring the columns to the agreed ones, by name and in this order: {expected}.",
                expected=listed(list(expected)),
            ),
            column=column,
            missing=[name for name in expected if name not in columns],
            extra=[name for name in columns if name not in expected],
        )


def fingerprints(found: Distinct, key: bytes) -> set[bytes]:
    """16 bytes for each row and subject, by which their owner alone recognises them in another table.

    A row is its features, whatever they are called, however ordered and however labelled: the same cells
    under another heading are the same person's.
    """
    made = {_fingerprint(subject, key, b"subject") for subject in found.subjects}
    features = found.table.features
    for start in range(0, len(features), _BLOCK_ROWS):
        block = np.sort(features[start : start + _BLOCK_ROWS], axis=1).astype("<i8")
        made.update(_fingerprint(row.tobytes(), key, b"row") for row in block)
    return made


def _fingerprint(data: bytes, key: bytes, kind: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16, key=key, person=kind).digest()


def declared(bounds: Mapping[str, Sequence[float]], table: Table, file: str) -> Bounds:
    """Bounds of all columns in micro-units; none where none are given. Raises InvalidInput, naming the column."""
    if not bounds:
        return {}
    unknown = [name for name in bounds if name not in table.columns]
    if unknown:
        raise InvalidInput(
            said(
                "{file} has no feature column '{unknown}', so it has no bounds", file=file, unknown=unknown[0]
            ),
            hint=said("Its columns are {columns}.", columns=listed(list(table.columns))),
            column=unknown[0],
        )
    missing = [name for name in table.columns if name not in bounds]
    if missing:
        raise InvalidInput(
            said("bounds are declared for some columns and not for {missing}", missing=listed(missing)),
            hint=said("Declare them for every column, or for none."),
            column=missing[0],
        )
    return {name: _interval(name, bounds[name]) for name in table.columns}


def outside(bounds: Bounds, table: Table) -> list[str]:
    """Sentences about columns with values beyond their declared bounds; for their owner only."""
    told: list[str] = []
    for position, name in enumerate(table.columns if bounds else ()):
        low, high = bounds[name]
        column = table.features[:, position]
        count = int(((column < low) | (column > high)).sum())
        if count:
            told.append(
                said.many(
                    "column '{name}': {n} value is outside the declared bounds; far outside they are cut off",
                    "column '{name}': {n} values are outside the declared bounds; far outside they are cut off",
                    n=count,
                    name=name,
                )
            )
    return told


def _interval(name: str, given: Any) -> tuple[int, int]:
    try:
        low, high = (float(number) for number in given)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    limit = MICRO_LIMIT // MICRO
    if not (-limit <= low < high <= limit):
        raise InvalidInput(
            said("the bounds of column '{name}' are not a lower and a higher number", name=name),
            hint=said("Write {name}=0:120, within +-{limit}.", name=name, limit=limit),
            column=name,
        )
    # rounded as cells are
    found = int(np.floor(low * MICRO + 0.5)), int(np.floor(high * MICRO + 0.5))
    if found[0] == found[1]:
        raise InvalidInput(
            said("the bounds of column '{name}' are closer than a millionth", name=name),
            hint=said("Choose a smaller unit for the column."),
            column=name,
        )
    return found

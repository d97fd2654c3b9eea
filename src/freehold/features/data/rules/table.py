"""A data table that can be trained on: numeric features in micro-units and a 0/1 label.

`read` takes CSV or Parquet, streaming, and refuses what cannot be trusted with an `InvalidTable`
that names file, row, column and what to do. `canonical_bytes` depends on the values only, so a
commitment is the same for a CSV file and the Parquet file made from it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from freehold.core.errors import InvalidInput, InvalidTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

IntArray = npt.NDArray[np.int64]

MICRO = 1_000_000
MICRO_LIMIT = 10**15
MAX_ROWS = 1_000_000
MAX_COLUMNS = 1_024

_DOMAIN = b"freehold/table/v1\0"
_BLOCK_ROWS = 4_096


@dataclass(frozen=True)
class Limits:
    """What `read` accepts at most; every limit is checked before the memory is spent."""

    rows: int = MAX_ROWS
    """Data rows."""
    columns: int = MAX_COLUMNS
    """Feature columns, the label not counted."""
    size_bytes: int = 256 << 20
    """Size of the file, and of the uncompressed columns of a Parquet file times eight."""
    cells: int = 64_000_000
    """Rows times columns; each cell takes eight bytes once read."""


@dataclass(frozen=True, eq=False)
class Table:
    """A checked table; arrays are read-only."""

    columns: tuple[str, ...]
    """Feature names, in the order of the file without the label."""
    label: str
    """Name of the label column."""
    features: IntArray
    """(rows, columns) int64 in micro-units: floor(value * 10^6 + 1/2)."""
    labels: IntArray
    """(rows,) int64 in {0, 1}."""
    warnings: tuple[str, ...] = field(default=())
    """Sentences about what is odd but usable."""
    duplicate_rows: int = 0
    """Rows equal in every cell to an earlier row."""

    def __post_init__(self) -> None:
        rows, columns = self.features.shape if self.features.ndim == 2 else (-1, -1)
        if columns != len(self.columns) or self.labels.shape != (rows,):
            raise InvalidTable("features must be (rows, columns) and labels (rows,)")
        if self.features.dtype != np.int64 or self.labels.dtype != np.int64:
            raise InvalidTable("features and labels must be int64")
        if self.features.size and max(-int(self.features.min()), int(self.features.max())) > MICRO_LIMIT:
            raise InvalidTable(f"a feature is beyond +-{MICRO_LIMIT // MICRO}")
        if not np.isin(self.labels, (0, 1)).all():
            raise InvalidTable("labels must be 0 or 1")
        self.features.setflags(write=False)
        self.labels.setflags(write=False)

    @property
    def rows(self) -> int:
        """Number of data rows."""
        return len(self.labels)


def read(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    expected: Sequence[str] | None = None,
    limits: Limits | None = None,
    allow_duplicates: bool = True,
) -> Table:
    """Read a CSV or Parquet file (told apart by its first bytes) into a checked `Table`.

    `positive` names the label value that means 1; without it labels are 0/1 or true/false.
    `expected` lists the feature columns the table must have, in that order.
    Raises `InvalidTable`; its fields name `file` and, where known, `row` (1 is the first data
    row) and `column`.
    """
    columns, features, labels, _ = cells(path, label, positive=positive, expected=expected, limits=limits)
    return _finished(path, columns, label, features, labels, allow_duplicates=allow_duplicates)


def cells(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    expected: Sequence[str] | None = None,
    limits: Limits | None = None,
    subject: str | None = None,
) -> tuple[tuple[str, ...], IntArray, IntArray, list[bytes] | None]:
    """Feature names, features, labels, and the digest of each row's subject where a column names it.

    Raises:
        InvalidTable: as `read`.
    """
    from freehold.features.data.rules import sources  # noqa: PLC0415 - pyarrow takes 0.2 s to import

    with sources.opened(path, limits or Limits()) as source:
        columns = _feature_names(source.names, label, path, subject)
        if expected is not None:
            _check_schema(columns, expected, path)
        source.check_width(len(columns))
        return columns, *sources.collect(source, label, positive, subject)


def canonical_bytes(table: Table) -> bytes:
    """The bytes a commitment covers; equal tables, equal bytes, whatever file they came from.

    Length-prefixed JSON header (columns, label, rows), then per row the features as little-endian
    int64 followed by one label byte.
    """
    return b"".join(_canonical_parts(table))


def commitment(table: Table, salt: bytes) -> bytes:
    """SHA-256 of domain tag, salt length, salt and canonical bytes: 32 bytes.

    The salt (16 to 64 random bytes, kept by the owner) stops others from guessing small tables.
    """
    if not 16 <= len(salt) <= 64:
        raise InvalidInput(f"a salt has 16 to 64 bytes, not {len(salt)}", hint="Use secrets.token_bytes(32).")
    digest = hashlib.sha256(b"freehold/table-commitment/v1\0" + len(salt).to_bytes(1, "big") + salt)
    for part in _canonical_parts(table):
        digest.update(part)
    return digest.digest()


def _canonical_parts(table: Table) -> Iterator[bytes]:
    header = {"columns": list(table.columns), "label": table.label, "rows": table.rows}
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    yield _DOMAIN + len(encoded).to_bytes(8, "big") + encoded
    row_type = np.dtype([("features", "<i8", (len(table.columns),)), ("label", "u1")])
    for start in range(0, table.rows, _BLOCK_ROWS):
        block = np.empty(min(_BLOCK_ROWS, table.rows - start), dtype=row_type)
        block["features"] = table.features[start : start + _BLOCK_ROWS]
        block["label"] = table.labels[start : start + _BLOCK_ROWS]
        yield block.tobytes()


def _feature_names(
    names: tuple[str, ...], label: str, path: Path, subject: str | None = None
) -> tuple[str, ...]:
    for wanted in (label, *([subject] if subject is not None else [])):
        if wanted not in names:
            close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5) or list(names[:5])
            raise InvalidTable(
                f"{path.name} has no column '{wanted}'",
                hint=f"Did you mean {listed(list(close))}?",
                file=path.name,
                column=wanted,
            )
    if subject == label:
        raise InvalidTable(
            f"column '{label}' cannot be both label and subject",
            hint="The subject column names the person or thing a row is about.",
            file=path.name,
            column=label,
        )
    features = tuple(name for name in names if name not in (label, subject))
    if not features:
        raise InvalidTable(
            f"{path.name} has a label but no features", hint="Add numeric columns.", file=path.name
        )
    return features


def _check_schema(columns: tuple[str, ...], expected: Sequence[str], path: Path) -> None:
    missing = [name for name in expected if name not in columns]
    extra = [name for name in columns if name not in expected]
    if missing or extra:
        said = [f"lacks {listed(missing)}"] * bool(missing) + [f"has {listed(extra)} in excess"] * bool(extra)
        hint = "Bring the columns to the agreed ones, by name."
    elif tuple(expected) != columns:
        first = next(name for name, other in zip(columns, expected, strict=True) if name != other)
        said, hint = (
            [f"has the columns in another order, from '{first}' on"],
            f"Reorder to {listed(list(expected))}.",
        )
    else:
        return
    raise InvalidTable(
        f"{path.name} {' and '.join(said)}", hint=hint, file=path.name, missing=missing, extra=extra
    )


def _finished(
    path: Path,
    columns: tuple[str, ...],
    label: str,
    features: IntArray,
    labels: IntArray,
    *,
    allow_duplicates: bool,
) -> Table:
    duplicates = _count_duplicates(features, labels)
    if duplicates and not allow_duplicates:
        raise InvalidTable(
            f"{path.name} repeats {duplicates} of its {len(labels)} rows",
            hint="Remove the repeated rows, or allow duplicates.",
            file=path.name,
            duplicate_rows=duplicates,
        )
    warnings = oddities(columns, features, labels)
    if duplicates:
        warnings.append(f"{duplicates} rows repeat an earlier row")
    return Table(columns, label, features, labels, tuple(warnings), duplicates)


def oddities(columns: Sequence[str], features: IntArray, labels: IntArray) -> list[str]:
    """Sentences about what is odd but usable; at least one row."""
    constant = [columns[i] for i in np.flatnonzero(features.min(axis=0) == features.max(axis=0)).tolist()]
    said = [f"column '{name}' has the same value in every row" for name in constant]
    if labels.min() == labels.max():
        said.append(f"every label is {int(labels[0])}")
    return said


def _count_duplicates(features: IntArray, labels: IntArray) -> int:
    seen: set[bytes] = set()
    for row, value in zip(features, labels, strict=True):
        # 16 bytes of BLAKE2 instead of the row: memory stays small and a collision cannot be found
        seen.add(hashlib.blake2b(row.tobytes(), digest_size=16, key=bytes([value])).digest())
    return len(labels) - len(seen)


def listed(names: list[str]) -> str:
    """Names as a sentence says them, eight at most."""
    shown = ", ".join(f"'{name}'" for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"

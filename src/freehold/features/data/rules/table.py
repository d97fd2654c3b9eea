"""A data table that can be trained on: numeric features in micro-units and a 0/1 label.

`canonical_bytes` depends on the values only, so a commitment is the same for a CSV file and the
Parquet file made from it. `reading.read` makes a table of a file.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from freehold.core.canonical import parse
from freehold.core.errors import InvalidInput, InvalidTable
from freehold.core.late import np, npt
from freehold.core.texts import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IntArray: TypeAlias = "npt.NDArray[np.int64]"

MICRO = 1_000_000
MICRO_LIMIT = 10**15
MAX_ROWS = 1_000_000
MAX_COLUMNS = 1_024

_DOMAIN = b"freehold/table/v1\0"
_BLOCK_ROWS = 4_096
_MAX_HEADER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What `read` accepts at most; every limit is checked before the memory is spent."""

    rows: int = MAX_ROWS
    """Data rows."""
    columns: int = MAX_COLUMNS
    """Feature columns, the label not counted."""
    size_bytes: int = 256 << 20
    """Size of the file, and of the uncompressed columns of a Parquet file times eight."""
    cells: int = 32_000_000
    """Rows times columns; each cell takes eight bytes once read, and what is sealed must fit what the vault opens."""


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


def canonical_bytes(table: Table) -> bytes:
    """The bytes a commitment covers; equal tables, equal bytes, whatever file they came from.

    Length-prefixed JSON header (columns, label, rows), then per row the features as little-endian
    int64 followed by one label byte.
    """
    return b"".join(_canonical_parts(table))


def from_canonical_bytes(data: bytes) -> Table:
    """The inverse of `canonical_bytes`. Raises InvalidTable: the bytes are not those of a table."""
    start = len(_DOMAIN) + 8
    size = int.from_bytes(data[len(_DOMAIN) : start], "big")
    if not data.startswith(_DOMAIN) or size > _MAX_HEADER_BYTES:
        raise InvalidTable("the stored data is not a table")
    header = parse(data[start : start + size])
    if not isinstance(header, dict) or set(header) != {"columns", "label", "rows"}:
        raise InvalidTable("the stored data is not a table")
    columns, rows = tuple(header["columns"]), int(header["rows"])
    row_type = np.dtype([("features", "<i8", (len(columns),)), ("label", "u1")])
    if len(data) != start + size + rows * row_type.itemsize:
        raise InvalidTable("the stored table is cut short or too long")
    block = np.frombuffer(data, dtype=row_type, offset=start + size)
    return Table(
        columns=columns,
        label=str(header["label"]),
        features=block["features"].astype(np.int64),
        labels=block["label"].astype(np.int64),
    )


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


def oddities(columns: Sequence[str], features: IntArray, labels: IntArray) -> list[str]:
    """Sentences about what is odd but usable; at least one row."""
    constant = [columns[i] for i in np.flatnonzero(features.min(axis=0) == features.max(axis=0)).tolist()]
    told: list[str] = [
        said("column '{name}' has the same value in every row", name=name) for name in constant
    ]
    if labels.min() == labels.max():
        told.append(said("every label is {value}", value=int(labels[0])))
    return told


def chosen(
    features: IntArray, labels: IntArray, people: list[bytes] | None, rows_each: int
) -> tuple[IntArray, int, int]:
    """(positions of the rows that stay, repeats, rows beyond `rows_each`)."""
    seen: set[bytes] = set()
    had: Counter[bytes] = Counter()
    kept, repeats, beyond = [], 0, 0
    for i, (row, label) in enumerate(zip(features, labels.tolist(), strict=True)):
        subject = people[i] if people is not None else b""
        # 16 bytes of BLAKE2 instead of the row: memory stays small and a collision cannot be found
        digest = hashlib.blake2b(row.tobytes() + subject, digest_size=16, key=bytes([label])).digest()
        if digest in seen:
            repeats += 1
            continue
        seen.add(digest)
        if people is not None:
            if had[subject] == rows_each:
                beyond += 1
                continue
            had[subject] += 1
        kept.append(i)
    return np.array(kept, dtype=np.int64), repeats, beyond

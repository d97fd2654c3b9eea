"""A table out of its own canonical bytes: how a vault gives back what it sealed."""

from __future__ import annotations

import numpy as np

from freehold.core.canonical import parse
from freehold.core.errors import InvalidTable
from freehold.features.data.rules.table import _DOMAIN, Table

_MAX_HEADER_BYTES = 1024 * 1024


def from_canonical_bytes(data: bytes) -> Table:
    """The inverse of `table.canonical_bytes`.

    Raises:
        InvalidTable: the bytes are not those of a table.
    """
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

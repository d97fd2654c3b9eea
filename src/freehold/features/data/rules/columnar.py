"""Parquet files as batches of columns, within limits; which columns are the index of a pandas frame."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from freehold.core.errors import InvalidTable
from freehold.features.data.rules import names

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH_ROWS = 65_536


class Columnar:
    """An open Parquet file. Raises InvalidTable where it is none."""

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self._broken = InvalidTable(f"{file} is not a readable Parquet file", hint="Write the file again.")
        try:
            self._file = pyarrow.parquet.ParquetFile(stream)
            meta, schema = self._file.metadata, self._file.schema_arrow
            self.names = names.checked(list(schema.names), file)
            self.rows = int(meta.num_rows)
            self.unpacked_bytes = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        except (pa.ArrowException, OSError, ValueError):
            raise self._broken from None
        said = _said(schema.metadata or {})
        self.index = tuple(name for name in self.names if name in said or names.is_index(name))
        """Columns that numbered or named the rows of a pandas frame, which are none of its own."""

    def batches(self) -> Iterator[Any]:
        """Its rows. Raises InvalidTable."""
        try:
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                batch.validate(full=True)  # a broken file can hold text that is not UTF-8
                yield batch
        except (pa.ArrowException, OSError, ValueError):
            raise self._broken from None


def _said(metadata: dict[bytes, bytes]) -> set[str]:
    """Index columns by what pandas wrote into the file; a RangeIndex has no column."""
    try:
        found = json.loads(metadata.get(b"pandas", b"{}"))["index_columns"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
    return {names.spelled(one) for one in found if isinstance(one, str)} if isinstance(found, list) else set()

"""Parquet files as batches of columns, within limits; which columns are the index of a pandas frame."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from freehold.core.causes import SystemExhausted
from freehold.core.errors import InvalidTable
from freehold.core.late import np
from freehold.features.data.rules import chunks, names

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH_ROWS, _BATCH_BYTES = 65_536, 32 << 20
_FIXED_BYTES = 64
"""Of a cell in a column whose cells have one width."""


class Columnar:
    """An open Parquet file that makes at most `most_bytes`. Raises InvalidTable where it is none, or makes more.

    Bytes are counted as they are made: what the file says of itself is its author's word. Texts are read as a
    dictionary and numbers into it, as they are packed; columns of lists, structs and the like are not read at all.
    """

    def __init__(self, stream: BinaryIO, file: str, most_bytes: int) -> None:
        self._stream, self._called, self._most = stream, file, most_bytes
        self._made = 0
        with self._explained():
            chunks.require_small_footer(stream)
            stream.seek(0)
            self._file = pyarrow.parquet.ParquetFile(stream, pre_buffer=False)
            meta, schema = self._file.metadata, self._file.schema_arrow
            self.names = names.checked(list(schema.names), file)
            self.rows = int(meta.num_rows)
            self._schema = schema
        said = _said(schema.metadata or {})
        self.index = tuple(name for name in self.names if name in said or names.is_index(name))
        """Columns that numbered or named the rows of a pandas frame, which are none of its own."""

    def batches(self) -> Iterator[Any]:
        """Its rows. Raises InvalidTable."""
        if not self.rows:
            # then it has no pages either, which would read as damage
            return
        with self._explained():
            read, texts = self._read()
            made, row_bytes = chunks.measured(self._stream, self._file.metadata, read, self._most)
            self._require_made(made)
            self._stream.seek(0)
            opened = pyarrow.parquet.ParquetFile(self._stream, pre_buffer=False, read_dictionary=texts)
            rows = 0
            row_bytes = max(row_bytes, 8 * len(self.names))
            most_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // row_bytes))
            for batch in opened.iter_batches(batch_size=most_rows, columns=read, use_threads=False):
                batch.validate(full=True)  # a broken file can hold text that is not UTF-8
                rows += batch.num_rows
                if rows > self.rows:
                    raise chunks.NotPlain("it has more rows than it says")
                whole = [self._column(batch, name) for name in self._schema.names]
                yield from self._pieces(pa.RecordBatch.from_arrays(whole, list(self.names)))
            if rows < self.rows:
                raise chunks.NotPlain("it has fewer rows than it says")

    def _read(self) -> tuple[list[str], list[str]]:
        """Columns that are read, and those of texts among them: each row holds one value, of bounded width or a text."""
        schema = self._file.schema
        leaves = [schema.column(i) for i in range(len(schema))]
        plain = [
            one
            for one in leaves
            if one.name == one.path
            and one.max_repetition_level == 0
            and (one.physical_type != "FIXED_LEN_BYTE_ARRAY" or one.length <= _FIXED_BYTES)
        ]
        read = [one.path for one in plain]
        for leaf in leaves:
            parts = leaf.path.split(".")
            if leaf.name != leaf.path and {".".join(parts[:n]) for n in range(1, len(parts) + 1)} & set(read):
                # the reader finds columns by such a path, and would read both
                raise chunks.NotPlain("a column is called as a part of another")
        return read, [one.path for one in plain if one.physical_type == "BYTE_ARRAY"]

    def _column(self, batch: Any, name: str) -> Any:
        at = batch.schema.get_field_index(name)
        return batch.column(at) if at >= 0 else pa.nulls(batch.num_rows, self._schema.field(name).type)

    def _pieces(self, batch: Any) -> Iterator[Any]:
        """A batch in pieces that stay small once each row has its own copy of a text. Raises InvalidTable."""
        sizes = np.zeros(batch.num_rows, dtype=np.int64)
        for name, column in zip(self.names, batch.columns, strict=True):
            if not pa.types.is_dictionary(column.type):
                continue
            cells = pc.take(pc.fill_null(pc.binary_length(column.dictionary), 0), column.indices)
            lengths = pc.fill_null(cells, 0).to_numpy(zero_copy_only=False).astype(np.int64)
            if lengths.size and int(lengths.max()) > chunks.MOST_CELL_BYTES:
                raise InvalidTable(
                    f"{self._called}: column '{name}' has a cell of {int(lengths.max()):,} bytes; the limit is {chunks.MOST_CELL_BYTES:,}",
                    hint="Leave that column out; no setting raises it.",
                    column=name,
                    limit=chunks.MOST_CELL_BYTES,
                )
            sizes += lengths
        ends = np.cumsum(sizes)
        self._made += int(ends[-1]) if ends.size else 0
        self._require_made(self._made)
        start = 0
        while start < batch.num_rows:
            before = int(ends[start - 1]) if start else 0
            end = max(start + 1, int(np.searchsorted(ends, before + _BATCH_BYTES, side="right")))
            yield batch.slice(start, end - start)
            start = end

    def _require_made(self, made: int) -> None:
        if made > self._most:
            raise InvalidTable(
                f"{self._called} unpacks to more than {self._most:,} bytes, which is the limit",
                hint="Split the file, or raise the setting max_table_bytes, of which that is eight times.",
                limit=self._most,
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except chunks.NotPlain as error:
            raise InvalidTable(
                f"{self._called} cannot be read: {error}",
                hint="Leave such a column out, or write the file again with pandas or pyarrow.",
            ) from None
        except MemoryError:
            raise SystemExhausted(
                f"there is not enough memory to read {self._called}", hint="Free some memory."
            ) from None
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:
                # the disk's word, not the format's
                raise
            raise InvalidTable(
                f"{self._called} is not a readable Parquet file", hint="Write the file again."
            ) from None


def _said(metadata: dict[bytes, bytes]) -> set[str]:
    """Index columns by what pandas wrote into the file; a RangeIndex has no column."""
    try:
        found = json.loads(metadata.get(b"pandas", b"{}"))["index_columns"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
    return {names.spelled(one) for one in found if isinstance(one, str)} if isinstance(found, list) else set()

"""Parquet files as batches of columns, within limits; which columns are the index of a pandas frame."""

from __future__ import annotations

import json
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from freehold.core.causes import SystemExhausted
from freehold.core.errors import InvalidTable
from freehold.core.late import np
from freehold.features.data.parquet import footer, kinds
from freehold.features.data.parquet.pages import Pages, joined
from freehold.features.data.parquet.thrift import NotPlain
from freehold.features.data.rules import chunks, names
from freehold.features.data.rules.columns import Batch, Column, Kind, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BATCH_ROWS, _BATCH_BYTES = 65_536, 32 << 20
_LEAST_ROWS = 16
"""Of a batch: each takes its time for every column, however few rows it has."""
MOST_ROW_BYTES = _BATCH_BYTES // _LEAST_ROWS
"""What the longest cells of a row make together."""
_FIXED_BYTES = 64
"""Of a cell in a column whose cells have one width."""
_NESTED = Kind("lists or structs")


class Columnar:
    """An open Parquet file that makes at most `most_bytes`. Raises InvalidTable where it is none, or makes more.

    Bytes are counted as they are made: what the file says of itself is its author's word. Columns of lists, structs
    and the like are not read at all, and every cell of them is missing.
    """

    def __init__(self, stream: BinaryIO, file: str, most_bytes: int) -> None:
        self._stream, self._called, self._most = stream, file, most_bytes
        self._made = 0
        with self._explained():
            self._footer = footer.read(stream)
            self.names = names.checked(self._footer.names, file)
            self.rows = self._footer.rows
            lengths = kinds.durations(self._footer.said)
            leaves = self._footer.leaves
            self._read = {
                place: kinds.of(leaf, lengths) for place, leaf in enumerate(leaves) if _is_read(leaf)
            }
        said = _said(self._footer.said)
        self.index = tuple(name for name in self.names if name in said or names.is_index(name))
        """Columns that numbered or named the rows of a pandas frame, which are none of its own."""

    def batches(self) -> Iterator[Batch]:
        """Its rows. Raises InvalidTable."""
        if not self.rows:
            # then it has no pages either, which would read as damage
            return
        with self._explained():
            total, row_bytes = chunks.measured(self._stream, self._footer, self._read, self._most)
            self._require_made(total)
            row_bytes = max(row_bytes, 8 * len(self.names))
            most_rows = min(_BATCH_ROWS, _BATCH_BYTES // row_bytes)
            if most_rows < min(_LEAST_ROWS, self.rows):
                raise NotPlain(f"its rows make over {MOST_ROW_BYTES:,} bytes each")
            for parts in self._parts(most_rows):
                columns = zip(*(part.columns for part in parts), strict=True)
                yield from self._pieces(parts[0] if len(parts) == 1 else Batch(list(map(joined, columns))))

    def _parts(self, rows: int) -> Iterator[list[Batch]]:
        """What makes so many rows, out of one row group after another; of the last there may be fewer."""
        parts: list[Batch] = []
        wanted = rows
        for held, group in self._footer.groups:
            opened = {
                place: Pages(self._stream, self._footer.leaves[place], group[place], made, held)
                for place, made in self._read.items()
            }
            left = held
            while left:
                taken = min(wanted, left)
                parts.append(self._batch(opened, taken))
                wanted, left = wanted - taken, left - taken
                if not wanted:
                    yield parts
                    parts, wanted = [], rows
        if parts:
            yield parts

    def _batch(self, opened: Mapping[int, Pages], rows: int) -> Batch:
        columns: list[Column] = []
        last = None
        for place, leaf in enumerate(self._footer.leaves):
            if place in opened:
                columns.append(opened[place].take(rows))
            elif leaf.path[0] != last:
                columns.append(nothing(kinds.of(leaf).kind if leaf.is_plain else _NESTED, rows))
            last = leaf.path[0]
        return Batch(columns)

    def _pieces(self, batch: Batch) -> Iterator[Batch]:
        """A batch in pieces that stay small once each row has its own copy of a text. Raises InvalidTable."""
        sizes = np.zeros(batch.rows, dtype=np.int64)
        for name, column in zip(self.names, batch.columns, strict=True):
            if not column.kind.is_any_length:
                continue
            lengths = np.fromiter(map(len, column.values), np.int64, len(column.values))
            if column.codes is not None:
                lengths = lengths[column.codes]
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
        while start < batch.rows:
            before = int(ends[start - 1]) if start else 0
            end = max(start + 1, int(np.searchsorted(ends, before + _BATCH_BYTES, side="right")))
            end = min(end, batch.rows)
            yield Batch([column.cut(start, end) for column in batch.columns])
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
        except NotPlain as error:
            raise InvalidTable(
                f"{self._called} cannot be read: {error}",
                hint="Leave such a column out, or write the file again with pandas or pyarrow.",
            ) from None
        except MemoryError:
            raise SystemExhausted(
                f"there is not enough memory to read {self._called}", hint="Free some memory."
            ) from None
        except (OSError, ValueError, IndexError, OverflowError, struct.error) as error:
            if isinstance(error, OSError) and error.errno:
                # the disk's word, not the format's
                raise
            raise InvalidTable(
                f"{self._called} is not a readable Parquet file", hint="Write the file again."
            ) from None


def _is_read(leaf: footer.Leaf) -> bool:
    """Whether each row holds one value of it, of bounded width or a text."""
    return leaf.is_plain and (leaf.physical != footer.FIXED or leaf.length <= _FIXED_BYTES)


def _said(metadata: Mapping[bytes, bytes]) -> set[str]:
    """Index columns by what pandas wrote into the file; a RangeIndex has no column."""
    try:
        found = json.loads(metadata.get(b"pandas", b"{}"))["index_columns"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
    return {names.spelled(one) for one in found if isinstance(one, str)} if isinstance(found, list) else set()

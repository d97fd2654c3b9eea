"""What the pages of a Parquet file unpack to, by the headers that its reader allocates by.

The footer claims sizes too, and a reader does not hold it to them. A page never unpacks to more than its own header says.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_FOOTER_BYTES = 16 << 20
"""Its reader makes several times as much of it."""
MOST_CELL_BYTES = 64 << 10
"""Of a text. No number, label or name is longer, and one long text may stand in a million rows at no cost to its file."""
MOST_PAGES, MOST_PAGE_BYTES = 250_000, 128 << 20
_MAGIC_BYTES = 4
_MADE, _PACKED = 2, 3
"""Fields of a page's header, as the format numbers them."""
_KINDS = {5: 2, 7: 2, 8: 4}
"""Fields for what is in a page (data, dictionary, data of version 2), and in which of theirs the encoding stands."""
_DELTA_BYTE_ARRAY = 7
"""Each text says how much of the one before it repeats: a page makes far more of it than its size."""
_BINARY, _STRUCT = 8, 12
_NUMBERS, _TRUTHS = (4, 5, 6), (1, 2)


class NotPlain(ValueError):
    """A file that is no Parquet, or made so that it cannot be bounded; the message says which."""


def require_small_footer(stream: BinaryIO) -> None:
    """Raises NotPlain. Where it is no footer at all the reader says so."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 8))
    tail = stream.read(8)
    if tail[4:] == b"PAR1" and MOST_FOOTER_BYTES < int.from_bytes(tail[:4], "little") < size:
        raise NotPlain(f"its footer is over {MOST_FOOTER_BYTES:,} bytes")


def measured(stream: BinaryIO, metadata: Any, read: Collection[str], most: int) -> tuple[int, int]:
    """(bytes that all pages of the columns `read` make, bytes that a row makes in the densest of them).

    Counting ends once the first is over `most`. Raises NotPlain.
    """
    total = pages = 0
    densest = dict.fromkeys(read, 1)
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for column in range(row_group.num_columns):
            chunk = row_group.column(column)
            name = chunk.path_in_schema
            for made, values in _pages(stream, chunk) if name in densest else ():
                total, pages = total + made, pages + 1
                if total > most:
                    return total, 1
                if pages > MOST_PAGES:
                    raise NotPlain(f"it has over {MOST_PAGES:,} pages")
                if made > MOST_CELL_BYTES * (values + 1):
                    raise NotPlain(f"column '{name}' has a cell of over {MOST_CELL_BYTES:,} bytes")
                densest[name] = max(densest[name], made // max(values, 1))
    return total, sum(densest.values())


def _pages(stream: BinaryIO, chunk: Any) -> Iterator[tuple[int, int]]:
    """Of each page, what it makes, and of how many values."""
    begins = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < begins:
        begins = chunk.dictionary_page_offset
    ends = begins + chunk.total_compressed_size
    while begins < ends:
        if begins < _MAGIC_BYTES:
            raise NotPlain("a page is nowhere")
        stream.seek(begins)
        header = _struct(stream)
        made, packed = header.get(_MADE), header.get(_PACKED)
        if not isinstance(made, int) or not isinstance(packed, int) or made < 0 or packed < 0:
            raise NotPlain("a page has no size")
        if made > MOST_PAGE_BYTES:
            raise NotPlain(f"a page makes over {MOST_PAGE_BYTES:,} bytes")
        values = 0
        for kind, encoding in _KINDS.items():
            if isinstance(held := header.get(kind), dict):
                values = max(values, held.get(1, 0))
                if held.get(encoding) == _DELTA_BYTE_ARRAY:
                    raise NotPlain("its texts are packed by DELTA_BYTE_ARRAY")
        yield made, values
        begins = stream.tell() + packed


def _struct(stream: BinaryIO, depth: int = 0) -> dict[int, Any]:
    """A struct of Thrift's compact protocol, as far as the header of a page uses it. Raises NotPlain."""
    found: dict[int, Any] = {}
    number = 0
    while head := _byte(stream):
        number = number + (head >> 4) if head >> 4 else _signed(stream)
        kind = head & 15
        if kind in _NUMBERS:
            found[number] = _signed(stream)
        elif kind == _BINARY:
            stream.seek(_count(stream), os.SEEK_CUR)
        elif kind == _STRUCT and depth < 3:
            found[number] = _struct(stream, depth + 1)
        elif kind == 3:
            _byte(stream)
        elif kind not in _TRUTHS:
            raise NotPlain("a page has no header")
    return found


def _byte(stream: BinaryIO) -> int:
    read = stream.read(1)
    if not read:
        raise NotPlain("it ends in a page")
    return read[0]


def _count(stream: BinaryIO) -> int:
    value = shift = 0
    while (piece := _byte(stream)) & 128 and shift < 63:
        value, shift = value | (piece & 127) << shift, shift + 7
    return value | piece << shift


def _signed(stream: BinaryIO) -> int:
    value = _count(stream)
    return (value >> 1) ^ -(value & 1)

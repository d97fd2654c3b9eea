"""What the pages of a Parquet file unpack to, by the headers that its reader allocates by.

The footer claims sizes too, and a reader does not hold it to them. A page never unpacks to more than its own header says.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

from freehold.features.data.parquet import footer, pages
from freehold.features.data.parquet.thrift import NotPlain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_FOOTER_BYTES = footer.MOST_BYTES
"""Its reader makes several times as much of it."""
MOST_CELL_BYTES = 64 << 10
"""Of a text. No number, label or name is longer, and one long text may stand in a million rows at no cost to its file."""
MOST_PAGES, MOST_PAGE_BYTES = 250_000, pages.MOST_PAGE_BYTES
_ENCODING = {pages.DATA: 2, pages.DICTIONARY: 2, pages.DATA_2: 4}
"""In which field of what is in a page its encoding stands."""
_DELTA_BYTE_ARRAY = 7
"""Each text says how much of the one before it repeats: a page makes far more of it than its size."""


def measured(stream: BinaryIO, told: footer.Footer, read: Collection[int], most: int) -> tuple[int, int]:
    """(bytes that all pages of the columns `read` make, bytes that a row makes in the densest of them).

    Columns are given by their place among the leaves. Counting ends once the first is over `most`. Raises NotPlain.
    """
    total = seen = 0
    left = stream.seek(0, os.SEEK_END)
    densest = dict.fromkeys(read, 1)
    for rows, chunks in told.groups:
        # of no rows some writers say that their pages are nowhere
        for place in read if rows else ():
            name = ".".join(told.leaves[place].path)
            if chunks[place].is_elsewhere:
                raise NotPlain(f"column '{name}' lies in another file, or is encrypted")
            for taken, made, values in _pages(stream, chunks[place]):
                total, seen, left = total + made, seen + 1, left - taken
                if total > most:
                    return total, 1
                if seen > MOST_PAGES:
                    raise NotPlain(f"it has over {MOST_PAGES:,} pages")
                if left < 0:
                    raise NotPlain("its pages lie in each other")
                if made > MOST_CELL_BYTES * (values + 1):
                    raise NotPlain(f"column '{name}' has a cell of over {MOST_CELL_BYTES:,} bytes")
                densest[place] = max(densest[place], made // max(values, 1))
    return total, sum(densest.values())


def _pages(stream: BinaryIO, chunk: footer.Chunk) -> Iterator[tuple[int, int, int]]:
    """Of each page its bytes in the file, those it makes, and of how many values."""
    begins, ends = chunk.begins, chunk.begins + chunk.packed
    while begins < ends:
        header, at = pages.header(stream, begins)
        values = 0
        for kind, encoding in _ENCODING.items():
            held: dict[int, Any] = header.get(kind, {})
            values = max(values, held.get(1, 0))
            if held.get(encoding) == _DELTA_BYTE_ARRAY:
                raise NotPlain("its texts are packed by DELTA_BYTE_ARRAY")
        ends_at = at + header[3]
        yield ends_at - begins, header[2], values
        begins = ends_at

"""The values of one column in one row group, page by page, a number of rows at a time."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from freehold.core.late import np
from freehold.features.data.parquet import packed
from freehold.features.data.parquet.footer import FIXED, Chunk, Leaf
from freehold.features.data.parquet.kinds import BOOLEAN, BYTES, INT32, INT96, Made
from freehold.features.data.parquet.packed import Codes
from freehold.features.data.parquet.thrift import Compact, Damaged, NotPlain
from freehold.features.data.rules.columns import Column, Mask, Raw

MOST_PAGE_BYTES = 128 << 20
MOST_HEADER_BYTES = 64 << 10
"""Statistics in it hold whole cells."""
MOST_KINDS = 1_000_000
"""In a dictionary, which may hold more than a row group has rows: what a whole frame could have, and no longer has."""
_CHECK_SUM, DATA, DICTIONARY, DATA_2 = 4, 5, 7, 8
"""Fields of a page's header: for its bytes, where whoever wrote it counted them, and for what is in it."""
HEADER = {
    2: int,
    3: int,
    _CHECK_SUM: int,
    DATA: {1: int, 2: int, 3: int},
    DICTIONARY: {1: int, 2: int},
    DATA_2: {1: int, 2: int, 3: int, 4: int, 5: int, 6: int, 7: bool},
}
_PLAIN, _PLAIN_DICTIONARY, _RUNS, _DIFFERENCES, _LENGTHS, _DICTIONARY, _SPLIT = 0, 2, 3, 5, 6, 8, 9
_MAGIC_BYTES = 4
_WIDTHS = {1: 4, 2: 8, INT96: 12, 4: 4, 5: 8}
_DTYPES = {1: "<i4", 2: "<i8", 4: "<f4", 5: "<f8"}


def header(stream: BinaryIO, at: int) -> tuple[dict[int, Any], int]:
    """(a page's header, where what is in the page begins). Raises NotPlain: none stands there."""
    if at < _MAGIC_BYTES:
        raise Damaged("a page is nowhere")
    stream.seek(at)
    size = 256
    # statistics make few of them long
    while True:
        raw = stream.read(size)
        reader = Compact(raw)
        try:
            found = reader.struct(HEADER)
        except Damaged:
            if len(raw) < size or size >= MOST_HEADER_BYTES:
                raise
            stream.seek(at)
            size *= 16
            continue
        break
    made, takes = found.get(2), found.get(3)
    if not isinstance(made, int) or not isinstance(takes, int) or made < 0 or takes < 0:
        raise Damaged("a page has no size")
    if made > MOST_PAGE_BYTES:
        raise NotPlain(f"a page makes over {MOST_PAGE_BYTES:,} bytes")
    return found, at + reader.at


@dataclass
class _Page:
    """Rows that are left of a page."""

    rows: int
    take: Callable[[int], Column]
    """The next of them, as many as are asked for and there."""


class Pages:
    """Reads a chunk forwards. Raises NotPlain or ValueError: it holds other rows than it says, or is damaged."""

    def __init__(self, stream: BinaryIO, leaf: Leaf, chunk: Chunk, made: Made, rows: int) -> None:
        self._stream, self._leaf, self._chunk, self._made = stream, leaf, chunk, made
        self._at, self._end = chunk.begins, chunk.begins + chunk.packed
        self._rows = rows
        """Rows of the group that no page has been read of."""
        self._page = _Page(0, lambda _: Column(made.kind, []))
        self._dictionary: _Dictionary | None = None

    def take(self, rows: int) -> Column:
        """The next rows."""
        found: list[Column] = []
        while rows:
            while not self._page.rows:
                self._next()
            taken = min(rows, self._page.rows)
            found.append(self._page.take(taken))
            self._page.rows -= taken
            rows -= taken
        return found[0] if len(found) == 1 else joined(found)

    def _next(self) -> None:
        if self._at >= self._end:
            raise NotPlain("it has fewer rows than it says")
        told, begins = header(self._stream, self._at)
        self._stream.seek(begins)
        data = self._stream.read(told[3])
        self._at = begins + told[3]
        if len(data) < told[3]:
            raise Damaged("it ends in a page")
        if _CHECK_SUM in told and zlib.crc32(data) != told[_CHECK_SUM] & 0xFFFF_FFFF:
            raise Damaged("a page of it is damaged")
        if DICTIONARY in told:
            raw = packed.unpacked(data, self._chunk.codec, told[2])
            count = told[DICTIONARY].get(1, -1)
            if not 0 <= count <= MOST_KINDS:
                raise NotPlain(f"a column has over {MOST_KINDS:,} different values in its dictionary")
            self._dictionary = _Dictionary(self._leaf, self._made, raw, count)
        elif DATA in told:
            raw = packed.unpacked(data, self._chunk.codec, told[2])
            self._page = self._data(raw, told[DATA])
        elif DATA_2 in told:
            self._page = self._data_2(data, told[2], told[DATA_2])

    def _count(self, told: dict[int, Any]) -> int:
        count = told.get(1, -1)
        if not 0 <= count <= self._rows:
            raise NotPlain("it has more rows than it says")
        self._rows -= count
        return int(count)

    def _data(self, raw: bytes, told: dict[int, Any]) -> _Page:
        count, begins, present = self._count(told), 0, None
        if self._leaf.is_optional:
            if told.get(3) != _RUNS:
                raise NotPlain("its gaps are packed in a way that is not read here")
            begins = 4 + int.from_bytes(raw[:4], "little")
            present = packed.runs(raw[4:begins], 1, count).astype(np.bool_)
        return self._of(raw[begins:], told.get(2, -1), count, present)

    def _data_2(self, data: bytes, size: int, told: dict[int, Any]) -> _Page:
        count, gaps, nested = self._count(told), told.get(5, 0), told.get(6, 0)
        if nested or not 0 <= gaps <= min(len(data), size):
            raise Damaged("a page in it is in no order")
        present = packed.runs(data[:gaps], 1, count).astype(np.bool_) if self._leaf.is_optional else None
        raw = data[gaps:]
        if told.get(7, True):
            raw = packed.unpacked(raw, self._chunk.codec, size - gaps)
        return self._of(raw, told.get(4, -1), count, present)

    def _of(self, raw: bytes, encoding: int, count: int, present: Mask | None) -> _Page:
        held = count if present is None else int(present.sum())
        if encoding in (_PLAIN_DICTIONARY, _DICTIONARY):
            if self._dictionary is None:
                raise Damaged("its dictionary is not there")
            return _coded(self._dictionary, _codes(raw, held, self._dictionary.count), present)
        return _plain(self._made, self._values(raw, encoding, held), count, present)

    def _values(self, raw: bytes, encoding: int, count: int) -> Callable[[int], Raw | Sequence[Any]]:
        """What gives the next so many of `count` values."""
        kind, made = self._leaf.physical, self._made
        if kind == BYTES:
            texts = _lengthy(raw, count) if encoding == _LENGTHS else None
            if texts is None and encoding != _PLAIN:
                raise NotPlain("its texts are packed in a way that is not read here")
            return _Texts(raw, made, texts).take
        return _sliced(_fixed(raw, self._leaf, encoding, count), made)


def _fixed(raw: bytes, leaf: Leaf, encoding: int, count: int) -> Raw:
    """Values of one width."""
    kind = leaf.physical
    if kind == BOOLEAN:
        if encoding == _RUNS:
            return packed.runs(raw[4:], 1, count).astype(np.bool_)
        if encoding != _PLAIN:
            raise NotPlain("its values are packed in a way that is not read here")
        return packed.truths(raw, count)
    width = leaf.length if kind == FIXED else _WIDTHS[kind]
    if encoding == _DIFFERENCES and kind in (1, 2):
        values, _ = packed.differences(raw, count)
        return values.astype(np.int32) if kind == INT32 else values
    if encoding == _SPLIT:
        raw = packed.split(raw, width, count)
    elif encoding != _PLAIN:
        raise NotPlain("its values are packed in a way that is not read here")
    if len(raw) < width * count:
        raise Damaged("it ends too early")
    if kind in _DTYPES:
        return np.frombuffer(raw, _DTYPES[kind], count)
    return np.frombuffer(raw, np.uint8, width * count).reshape(count, width)


class _Texts:
    """Values of any length, read as they are asked for: a page makes many times its size of them."""

    def __init__(self, raw: bytes, made: Made, lengths: tuple[list[int], int] | None) -> None:
        self._raw, self._made = raw, made
        self._lengths = None if lengths is None else lengths[0]
        self._at = 0 if lengths is None else lengths[1]
        self._row = 0

    def take(self, count: int) -> Raw | Sequence[Any]:
        """The next ones. Raises NotPlain, ValueError."""
        found, raw, at, end = [], self._raw, self._at, len(self._raw)
        known = None if self._lengths is None else self._lengths[self._row : self._row + count]
        for n in range(count):
            if known is None:
                size = int.from_bytes(raw[at : at + 4], "little")
                at += 4
            else:
                size = known[n]
            if not 0 <= size <= end - at:
                raise Damaged("it ends in a text")
            found.append(raw[at : at + size])
            at += size
        self._at, self._row = at, self._row + count
        return _of_texts(found, self._made)


def _of_texts(found: list[bytes], made: Made) -> Raw | Sequence[Any]:
    if made.kind.is_text:
        return [one.decode() for one in found]
    held = np.empty(len(found), dtype=object)
    held[:] = found
    return made.made(held)


def _placed(raw: bytes, leaf: Leaf, made: Made, count: int) -> Callable[[Codes], Raw | Sequence[Any]]:
    """What gives those of `count` plain values that stand at some places."""
    if leaf.physical != BYTES:
        values = _fixed(raw, leaf, _PLAIN, count)
        return lambda places: made.made(values[places])
    begins, at = array("I"), 0
    for _ in range(count):
        begins.append(at + 4)
        at += 4 + int.from_bytes(raw[at : at + 4], "little")
        if at > len(raw):
            raise Damaged("it ends in a text")
    begins.append(at + 4)
    return lambda places: _of_texts([raw[begins[n] : begins[n + 1] - 4] for n in places.tolist()], made)


class _Dictionary:
    """What codes stand for, made where it is used: a page makes many times its size of it, and each column has one."""

    def __init__(self, leaf: Leaf, made: Made, raw: bytes, count: int) -> None:
        self.count, self._made = count, made
        self._values = _placed(raw, leaf, made, count)
        self._all: Raw | Sequence[Any] | None = None

    def column(self, codes: Codes, missing: Mask | None) -> Column:
        """Rows of these codes."""
        kind = self._made.kind
        if not self.count:
            # where every row is a gap it may be empty
            return Column(kind, _blank(self._made, len(codes), self._values(codes[:0])), None, missing)
        if self._all is None and self.count <= len(codes):
            self._all = self._values(np.arange(self.count, dtype=np.int32))
        if self._all is not None:
            return Column(kind, self._all, codes, missing)
        used, places = np.unique(codes, return_inverse=True)
        return Column(kind, self._values(used), places, missing)


def _lengthy(raw: bytes, count: int) -> tuple[list[int], int]:
    """Lengths that stand before all texts, and where those begin."""
    lengths, at = packed.differences(raw, count)
    return lengths.tolist(), at


def _sliced(values: Raw, made: Made) -> Callable[[int], Raw]:
    at = 0

    def take(count: int) -> Raw:
        nonlocal at
        at += count
        return made.made(values[at - count : at])

    return take


def _codes(raw: bytes, count: int, kinds: int) -> Codes:
    if count == 0:
        return np.empty(0, dtype=np.int32)
    if not raw:
        raise Damaged("it ends too early")
    codes = packed.runs(raw[1:], raw[0], count)
    if int(codes.max()) >= kinds:
        raise Damaged("a code in it stands for nothing")
    return codes


def _coded(dictionary: _Dictionary, codes: Codes, present: Mask | None) -> _Page:
    gaps = None if present is None or present.all() else ~present
    if gaps is not None:
        spread = np.zeros(len(gaps), dtype=np.int32)
        spread[~gaps] = codes
        codes = spread
    at = 0

    def take(count: int) -> Column:
        nonlocal at
        at += count
        here = None if gaps is None else gaps[at - count : at]
        return dictionary.column(codes[at - count : at], here)

    return _Page(len(codes), take)


def _plain(
    made: Made, values: Callable[[int], Raw | Sequence[Any]], count: int, present: Mask | None
) -> _Page:
    if present is None:
        return _Page(count, lambda rows: Column(made.kind, values(rows)))
    at = 0

    def take(rows: int) -> Column:
        nonlocal at
        here = present[at : at + rows]
        at += rows
        held = values(int(here.sum()))
        if here.all():
            return Column(made.kind, held)
        if not isinstance(held, np.ndarray):
            rest = iter(held)
            return Column(made.kind, [next(rest) if one else "" for one in here.tolist()], missing=~here)
        spread = _blank(made, rows, held)
        spread[here] = held
        return Column(made.kind, spread, missing=~here)

    return _Page(count, take)


def _blank(made: Made, rows: int, like: Raw | Sequence[Any]) -> Any:
    """What stands where no cell is."""
    if not isinstance(like, np.ndarray):
        return [""] * rows
    blank = np.zeros(rows, dtype=like.dtype)
    if like.dtype == object and made.kind.numbers is None:
        blank[:] = b""
    return blank


def joined(parts: Sequence[Column]) -> Column:
    """Columns of one kind, one after another."""
    first = parts[0]
    missing = None
    if any(one.missing is not None for one in parts):
        missing = np.concatenate(
            [np.zeros(len(one), dtype=np.bool_) if one.missing is None else one.missing for one in parts]
        )
    codes = [one.codes for one in parts if one.codes is not None and one.values is first.values]
    if len(codes) == len(parts):
        return Column(first.kind, first.values, np.concatenate(codes), missing)
    if first.kind.is_text:
        texts = [text for one in parts for text in one.raw()]
        return Column(first.kind, texts, None, missing)
    return Column(first.kind, np.concatenate([np.asarray(one.raw()) for one in parts]), None, missing)

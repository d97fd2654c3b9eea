"""How values are packed in the pages of a Parquet file: runs, bits, differences, codecs.

https://parquet.apache.org/docs/file-format/data-pages/encodings/. What is made is never more than was asked for:
sizes come from whoever calls, not from the bytes. Each raises Damaged: the bytes are no such packing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

import cramjam

from freehold.core.late import np, npt
from freehold.features.data.parquet.thrift import Compact, Damaged, NotPlain

Codes: TypeAlias = "npt.NDArray[np.int32]"
_MOST_MEMBERS, _PIECE_BYTES = 64, 64 << 10
"""Of a page packed by gzip: writers make one, and what a piece has behind it is copied."""
_MINI = 32
"""What the values of a part of a block of differences come in multiples of."""


def runs(data: bytes, width: int, count: int) -> Codes:
    """Whole numbers of `width` bits, in runs of one number or of packed ones."""
    found = np.empty(count, dtype=np.int32)
    if width > 31:
        raise Damaged("its codes are too wide")
    if width == 0:
        found[:] = 0
        return found
    reader, step = Compact(data), (width + 7) // 8
    filled = 0
    packed: list[tuple[int, int]] = []
    pieces: list[bytes] = []
    while filled < count:
        head = reader.count()
        size, at = head >> 1, reader.at
        if size == 0:
            raise Damaged("a run in it is empty")
        if head & 1:
            piece = data[at : at + size * width]
            taken = min(8 * size, count - filled)
            if len(piece) * 8 < taken * width:
                raise Damaged("it ends too early")
            reader.at = at + len(piece)
            packed.append((filled, taken))
            pieces.append(piece.ljust(-(-taken // 8) * width, b"\0")[: -(-taken // 8) * width])
        else:
            if at + step > len(data):
                raise Damaged("it ends too early")
            taken = min(size, count - filled)
            value = int.from_bytes(data[at : at + step], "little")
            if value >> width:
                raise Damaged("a code in it is too wide")
            found[filled : filled + taken] = value
            reader.at = at + step
        filled += taken
    values = bits(b"".join(pieces), width)
    at = 0
    for begins, taken in packed:
        found[begins : begins + taken] = values[at : at + taken]
        at += -(-taken // 8) * 8
    return found


def bits(data: bytes, width: int) -> npt.NDArray[np.uint64]:
    """Whole numbers of `width` bits (1 to 64), the lowest bit first; eight at a time."""
    groups = len(data) // width
    raw = np.frombuffer(data, np.uint8, groups * width).reshape(groups, width)
    found = np.empty((groups, 8), dtype=np.uint64)
    mask = np.uint64((1 << width) - 1)
    for place in range(8):
        first, shift = divmod(place * width, 8)
        value = raw[:, first].astype(np.uint64) >> np.uint64(shift)
        for n, byte in enumerate(range(first + 1, (place * width + width - 1) // 8 + 1), start=1):
            value |= raw[:, byte].astype(np.uint64) << np.uint64(8 * n - shift)
        found[:, place] = value & mask
    return found.reshape(-1)


def truths(data: bytes, count: int) -> npt.NDArray[np.bool_]:
    """One bit each."""
    if 8 * len(data) < count:
        raise Damaged("it ends too early")
    return np.unpackbits(np.frombuffer(data, np.uint8), count=count, bitorder="little").astype(np.bool_)


def differences(data: bytes, count: int) -> tuple[npt.NDArray[np.int64], int]:
    """(whole numbers written as differences, bytes that they took); of 64 bits, beyond which they begin again."""
    reader = Compact(data)
    block, parts, total, first = (reader.count() for _ in range(4))
    if total != count or parts == 0 or block % parts or (block // parts) % _MINI or block == 0:
        raise Damaged("its differences are in no order")
    found = np.zeros(count, dtype=np.uint64)
    each, filled = block // parts, 1
    if count:
        found[0] = _zigzag(first)
    while filled < count:
        least = _zigzag(reader.count())
        widths = data[reader.at : reader.at + parts]
        reader.at += parts
        for width in widths:
            if filled >= count:
                break
            taken, size = min(each, count - filled), each * width // 8
            if width > 64 or reader.at + size > len(data):
                raise Damaged("it ends too early")
            if width:
                found[filled : filled + taken] = bits(data[reader.at : reader.at + size], width)[:taken]
            found[filled : filled + taken] += least
            reader.at += size
            filled += taken
        if len(widths) < parts and filled < count:
            raise Damaged("it ends too early")
    return np.cumsum(found, dtype=np.uint64).view(np.int64), reader.at


def _zigzag(value: int) -> np.uint64:
    return np.uint64(((value >> 1) ^ -(value & 1)) & (1 << 64) - 1)


def split(data: bytes, width: int, count: int) -> bytes:
    """Values of `width` bytes of which all first bytes stand first, then all second ones, and so on."""
    if len(data) < width * count:
        raise Damaged("it ends too early")
    return np.frombuffer(data, np.uint8, width * count).reshape(width, count).T.tobytes()


def _gzip(data: bytes, size: int) -> bytes:
    made, members, at = bytearray(), 0, 0
    stream = None
    while at < len(data) and len(made) <= size:
        if stream is None:
            if len(made) == size:
                break
            members += 1
            if members > _MOST_MEMBERS:
                raise Damaged("a page of it is packed in too many pieces")
            stream = zlib.decompressobj(wbits=47)
        piece = data[at : at + _PIECE_BYTES]
        # one byte more shows that there is more
        made += stream.decompress(piece, size - len(made) + 1)
        at += len(piece) - len(stream.unused_data) - len(stream.unconsumed_tail)
        stream = None if stream.eof else stream
    return bytes(made)


def _into(unpack: Callable[[bytes, bytearray], int]) -> Callable[[bytes, int], bytes]:
    def unpacked(data: bytes, size: int) -> bytes:
        made = bytearray(size)
        return bytes(made[: unpack(data, made)])

    return unpacked


def _lz4(data: bytes, size: int) -> bytes:
    made = bytearray(size)
    return bytes(made[: cramjam.lz4.decompress_block_into(data, made, output_len=size)])


def _lz4_framed(data: bytes, size: int) -> bytes:
    """As Hadoop frames it: each block behind its two sizes, their highest byte first; else unframed."""
    made, at = bytearray(), 0
    while at + 8 <= len(data):
        makes, takes = (int.from_bytes(data[at + n : at + n + 4], "big") for n in (0, 4))
        at += 8
        if takes > len(data) - at or makes > size - len(made):
            return _lz4(data, size)
        made += _lz4(data[at : at + takes], makes)
        at += takes
    return bytes(made) if at == len(data) else _lz4(data, size)


_CODECS: Mapping[int, Callable[[bytes, int], bytes]] = {
    0: lambda data, _: data,
    1: _into(cramjam.snappy.decompress_raw_into),
    2: _gzip,
    4: _into(cramjam.brotli.decompress_into),
    5: _lz4_framed,
    6: _into(cramjam.zstd.decompress_into),
    7: _lz4,
}


def unpacked(data: bytes, codec: int, size: int) -> bytes:
    """The `size` bytes that a codec made `data` of."""
    unpack = _CODECS.get(codec)
    if unpack is None:
        raise NotPlain("it is packed by a codec that is not read here")
    try:
        made = unpack(data, size) if size else b""
    except (cramjam.DecompressionError, zlib.error):
        raise Damaged("a page of it is damaged") from None
    if len(made) != size:
        raise Damaged("a page of it is damaged")
    return made

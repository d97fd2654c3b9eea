"""What stands packed in a Parquet file, and what one can claim of itself that is not so."""

from __future__ import annotations

import gzip
import io
import itertools
import tracemalloc

import cramjam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freehold.core.errors import InvalidTable
from freehold.features.data.parquet import footer, packed, pages, thrift
from freehold.features.data.parquet.thrift import Damaged
from freehold.features.data.rules.columnar import Columnar


def varint(value: int) -> bytes:
    made = b""
    while value > 127:
        made, value = made + bytes([value & 127 | 128]), value >> 7
    return made + bytes([value])


@pytest.mark.parametrize("width", range(1, 65))
def test_bits_are_read_at_every_width(width: int) -> None:
    rng = np.random.default_rng(width)
    values = [int.from_bytes(rng.bytes(8), "little") >> (64 - width) for _ in range(24)]
    whole = sum(value << (width * place) for place, value in enumerate(values))
    assert packed.bits(whole.to_bytes(3 * width, "little"), width).tolist() == values


def test_runs_are_read_in_any_order() -> None:
    repeated = varint(5 << 1) + b"\x03"
    mixed = varint((1 << 1) | 1) + (0b111_110_101_100_011_010_001_000).to_bytes(3, "little")
    for parts in itertools.product([repeated, mixed], repeat=3):
        wanted = [one for part in parts for one in ([3] * 5 if part is repeated else range(8))]
        assert packed.runs(b"".join(parts), 3, len(wanted)).tolist() == wanted
    assert packed.runs(b"", 0, 4).tolist() == [0] * 4


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"", 1),
        (varint(0) + b"\x01", 1),
        (varint(8 << 1), 1),
        (varint(8 << 1) + b"\x02", 1),
        (varint((1 << 1) | 1), 8),
        (b"\xff" * 11, 1),
        (varint(8 << 1) + b"\x01" * 8, 40),
    ],
    ids=["none", "empty run", "no value", "too wide a value", "no bits", "endless length", "too wide"],
)
def test_runs_that_are_none_are_refused(data: bytes, width: int) -> None:
    with pytest.raises(thrift.Damaged):
        packed.runs(data, width, 8)


@pytest.mark.parametrize("codec", [0, 1, 2, 4, 6, 7])
def test_a_page_never_makes_more_than_its_header_says(codec: int) -> None:
    raw = b"0" * (32 << 20)
    pack = {
        0: bytes,
        1: cramjam.snappy.compress_raw,
        2: cramjam.gzip.compress,
        4: cramjam.brotli.compress,
        6: cramjam.zstd.compress,
        7: lambda data: cramjam.lz4.compress_block(data, store_size=False),
    }[codec]
    bomb = bytes(pack(raw))
    assert packed.unpacked(bomb, codec, len(raw)) == raw
    tracemalloc.start()
    with pytest.raises(thrift.Damaged):
        packed.unpacked(bomb, codec, 1_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_what_a_codec_is_not_known_by_is_refused() -> None:
    with pytest.raises(thrift.NotPlain, match="codec that is not read"):
        packed.unpacked(b"", 3, 1)


def file(**columns: object) -> bytearray:
    made = io.BytesIO()
    pq.write_table(pa.table(columns), made, compression="none", use_dictionary=False, store_schema=False)
    return bytearray(made.getvalue())


def test_a_page_that_claims_more_rows_than_its_group_is_refused_before_room_is_made() -> None:
    data = file(a=[None] * 1_000 + [1.0])
    stream = io.BytesIO(bytes(data))
    told, begins = pages.header(stream, 4)
    count = varint(told[5][1] << 1)
    at = bytes(data).index(count, 4, begins)
    # as long, and far larger
    data[at : at + 2] = b"\xfe\x7f"
    tracemalloc.start()
    with pytest.raises(InvalidTable, match="more rows than it says"):
        list(Columnar(io.BytesIO(bytes(data)), "t.parquet", 1 << 30).batches())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_a_footer_of_many_parts_is_refused_before_they_are_made() -> None:
    # a list of 300,000 row groups of which each is empty
    fields = b"\x15\x02\x19\x1c\x48\x01r\x00\x16\x00\x19\xfc" + varint(300_000) + b"\x00" * 300_000 + b"\x00"
    data = b"PAR1" + fields + len(fields).to_bytes(4, "little") + b"PAR1"
    tracemalloc.start()
    with pytest.raises(thrift.NotPlain, match="too many parts"):
        footer.read(io.BytesIO(data))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 << 20


def test_parts_that_lie_in_each_other_without_end_are_refused() -> None:
    for fields in (
        b"\x9c" + b"\x1c" * 1_000,
        b"\x99" + b"\x19" * 1_000,
        b"\x9b\x01\x8b" + b"\x01\xbb" * 1_000,
    ):
        data = b"PAR1" + fields + len(fields).to_bytes(4, "little") + b"PAR1"
        with pytest.raises(thrift.Damaged):
            footer.read(io.BytesIO(data))


def test_a_page_of_many_small_pieces_is_refused_before_it_takes_long():
    """Each is copied with all that is behind it: twice as many take four times as long."""
    empty = gzip.compress(b"")
    assert packed.unpacked(gzip.compress(b"ab") + gzip.compress(b"cd"), 2, 4) == b"abcd"
    with pytest.raises(Damaged, match="pieces"):
        packed.unpacked(empty * 100_000 + gzip.compress(b"ab"), 2, 2)

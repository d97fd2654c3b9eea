"""Few bytes that would take much memory or time, and right files that look like damaged ones."""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc

import cramjam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parquet_made import dictionary, file, page, struct, varint, whole

from freehold.core.errors import InvalidTable
from freehold.features.data.parquet import footer, packed, thrift
from freehold.features.data.parquet.pages import header
from freehold.features.data.rules.columnar import Columnar

KINDS = 60_000
TEXT = {"f1": 6, "f3": 0}
DECIMAL = {"f1": 7, "f2": 2, "f3": 0}
CODE = bytes([18]) + varint(1 << 1) + b"\1\0\0"
ZSTD = 6


def columnar(data: bytes) -> list[list[list[str] | None]]:
    """Different texts of each column of each batch."""
    found = []
    for batch in Columnar(io.BytesIO(data), "t.parquet", 1 << 30).batches():
        kinds = [one.distinct() for one in batch.columns]
        found.append([None if one is None else one[0] for one in kinds])
    return found


def of_dictionary(raw: bytes) -> bytes:
    """A page of many values, and one of a single row."""
    pack = cramjam.zstd.compress
    kinds = dictionary(bytes(pack(raw)), KINDS, len(raw))
    return kinds + page(bytes(pack(CODE)), 1, len(CODE), encoding=8)


@pytest.mark.parametrize("held", ["texts", "decimals"])
@pytest.mark.parametrize("across", ["columns", "groups"])
def test_what_a_dictionary_holds_and_no_row_has_takes_no_memory(held: str, across: str) -> None:
    text = held == "texts"
    pages = of_dictionary(b"\2\0\0\0ab" * KINDS if text else b"\1\5" * KINDS)
    many = 6
    chunks = [(ZSTD, 4 + n * len(pages), len(pages)) for n in range(many)]

    def column(n: int) -> bytes:
        kind = TEXT if text else DECIMAL
        return struct(**kind, f4=b"c%d" % n, f6=0 if text else 5, f7=0, f8=4)

    if across == "columns":
        data = file([column(n) for n in range(many)], [(1, chunks)], pages * many)
    else:
        data = file([column(0)], [(1, [one]) for one in chunks], pages * many)
    assert len(data) < 20_000
    tracemalloc.start()
    found = columnar(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {tuple(one) for batch in found for one in batch} == {("ab",) if text else ("261",)}
    assert most < many * KINDS * 12


def test_pages_that_many_chunks_claim_are_refused_before_they_are_read() -> None:
    raw = (2).to_bytes(4, "little") + whole(1) + b"\0"
    pages = page(gzip.compress(raw) + bytes(1 << 20), 1, len(raw))
    column = struct(f1=2, f3=1, f4=b"c")
    one = (2, 4, len(pages))
    assert columnar(file([column], [(1, [one])], pages)) == [[[""]]]
    with pytest.raises(InvalidTable, match="lie in each other"):
        columnar(file([column], [(1, [one])] * 10_000, pages))


def test_rows_that_seem_long_are_no_reason_to_read_them_one_by_one() -> None:
    """One long text in each of many columns made a batch of each of the other rows: 12 ms a row."""
    long, rows, many = b"1" * 60_000, 100, 600
    first = len(long).to_bytes(4, "little") + long
    rest = b"\1\0\0\0001" * (rows - 1)
    pages = page(first, 1, len(first)) + page(rest, rows - 1, len(rest))
    columns = [struct(**TEXT, f4=b"c%d" % n, f6=0) for n in range(many)]
    group = [(0, 4 + n * len(pages), len(pages)) for n in range(many)]
    with pytest.raises(InvalidTable, match="rows make over 2,097,152 bytes each"):
        columnar(file(columns, [(rows, group)], pages * many))
    # fewer of them are read
    assert len(columnar(file(columns[:30], [(rows, group[:30])], pages * 30))) > 1


def test_many_blocks_take_no_longer_each_than_the_first() -> None:
    def block(data: bytes) -> bytes:
        made = bytes(cramjam.lz4.compress_block(data, store_size=False))
        return len(data).to_bytes(4, "big") + len(made).to_bytes(4, "big") + made

    large, many = 32 << 20, 2_000
    data = block(bytes(large)) + block(b"a") * many
    begins = time.process_time()
    assert packed.unpacked(data, 5, large + many)[-many - 1 :] == b"\0" + b"a" * many
    # with all before it copied for each: 64 GB
    assert time.process_time() - begins < 3


def test_pieces_of_a_page_are_not_copied_with_all_that_is_behind_them() -> None:
    data = gzip.compress(b"") * 60 + gzip.compress(b"ab") + bytes(32 << 20)
    tracemalloc.start()
    assert packed.unpacked(data, 2, 2) == b"ab"
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


@pytest.mark.parametrize("members", [1, 2, 64])
@pytest.mark.parametrize("size", [1, 65_536, 300_000])
def test_pieces_are_joined_wherever_they_end(members: int, size: int) -> None:
    one = bytes(n * n >> 3 & 255 for n in range(size // members + 1))
    data = gzip.compress(one, 0) * members
    assert packed.unpacked(data, 2, len(one) * members) == one * members
    # what comes behind whole pieces is nobody's
    for wrong in (len(one) * members - 1, len(one) * members + 1)[len(one) == 1 :]:
        with pytest.raises(thrift.Damaged):
            packed.unpacked(data, 2, wrong)
    with pytest.raises(thrift.Damaged):
        # its check sum
        packed.unpacked(data[:-8] + bytes(8), 2, len(one) * members)


def test_row_groups_without_rows_are_passed_over() -> None:
    table = pa.table({"a": [1, 2], "s": ["x", "y"], "n": pa.array([None, None], pa.float64())})
    made = io.BytesIO()
    with pq.ParquetWriter(made, table.schema) as writer:
        for part in (table[:0], table, table[:0], table[:0], table):
            writer.write_table(part)
    assert columnar(made.getvalue()) == [[["1", "2"], ["x", "y"], [""]]]


def test_an_empty_list_says_nothing_of_what_it_would_hold() -> None:
    # fastparquet writes a frame without rows so
    root, column = struct(f4=b"root", f5=1), struct(f1=2, f3=1, f4=b"c")
    footer = struct(f1=1, f2=[root, column], f3=0)[:-1] + b"\x19\x00\x00"
    data = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    assert Columnar(io.BytesIO(data), "t.parquet", 1 << 30).names == ("c",)
    assert columnar(data) == []


def test_zeros_of_both_signs_have_their_own_texts() -> None:
    made = io.BytesIO()
    pq.write_table(pa.table({"a": [0.0, -0.0, 1.0], "b": pa.array([-0.0, 0.0, 0.0], pa.float32())}), made)
    assert columnar(made.getvalue()) == [[["0", "-0", "1"], ["-0", "0"]]]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy"])
def test_a_page_that_is_not_as_it_was_counted_is_refused(version: str, compression: str) -> None:
    made = io.BytesIO()
    pq.write_table(
        pa.table({"a": [1.0, None, 3.0, 4.0] * 20}),
        made,
        compression=compression,
        data_page_version=version,
        write_page_checksum=True,
    )
    whole_file = made.getvalue()
    assert columnar(whole_file) == [[["1", "", "3", "4"]]]
    told = footer.read(made).groups[0][1][0]
    at = told.begins
    while at < told.begins + told.packed:
        head, begins = header(made, at)
        at = begins + head[3]
        for place in range(begins, at):
            for bit in range(8):
                broken = bytearray(whole_file)
                broken[place] ^= 1 << bit
                with pytest.raises(InvalidTable, match="not a readable Parquet file"):
                    columnar(bytes(broken))


def test_a_column_of_nothing_that_has_values_is_one_of_blanks() -> None:
    held = bytes(range(24))
    pages = page(held, 2, len(held))
    # of physical type INT96, and called null
    column = struct(f1=3, f3=0, f4=b"c", f10={"f11": {}})
    assert columnar(file([column], [(2, [(0, 4, len(pages))])], pages)) == [[[""]]]

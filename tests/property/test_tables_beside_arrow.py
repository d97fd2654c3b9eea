"""Tables are read as Arrow's own library reads them, cell by cell, and damaged ones within bounds.

A label, a subject and a table's commitment are made of what is read: it must be the same as ever.
"""

from __future__ import annotations

import io
import random
import re
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tables_written
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import InvalidTable
from freehold.features.data.rules import delimited
from freehold.features.data.rules.columnar import Columnar
from freehold.features.data.rules.columns import Column
from freehold.features.data.rules.delimited import Delimited

SEEDS = st.integers(0, 2**40)


def texts(column: Column) -> list[str | None] | None:
    found = column.distinct()
    if found is None:
        return None
    kinds, codes = found
    gaps = np.zeros(len(column), dtype=bool) if column.missing is None else column.missing
    return [None if gap else kinds[code] for gap, code in zip(gaps, codes, strict=True)]


def arrows(column: pa.Array) -> list[str | None] | None:
    try:
        return pc.cast(column, pa.string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_parquet_holds_for_us_what_it_holds_for_arrow(seed: int) -> None:
    data = tables_written.parquet(seed)
    ours = list(Columnar(io.BytesIO(data), "t.parquet", 1 << 30).batches())
    theirs = pq.ParquetFile(io.BytesIO(data)).read()
    assert sum(batch.rows for batch in ours) == theirs.num_rows
    for place, name in enumerate(theirs.column_names):
        other = theirs.column(name).combine_chunks()
        if pa.types.is_dictionary(other.type):
            other = other.dictionary_decode()
        columns = [batch.columns[place] for batch in ours]
        kind = columns[0].kind
        if pa.types.is_nested(other.type):
            assert kind.numbers is kind.texts is None
            continue
        called = str(other.type).removeprefix("large_").partition("[")[0]
        assert kind.name.partition("[")[0] in (called, "timestamp" if called == "date64" else called), name
        if kind.name == "fixed_size_binary[70]":
            # too long to be read
            assert all(column.missing.all() for column in columns)
            continue
        assert kind.is_text == (pa.types.is_string(other.type) or pa.types.is_large_string(other.type))
        assert (kind.numbers is not None) == (
            pa.types.is_integer(other.type)
            or pa.types.is_floating(other.type)
            or pa.types.is_decimal(other.type)
            or pa.types.is_boolean(other.type)
        )
        missing = np.concatenate(
            [np.zeros(len(one), bool) if one.missing is None else one.missing for one in columns]
        )
        assert missing.tolist() == other.is_null().to_pylist()
        if kind.numbers is not None:
            numbers = np.concatenate([kind.numbers(np.asarray(one.raw())) for one in columns])[~missing]
            wanted = pc.cast(pc.drop_null(other), pa.float64(), safe=False).to_numpy()
            assert numbers.tobytes() == wanted.tobytes()
        made = [texts(one) for one in columns]
        written = arrows(other)
        if written is None:
            assert None in made
        elif not pa.types.is_duration(other.type) and not pa.types.is_null(other.type):
            assert [one for part in made for one in part] == written


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.sampled_from([16, 100, 1 << 20]))
def test_csv_holds_for_us_what_it_holds_for_arrow(seed: int, size: int) -> None:
    data, mark = tables_written.csv(seed)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_FIRST_BYTES", "_BLOCK_BYTES", "_COLUMN_BYTES"):
            patch.setattr(delimited, name, size)
        text = Delimited(io.BytesIO(data), "t.csv", mark)
        try:
            batches = list(text.batches(header=True))
            ours = [
                [cell for batch in batches for cell in batch.columns[n].cells()]
                for n in range(len(text.first))
            ]
        except InvalidTable as error:
            ours = error.fields.get("row")
    assert ours == arrows_cells(data, mark, text.first)


def arrows_cells(data: bytes, mark: str, names: tuple[str, ...]) -> list[list[str]] | int:
    """The cells of each column, or the data row that has more or fewer."""
    try:
        found = pyarrow.csv.open_csv(
            io.BytesIO(data),
            read_options=pyarrow.csv.ReadOptions(block_size=1 << 24, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, delimiter=mark),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        ).read_all()
    except pa.ArrowInvalid as error:
        return int(re.search(r"Row #(\d+): Expected", str(error))[1]) - 1
    return [column.to_pylist() for column in found.columns]


@settings(max_examples=300, deadline=None)
@given(SEEDS, st.integers(1, 4))
def test_a_damaged_parquet_file_is_refused_or_read_and_makes_no_more_than_it_may(
    seed: int, times: int
) -> None:
    r = random.Random(seed)
    data = bytearray(tables_written.parquet(seed % 50))
    for _ in range(times):
        data[r.randrange(4, len(data))] = r.choice([0, 127, 128, 255, r.randrange(256)])
    # a footer is where sizes are said
    begins = max(4, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
    data[r.randrange(min(begins, len(data) - 9), len(data) - 8)] = r.randrange(256)
    tracemalloc.start()
    try:
        for batch in Columnar(io.BytesIO(bytes(data)), "t.parquet", 8 << 20).batches():
            for column in batch.columns:
                column.distinct()
    except InvalidTable:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 96 << 20

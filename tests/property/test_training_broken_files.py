"""Damaged files are refused with `InvalidTable` or read; nothing else comes out."""

import contextlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.core.errors import InvalidTable
from freehold.features.data.rules.reading import read
from freehold.features.data.rules.table import MICRO_LIMIT

relaxed = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    path = tmp_path_factory.mktemp("broken") / "part.parquet"
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=40), "s": [str(i) for i in range(40)], "y": rng.integers(0, 2, 40)}
    pq.write_table(pa.table(columns), path)
    return path, path.read_bytes()


def survives(path, **options):
    with contextlib.suppress(InvalidTable):
        table = read(path, "y", **options)
        assert table.features.shape == (table.rows, len(table.columns))
        assert np.abs(table.features).max() <= MICRO_LIMIT


@relaxed
@given(data=st.data())
def test_parquet_with_changed_or_lost_bytes(parquet, data):
    path, good = parquet
    broken = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(4, len(good) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(broken)[: data.draw(st.sampled_from([len(good), len(good) // 2, len(good) - 9]))])
    survives(path)


@pytest.mark.parametrize("options", [{}, {"positive": "3"}])
def test_parquet_text_that_is_not_utf8(tmp_path, options):
    path = tmp_path / "text.parquet"
    raw = pa.array([b"1", b"\xff", b"3"])
    text = pa.StringArray.from_buffers(3, *raw.buffers()[1:])
    for columns in ({"a": text, "y": [0, 1, 1]}, {"a": [1, 2, 3], "y": text}):
        pq.write_table(pa.table(columns), path)
        with pytest.raises(InvalidTable):
            read(path, "y", **options)


@relaxed
@given(
    tail=st.lists(st.sampled_from([*"0123456789,,\n\r\"'-.e ya", "\x00", "é", "\ufeff"]), max_size=40),
    raw=st.binary(max_size=3),
)
def test_csv_with_anything_behind_the_header(tmp_path, tail, raw):
    path = tmp_path / "part.csv"
    path.write_bytes(b"a,y\n1,0\n" + "".join(tail).encode() + raw)
    survives(path)


@relaxed
@given(cells=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_every_number_is_read_to_the_nearest_micro_unit(tmp_path, cells):
    path = tmp_path / "part.csv"
    path.write_text("a,y\n" + "".join(f"{cell!r},1\n" for cell in cells))
    if len({round(cell * 1e6) for cell in cells}) == 1 < len(set(cells)):
        # all become the same: refused, unless they differ by no more than the noise of sums
        with contextlib.suppress(InvalidTable):
            read(path, "y")
        return
    found = read(path, "y").features[:, 0].tolist()
    # 1 ulp of the float64 product at 10^15 is 1/8
    assert all(abs(micro - cell * 1e6) <= 0.63 for micro, cell in zip(found, cells, strict=True))

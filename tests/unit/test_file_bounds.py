"""What a file does to whoever reads it: how much it makes of few bytes, and what happens to it meanwhile."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freehold import plain_file
from freehold.core.causes import SystemExhausted
from freehold.core.errors import InvalidTable
from freehold.features.data.parquet import footer
from freehold.features.data.rules import chunks, reading, sources
from freehold.features.data.rules.columnar import Columnar
from freehold.features.data.rules.profile import profile
from freehold.features.data.rules.table import Limits
from freehold.features.gateway.rules import rows as gateway_rows

ROWS = 2_000
LABELS = [i % 2 for i in range(ROWS)]


def repeated(text: str, rows: int = ROWS) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


def written(path: Path, texts: pa.Array, **options: object) -> Path:
    made = pa.table({"a": list(range(len(texts))), "s": texts, "y": LABELS[: len(texts)]})
    pq.write_table(made, path, store_schema=False, **options)
    return path


BOMBS = {
    "one value": ("1" * (1 << 20), {}),
    "delta": ("1" * 60_000, {"use_dictionary": False, "column_encoding": {"s": "DELTA_BYTE_ARRAY"}}),
    "plain": ("1" * 200_000, {"use_dictionary": False, "compression": "zstd"}),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_makes_much_is_refused(tmp_path: Path, bomb: str) -> None:
    text, options = BOMBS[bomb]
    texts = pa.array([text] * 100) if options else repeated(text)
    path = written(tmp_path / "bomb.parquet", texts, **options)
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    for read in (lambda: reading.read(path, "y"), lambda: profile(path, Limits())):
        with pytest.raises(InvalidTable, match=r"cell of over 65,536 bytes|DELTA_BYTE_ARRAY"):
            read()
    with pytest.raises(InvalidTable):
        gateway_rows.of_data(path.read_bytes(), "rows.parquet", ["a", "s"])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 << 20


def test_what_texts_make_is_counted_over_the_whole_file_and_comes_in_small_pieces(tmp_path: Path) -> None:
    path = written(tmp_path / "long.parquet", repeated("1" * 50_000))
    with sources.opened(path, Limits()) as source:
        sizes = [sum(map(len, batch.columns[1].cells())) for batch in source.batches]
    assert sum(sizes) == 50_000 * ROWS
    assert max(sizes) < 40_000_000
    with (
        sources.opened(path, Limits(size_bytes=10_000_000)) as source,
        pytest.raises(InvalidTable, match="unpacks to more than 80,000,000 bytes"),
    ):
        list(source.batches)


def test_lists_and_structs_are_not_read_and_cannot_be_named_into_it(tmp_path: Path) -> None:
    path, held = tmp_path / "nested.parquet", [{"y": "1" * 100_000}] * 100
    columns = {"a": list(range(100)), "y": LABELS[:100]}
    pq.write_table(pa.table({**columns, "s": held, "l": [["1" * 100_000]] * 100}), path)
    tracemalloc.start()
    with sources.opened(path, Limits()) as source:
        (batch,) = source.batches
        missing = [0 if one.missing is None else int(one.missing.sum()) for one in batch.columns]
        assert missing == [0, 0, 100, 100]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 << 20
    # a name is that of a column, whatever the parts of another are called
    pq.write_table(pa.table({**columns, "s": held, "s.y": columns["a"]}), path)
    with sources.opened(path, Limits()) as source:
        (batch,) = source.batches
        assert source.names == ("a", "y", "s", "s.y")
        assert batch.columns[3].values.tolist() == columns["a"]
        assert batch.columns[2].missing.all()


def test_a_page_is_measured_by_its_own_header_and_not_by_the_footer(tmp_path: Path) -> None:
    path = written(tmp_path / "text.parquet", pa.array(["1" * 1_000] * ROWS), use_dictionary=False)
    with path.open("rb") as stream:
        meta = pq.read_metadata(path)
        made, row_bytes = chunks.measured(stream, footer.read(stream), range(3), 1 << 30)
    assert made >= 1_000 * ROWS
    assert 1_000 <= row_bytes < 1_100
    claimed = sum(meta.row_group(0).column(i).total_uncompressed_size for i in range(3))
    assert abs(made - claimed) < 10_000
    raw = path.read_bytes()
    # what the footer's length claims is no reason to make room for it
    path.write_bytes(raw[:-8] + (1 << 31).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(InvalidTable, match="not a readable Parquet"):
        profile(path, Limits())


def test_too_little_memory_is_no_fault_of_the_file(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        full = False

        def read(self, size: int | None = -1, /) -> bytes:
            if self.full:
                raise MemoryError
            return super().read(size)

    stream = Full(written(tmp_path / "t.parquet", repeated("1")).read_bytes())
    opened = Columnar(stream, "t.parquet", 1 << 30)
    stream.full = True
    with pytest.raises(SystemExhausted, match="not enough memory"):
        list(opened.batches())


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("another,table\n")
    other.rename(path)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(40)


@pytest.mark.parametrize("happens", [remove, replace, cut], ids=lambda one: one.__name__)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_may_change_or_go_between_any_two_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, happens, kind: str
) -> None:
    path = tmp_path / f"t.{kind}"
    whole = b"a,y\n" + b"".join(b"%d,%d\n" % (i, i % 2) for i in range(ROWS))
    if kind == "parquet":
        made = io.BytesIO()
        pq.write_table(pa.table({"a": list(range(ROWS)), "y": LABELS}), made)
        whole = made.getvalue()
    seen = {"reads": 0, "at": -1}

    class Watched(plain_file._Told):
        def readinto(self, into, /):
            if seen["reads"] == seen["at"]:
                happens(path)
            seen["reads"] += 1
            return super().readinto(into)

    monkeypatch.setattr(plain_file, "_Told", Watched)
    for read in (lambda: reading.distinct(path, "y").file_bytes, lambda: profile(path, Limits()).size_bytes):
        seen.update(reads=0, at=-1)
        path.write_bytes(whole)
        assert read() == len(whole)
        for at in range(seen["reads"]):
            path.write_bytes(whole)
            seen.update(reads=0, at=at)
            try:
                assert read() == len(whole)
            except InvalidTable:
                # what is left of it is judged as it stands
                assert happens is cut


@pytest.mark.parametrize("name", ["mem", "pagemap", "maps"])
def test_a_file_that_cannot_be_read_says_why(name: str) -> None:
    for read in (lambda p: reading.distinct(p, "y"), lambda p: profile(p, Limits())):
        with pytest.raises(InvalidTable) as caught:
            read(Path("/proc/self") / name)
        assert json.dumps(caught.value.problem())
        assert caught.value.hint

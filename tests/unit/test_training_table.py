"""What the table reader accepts, refuses and says."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freehold.core.errors import InvalidInput, InvalidTable
from freehold.features.data.rules import table
from freehold.features.data.rules.reading import read
from freehold.features.data.rules.table import Limits, canonical_bytes, commitment

SALT = b"s" * 32
GOOD = "age,dose,ill\n41,0.1,1\n-7.25,2e3,0\n"


@pytest.fixture
def write(tmp_path):
    def _write(content, name="part.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def test_reads_numbers_as_micro_units(write):
    read_table = read(write(GOOD), "ill")
    assert read_table.columns == ("age", "dose")
    assert read_table.features.tolist() == [[41_000_000, 100_000], [-7_250_000, 2_000_000_000]]
    assert read_table.labels.tolist() == [1, 0]
    assert not read_table.features.flags.writeable


@pytest.mark.parametrize(
    ("text", "said", "fields"),
    [
        ("a,y\n1,0\n,1\n", "data row 2, column 'a': the cell is missing", {"row": 2, "column": "a"}),
        ("a,y\n1,0\nN/A,1\n", "row 2, column 'a': the cell is missing", {"row": 2, "column": "a"}),
        ("a,y\n1,0\n2,\n", "row 2, column 'y': the cell is missing", {"row": 2, "column": "y"}),
        ("a,y\n1,0\nsecret,1\n", "row 2, column 'a': the cell is not a number", {"row": 2, "column": "a"}),
        ("a,y\n1,0\nnan,1\n", "row 2, column 'a': the cell is", {"row": 2, "column": "a"}),
        (
            "a,y\n1,0\n2,1\n-inf,1\n",
            "row 3, column 'a': the cell is NaN or infinite",
            {"row": 3, "column": "a"},
        ),
        ("a,y\n1,0\n2e9,1\n", "row 2, column 'a': the cell is beyond", {"row": 2, "column": "a"}),
        (
            "a,y\n1,0\n2,2\n",
            "row 2, column 'y': the cell is neither 0/1 nor true/false",
            {"row": 2, "column": "y"},
        ),
        ("a,y\n1,0\n2\n", "data row 2: 1 cells where the header has 2", {"row": 2}),
        ("a,y\n1,0\n2,1,3\n", "data row 2: 3 cells where the header has 2", {"row": 2}),
        ("a,a,y\n1,2,0\n", "two columns named 'a'", {"column": "a"}),
        ("a,,y\n1,2,0\n", "column 2 has no usable name", {"column": 2}),
        ("a,y\n", "a header but no rows", {}),
        ("a,y", "a header but no rows", {}),
        ("a,y\n\n \n", "a header but no rows", {}),
        ("", "is empty", {}),
        ("\n\n", "empty header", {}),
        ("1,5;0\n2,5;1\n", "holds numbers only", {}),
        ("y\n1\n", "a label but no features", {}),
        (b"a,y\n1,0\n\xff\xfe,1\n", "line 3: not UTF-8", {"row": 2}),
        (b"\xff\xfea\x00,", "is not text in utf-16", {}),
        (b"PAR1 and nothing behind it", "not a readable Parquet file", {}),
    ],
)
def test_refuses_and_names_the_place(write, text, said, fields):
    path = write(text)
    with pytest.raises(InvalidTable) as caught:
        read(path, "y")
    assert said in caught.value.message
    assert path.name in caught.value.message
    assert caught.value.hint
    assert fields.items() <= caught.value.fields.items()
    assert "secret" not in f"{caught.value.message}{caught.value.hint}{caught.value.fields}"


@pytest.mark.parametrize("bad", ["oops,0", "NA,0", "inf,0", "2e9,1", "1,2", "1,"])
def test_a_bad_cell_far_into_a_large_file_is_named(write, bad):
    lines = ["a,y"] + [f"{i}.5,{i % 2}" for i in range(700_000)]
    lines[600_001] = bad
    with pytest.raises(InvalidTable) as caught:
        read(write("\n".join(lines)), "y")
    assert caught.value.fields["row"] == 600_001


def test_an_absent_label_suggests_close_names(write):
    with pytest.raises(InvalidTable) as caught:
        read(write(GOOD), "il")
    assert "'ill'" in caught.value.hint


def test_labels_in_words_need_the_positive_value(write):
    path = write("a,y\n1,malignant\n2,benign\n3,malignant\n")
    assert read(path, "y", positive="malignant").labels.tolist() == [1, 0, 1]
    with pytest.raises(InvalidTable, match="row 3, column 'y': the cell is a third label value"):
        read(write("a,y\n1,malignant\n2,benign\n3,unsure\n"), "y", positive="malignant")
    assert read(write("a,y\n1,True\n2,false\n"), "y").labels.tolist() == [1, 0]


def test_a_positive_value_that_no_cell_has_is_told(write):
    with pytest.raises(InvalidTable, match="a third label value") as caught:
        read(write("a,y\n1,ja\n2,nein\n3,ja\n"), "y", positive="Ja")
    assert "No cell so far is 'Ja': capitals count." in caught.value.hint
    with pytest.raises(InvalidTable, match="a third label value") as caught:
        read(write("a,y\n1,ja\n2,nein\n3,unklar\n"), "y", positive="ja")
    assert "No cell" not in caught.value.hint


def test_a_name_over_two_lines_is_told_from_a_wrong_quote(write):
    with pytest.raises(InvalidTable, match="opens in the first line and does not close there") as caught:
        read(write('"age\n(years)",y\n1,0\n2,1\n'), "y")
    assert "without a line break" in caught.value.hint


@pytest.mark.parametrize("cell", ["m", "1 March 2024", "<0.5"])
def test_a_column_of_words_or_dates_may_be_left_out(write, cell):
    with pytest.raises(InvalidTable, match=r"the cell is not a number.*the cell is not a number") as caught:
        read(write(f"a,b,y\n1,{cell},0\n2,{cell},1\n"), "y")
    assert "Leave columns of words or dates out" in caught.value.hint


def test_schema_differences_are_named(write):
    path = write("a,b,c,y\n1,2,3,0\n")
    with pytest.raises(InvalidTable) as caught:
        read(path, "y", expected=["a", "d", "c"])
    assert (caught.value.fields["missing"], caught.value.fields["extra"]) == (["d"], ["b"])
    with pytest.raises(InvalidTable, match="another order, from 'a' on"):
        read(path, "y", expected=["b", "a", "c"])
    assert read(path, "y", expected=["a", "b", "c"]).columns == ("a", "b", "c")


def test_limits_refuse_before_reading(write):
    path = write(GOOD)
    for limits, said in [
        (Limits(size_bytes=10), "bytes; the limit is 10"),
        (Limits(columns=1), "2 feature columns; the limit is 1"),
        (Limits(rows=1), "too large"),
        (Limits(cells=3), "too large"),
    ]:
        with pytest.raises(InvalidTable, match=said):
            read(path, "ill", limits=limits)


def test_a_file_of_a_gigabyte_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(InvalidTable, match=r"1,073,741,824 bytes; the limit is 268,435,456"):
        read(path, "y")


def test_a_parquet_file_that_unpacks_to_too_much_is_refused(tmp_path):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"a": np.zeros(2_000_000), "y": np.zeros(2_000_000, dtype=int)}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(InvalidTable, match="too large"):
        read(path, "y")
    wide = tmp_path / "text.parquet"
    pq.write_table(
        pa.table({"a": ["x" * 1_000_000 + str(i) for i in range(9)], "y": [0] * 9}),
        wide,
        compression="zstd",
        use_dictionary=False,
    )
    with pytest.raises(InvalidTable, match="unpacks to"):
        read(wide, "y", limits=Limits(size_bytes=1_000_000))


def test_odd_but_usable_tables_carry_warnings(write):
    odd = read(write("a,b,y\n1,5,1\n2,5,1\n1,5,1\n"), "y")
    assert odd.warnings == (
        "column 'b' has the same value in every row",
        "every label is 1",
        "1 row repeats an earlier row",
    )
    assert read(write("a,y\n1,1\n1,0\n"), "y").warnings == ("column 'a' has the same value in every row",)


def test_commitment_does_not_depend_on_the_file_format(write, tmp_path):
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(50, 3)) * 1000, rng.integers(0, 2, 50)
    text = "a,b,c,y\n" + "".join(
        f"{x!r},{y!r},{z!r},{t}\r\n" for (x, y, z), t in zip(values.tolist(), labels, strict=True)
    )
    columns = {"a": values[:, 0], "b": values[:, 1], "c": values[:, 2]}
    plain, boolean = tmp_path / "plain.parquet", tmp_path / "boolean.parquet"
    pq.write_table(pa.table({**columns, "y": labels}), plain, row_group_size=7)
    pq.write_table(pa.table({**columns, "y": labels.astype(bool)}), boolean)
    tables = [read(write("\ufeff" + text), "y"), read(plain, "y"), read(boolean, "y")]
    assert len({canonical_bytes(each) for each in tables}) == 1
    assert len({commitment(each, SALT) for each in tables}) == 1


def test_commitment_covers_values_names_label_and_salt(write):
    variants = [GOOD, GOOD.replace("41", "42"), GOOD.replace("dose", "dosis"), GOOD.replace("0\n", "1\n")]
    hashes = {commitment(read(write(text), "ill"), SALT) for text in variants}
    hashes.add(commitment(read(write(GOOD), "ill"), b"t" * 32))
    assert len(hashes) == 5
    # pinned: the encoding is part of what was committed to
    assert (
        commitment(read(write(GOOD), "ill"), SALT).hex()
        == "7fe820ba9b487f402999f6d920f40bf95a94217550e4b005da712922c858b47d"
    )
    with pytest.raises(InvalidInput, match="16 to 64 bytes"):
        commitment(read(write(GOOD), "ill"), b"short")


def test_canonical_bytes_stream_in_blocks(monkeypatch):
    rng = np.random.default_rng(3)
    many = table.Table(("a", "b"), "y", rng.integers(-9, 9, (100, 2)), rng.integers(0, 2, 100))
    whole = canonical_bytes(many)
    monkeypatch.setattr(table, "_BLOCK_ROWS", 7)
    assert canonical_bytes(many) == whole


def test_parquet_columns_of_other_kinds(tmp_path):
    def stored(**columns):
        path = tmp_path / "kinds.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    mixed = read(
        stored(a=pa.array([1, 2], pa.uint8()), b=pa.array([1.5, 2.5], pa.float32()), y=[1.0, 0.0]), "y"
    )
    assert mixed.features.tolist() == [[1_000_000, 1_500_000], [2_000_000, 2_500_000]]
    assert mixed.labels.tolist() == [1, 0]
    words = stored(a=[1, 2], y=pa.array(["yes", "no"]).dictionary_encode())
    assert read(words, "y", positive="yes").labels.tolist() == [1, 0]
    with pytest.raises(InvalidTable, match="column 'a' holds list"):
        read(stored(a=[[1], [2]], y=[0, 1]), "y")
    with pytest.raises(InvalidTable, match="column 'y' holds list"):
        read(stored(a=[1, 2], y=[[1], [2]]), "y")
    with pytest.raises(InvalidTable, match="row 2, column 'a': the cell is missing"):
        read(stored(a=[1, None], y=[0, 1]), "y")
    with pytest.raises(InvalidTable, match="row 1, column 'y': the cell is missing"):
        read(stored(a=[1, 2], y=[None, 1]), "y")


def test_a_table_made_by_hand_is_checked():
    good = np.zeros((2, 1), dtype=np.int64)
    for features, labels in [
        (good, np.array([0, 2])),
        (good, np.array([0])),
        (good.astype(float), np.array([0, 1])),
        (good + 10**15 + 1, np.array([0, 1])),
    ]:
        with pytest.raises(InvalidTable):
            table.Table(("a",), "y", features, labels)

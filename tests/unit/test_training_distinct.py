"""Distinct rows: repeats and too many rows of one subject are left out, and rows are recognised by their cells."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freehold.core.errors import InvalidInput, InvalidTable
from freehold.features.data.rules import reading

KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
def write(tmp_path):
    def _write(content, name="part.csv"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return _write


def test_repeats_count_once_and_are_said(write):
    found = reading.distinct(write("a,y\n1,0\n2,1\n1,0\n1.0000001,0\n1,1\n"), "y")
    assert found.table.features.tolist() == [[1_000_000], [2_000_000], [1_000_000]]
    assert found.table.labels.tolist() == [0, 1, 1]
    assert (found.repeats, found.beyond, found.subjects) == (2, 0, frozenset())
    assert found.warnings[0] == "2 rows repeat others and count once"
    assert "3 different values became 2" in found.warnings[1]
    assert "Multiply it by 10^1." in found.warnings[1]
    assert reading.distinct(write("a,y\n1,0\n1,0\n2,1\n"), "y").warnings == (
        "1 row repeats another and counts once",
    )


def test_nothing_is_changed_where_nothing_repeats(write):
    path = write("a,b,y\n3,1,0\n2,1,1\n1,1,1\n")
    found, whole = reading.distinct(path, "y"), reading.read(path, "y")
    assert found.table.features.tolist() == whole.features.tolist()
    assert found.warnings == whole.warnings == ("column 'b' has the same value in every row",)


PEOPLE = "who,a,y\nann,1,0\nbob,1,0\nann,1,0\nann,2,0\nann,3,1\n bob ,4,1\n"


def test_one_row_of_each_subject_unless_more_are_promised(write):
    path = write(PEOPLE)
    one = reading.distinct(path, "y", subject="who")
    assert one.table.columns == ("a",)
    assert one.table.features[:, 0].tolist() == [1_000_000, 1_000_000], "a row like another's is not a repeat"
    assert (one.repeats, one.beyond, len(one.subjects)) == (1, 3, 2)
    assert "3 rows are left out" in one.warnings[1]
    two = reading.distinct(path, "y", subject="who", rows_each=2)
    assert two.table.features[:, 0].tolist() == [1_000_000, 1_000_000, 2_000_000, 4_000_000]
    assert (two.repeats, two.beyond) == (1, 1)
    assert "1 row is left out" in two.warnings[1]


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.float64()]
)
def test_a_subject_is_a_text_or_a_number(tmp_path, write, kind):
    path = tmp_path / "t.parquet"
    names = [7, 7, 8] if kind in (pa.int64(), pa.float64()) else ["7", "7", "8"]
    pq.write_table(pa.table({"who": pa.array(names, kind), "a": [1.0, 2.0, 3.0], "y": [0, 1, 1]}), path)
    found = reading.distinct(path, "y", subject="who")
    same = reading.distinct(write("who,a,y\n7,1,0\n7,2,1\n8,3,1\n"), "y", subject="who")
    assert found.table.rows == 2
    assert found.subjects == same.subjects


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (PEOPLE, {"subject": "whom"}, ("column", "whom", "Did you mean 'who'")),
        (PEOPLE, {"subject": "y"}, ("column", "y", "person or thing")),
        (PEOPLE.replace("bob,", ","), {"subject": "who"}, ("row", 2, "drop the row")),
        ("who,y\na,1\nb,0\n", {"subject": "who"}, ("file", "part.csv", "Add numeric columns")),
        ("a,y\n1,0\n1,0\n1,0\n", {}, ("file", "part.csv", "learned")),
        (PEOPLE, {"subject": "who", "rows_each": 0}, ("field", "rows_each", "1 to 1,000")),
        (PEOPLE, {"subject": "who", "rows_each": 1_001}, ("field", "rows_each", "1 to 1,000")),
        ("a,y\n1,0\n2,1\n", {"rows_each": 2}, ("field", "rows_each", "--subject")),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(write, content, more, said):
    field, value, hint = said
    with pytest.raises(InvalidInput) as refused:
        reading.distinct(write(content), "y", **more)
    assert refused.value.fields[field] == value
    assert hint in refused.value.hint


def test_a_subject_that_names_nobody_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"who": [[1], [2]], "a": [1.0, 2.0], "y": [0, 1]}), path)
    with pytest.raises(InvalidTable, match="names nobody"):
        reading.distinct(path, "y", subject="who")
    pq.write_table(pa.table({"who": pa.array(["a", None]), "a": [1.0, 2.0], "y": [0, 1]}), path)
    with pytest.raises(InvalidTable, match="data row 2, column 'who'"):
        reading.distinct(path, "y", subject="who")


def prints(path, key=KEY, **more):
    return reading.fingerprints(reading.distinct(path, "y", **more), key)


def test_a_row_is_known_again_under_other_names_orders_and_labels(write):
    first = prints(write("a,b,y\n1,2,0\n3,4,1\n"))
    assert len(first) == 2
    assert all(len(one) == 16 for one in first)
    assert prints(write("b,aa,y\n2,1,1\n9,8,0\n")) & first
    assert not prints(write("a,b,y\n1,3,0\n3,4.000001,1\n")) & first
    assert not prints(write("a,b,y\n1,2,0\n3,4,1\n"), OTHER) & first, "nobody else can compare"


def test_a_subject_is_known_again_with_other_rows(write):
    first = prints(write(PEOPLE), subject="who")
    assert prints(write("who,c,y\nann,77,1\nzoe,78,0\n"), subject="who") & first
    assert not prints(write("who,c,y\nzoe,77,1\nyan,78,0\n"), subject="who") & first
    assert not prints(write("other,c,y\nann,77,1\nzoe,78,0\n"), subject="other") & first


def test_fingerprints_do_not_depend_on_blocks(write, monkeypatch):
    path = write("a,b,y\n" + "".join(f"{i},{i * 7 % 13},{i % 2}\n" for i in range(50)))
    whole = prints(path)
    monkeypatch.setattr(reading, "_BLOCK_ROWS", 7)
    assert prints(path) == whole


# bounds


@pytest.fixture
def table(write):
    return reading.distinct(write("age,dose,y\n10,0.5,0\n130,2,1\n"), "y").table


def test_bounds_are_kept_in_millionths_and_what_lies_outside_is_said(table):
    bounds = reading.declared({"dose": (0, 0.3), "age": (0, 120)}, table, "t.csv")
    assert bounds == {"age": (0, 120_000_000), "dose": (0, 300_000)}
    assert list(bounds) == ["age", "dose"]
    said = reading.outside(bounds, table)
    assert "column 'age': 1 value is outside" in said[0]
    assert "column 'dose': 2 values are outside" in said[1]
    assert reading.declared({}, table, "t.csv") == {}
    assert reading.outside({}, table) == []


@pytest.mark.parametrize(
    ("bounds", "column", "said"),
    [
        ({"age": (0, 1), "height": (0, 1)}, "height", "Its columns are 'age', 'dose'"),
        ({"age": (0, 1), "y": (0, 1), "dose": (0, 1)}, "y", "Its columns"),
        ({"age": (0, 1)}, "dose", "every column, or for none"),
        ({"age": (1, 0), "dose": (0, 1)}, "age", "age=0:120"),
        ({"age": (1, 1), "dose": (0, 1)}, "age", "age=0:120"),
        ({"age": (0, float("nan")), "dose": (0, 1)}, "age", "age=0:120"),
        ({"age": (0, float("inf")), "dose": (0, 1)}, "age", "1,000,000,000"),
        ({"age": (0, 1, 2), "dose": (0, 1)}, "age", "age=0:120"),
        ({"age": ("a", "b"), "dose": (0, 1)}, "age", "age=0:120"),
        ({"age": (0, 1e-7), "dose": (0, 1)}, "age", "smaller unit"),
    ],
)
def test_bounds_that_are_none_are_refused_by_column(table, bounds, column, said):
    with pytest.raises(InvalidInput) as refused:
        reading.declared(bounds, table, "t.csv")
    assert refused.value.fields["column"] == column
    assert said in refused.value.hint


def test_bounds_are_rounded_as_cells_are(write):
    path = write("a,y\n0.1234567,0\n-0.1234567,1\n")
    table = reading.distinct(path, "y").table
    low, high = reading.declared({"a": (-0.1234567, 0.1234567)}, table, "t.csv")["a"]
    assert (low, high) == (int(np.min(table.features)), int(np.max(table.features)))

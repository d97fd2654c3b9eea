"""Rows for predictions: columns by name, numbers as the digits that were written."""

import io

import pytest

from freehold.core.errors import InvalidInput
from freehold.features.gateway.rules.rows import MOST_BYTES
from freehold.features.gateway.terminal import read

COLUMNS = ["a", "b"]


def rows(text):
    return read("-", io.BytesIO(text.encode()), COLUMNS)


def test_csv_columns_are_found_by_name_and_others_left_out():
    assert rows("label,b,a\n1,2.50,0.1\n0,-3,1e3\n") == [["0.1", "2.50"], ["1e3", "-3"]]


def test_csv_without_a_header_has_the_models_columns():
    assert rows("1,2\n\n3,4\n") == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    "text",
    [
        '[[0.1, 2], ["3", 4]]',
        '{"rows": [[0.1, 2], [3, 4]]}',
        '[{"b": 2, "a": 0.1}, {"a": 3, "b": 4, "c": 9}]',
        '{"columns": ["b", "c", " a"], "rows": [[2, 9, 0.1], [4, 9, 3]]}',
    ],
)
def test_json_in_four_shapes(text):
    assert rows(text) == [["0.1", "2"], ["3", "4"]]


def test_digits_are_not_rounded():
    assert rows("[[0.1234567890123456789, 900719925.47409931]]") == [
        ["0.1234567890123456789", "900719925.47409931"]
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rows"),
        ("[]", "no rows"),
        ("a,c\n1,2\n", "lacks 1 of the model's columns, first 'b'"),
        ("1,2\n3\n", "data row 2: 1 cells where the first line has 2"),
        ("1,x,3", "row 1 does not have 2 numbers but 3 values"),
        ("nan,2\n3,4\n", "data row 1, column 'a': 'nan' is not a number"),
        ("\n\n1,2\n", "the first line of stdin is blank"),
        ("a,b\n1,2\n3,x\n", "row 2, column 'b': 'x' is not a number"),
        ("[[1, null]]", "row 1, column 'b'"),
        ("[[1, true]]", "row 1, column 'b'"),
        ("[[1, NaN]]", "row 1, column 'b'"),
        ('[{"a": 1}]', "row 1 lacks 'b'"),
        ("[1, 2]", "row 1 does not have 2 numbers"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"x": 1}', "member 'x' that is not known"),
        ("{}", "a list of rows"),
        ('{"model": "0xab", "rows": [[1, 2]]}', "member 'model'"),
        ('{"rows": [[1, 2]], "header": ["b", "a"]}', "member 'header'"),
        ('{"columns": ["b", "a"], "data": [[1, 2]]}', "member 'data'"),
        ('{"columns": ["b"], "rows": [[1]]}', "row 1 lacks 'a'"),
        ('{"columns": ["b", "a"], "rows": [[1, 2], [1]]}', "row 2 is no list of 2 numbers"),
        ('{"columns": ["b", "a"], "rows": [{"a": 1, "b": 2}]}', "row 1 is no list"),
        ('{"columns": ["b", "a", " b"], "rows": [[1, 2, 3]]}', "names that differ"),
        ('{"columns": [true, "a"], "rows": [[1, 2]]}', "names that differ"),
        ('{"columns": null, "rows": [[1, 2]]}', "a list of rows"),
    ],
)
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(InvalidInput, match=said):
        rows(text)


def test_size_and_encoding_are_bounded(tmp_path):
    with pytest.raises(InvalidInput, match="over"):
        read("-", io.BytesIO(b"1" * (MOST_BYTES + 1)), COLUMNS)
    with pytest.raises(InvalidInput, match="UTF-8"):
        read("-", io.BytesIO(b"\xff\xff"), COLUMNS)
    with pytest.raises(InvalidInput, match="cannot read"):
        read(str(tmp_path / "absent.csv"), io.BytesIO(), COLUMNS)


@pytest.mark.parametrize("text", ['[{"mean_a": 1}]', "mean_a\n1\n"])
def test_a_name_that_is_right_is_not_offered_for_one_that_lacks(text):
    with pytest.raises(InvalidInput) as caught:
        read("-", io.BytesIO(text.encode()), ["mean_a", "mean_b"])
    assert "Did you mean" not in caught.value.hint
    with pytest.raises(InvalidInput) as caught:
        read("-", io.BytesIO(text.replace("mean_a", "Mean_B").encode()), ["mean_a", "mean_b"])
    assert "Did you mean 'Mean_B'" in caught.value.hint

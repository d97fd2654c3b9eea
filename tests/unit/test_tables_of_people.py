"""Tables as people have them: what programs write, each read right, or refused with the place and what to do."""

import bz2
import datetime as dt
import decimal
import gzip
import io
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freehold.core.errors import InvalidInput, InvalidTable
from freehold.features.data.rules import cells, columns, faults, precision
from freehold.features.data.rules import profile as profiles
from freehold.features.data.rules.reading import distinct, read
from freehold.features.data.rules.table import Limits
from freehold.features.gateway.rules.rows import AmbiguousRows, of_data, ordered
from freehold.vault.vault import DEFAULT_LIMIT_BYTES

COMPOSED, DECOMPOSED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"


def zipped():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("a.csv", "a,y\n1,0\n2,1\n")
    return made.getvalue()


@pytest.fixture
def write(tmp_path):
    def _write(content, name="part.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


@pytest.fixture
def parquet(tmp_path):
    def _write(metadata=None, **columns):
        path = tmp_path / "part.parquet"
        table = pa.table(columns)
        if metadata is not None:
            table = table.replace_schema_metadata({"pandas": json.dumps(metadata)})
        pq.write_table(table, path)
        return path

    return _write


GOOD = [[1_500_000, 2_000_000], [-3_000_000, 40_000_000]]


@pytest.mark.parametrize(
    "text",
    [
        "a,b,y\n1.5,2,0\n-3,40,1\n",
        "\N{BYTE ORDER MARK}a,b,y\n1.5,2,0\n-3,40,1\n",
        "a,b,y\r\n1.5,2,0\r\n-3,40,1",
        "a,b,y\r1.5,2,0\r-3,40,1\r",
        '"a","b",y\n"1.5"," 2",0\n\n\n-3,"4e1",1\n\n',
        " a , b ,y\n+1.5,2.,false\n-3, 40 ,TRUE\n",
    ],
    ids=["plain", "mark", "crlf", "cr", "quotes and blank lines", "spaces and signs"],
)
def test_the_same_table_however_it_is_written(write, text):
    """Publishing and predicting read the same numbers of it."""
    found = read(write(text), "y")
    assert found.columns == ("a", "b")
    assert found.features.tolist() == GOOD
    bought = of_data(text.encode(), "part.csv", ["a", "b"])
    assert [[float(cell) * 10**6 for cell in row] for row in bought.cells] == GOOD
    assert bought.left_out == ("y",)


REFUSED = {
    "thousands": ('a,b,y\n"1,000",2,0\n', "column 'a' could be read in two ways"),
    "a point and a comma": ('a,b,y\n1.5,2,0\n"1,5",2,0\n', "data row 2, column 'a'"),
    "spaces anywhere": ("a,b,y\n1 00,2,0\n", "data row 1, column 'a'"),
    "joined quotes": ('a,b,y\n"1"2,2,0\n', "line 2: a cell goes on after its closing quote"),
    "open quote": ('a,b,y\n"1,2,0\n1,2,1\n', "part.csv"),
    "open quote at the end": ('a,y,b\n1,0,2\n1,1,"2', "a quote is opened in the last row"),
    "open quote at the end of the last line": ('a,y,b\r\n1,0,"2\r\n', "a quote is opened in the last row"),
    "utf-16 cut short": ("a,b,y\n1,2,0\n".encode("utf-16")[:-1], "is not text in utf-16"),
    "utf-16 without a mark": ("a,b,y\n1,2,0\n".encode("utf-16-le"), "not UTF-8"),
    "latin-1": ("caf\xe9,a,b,y\n1,1,2,0\n".encode("latin-1"), "line 1: not UTF-8"),
    "trailing delimiter in the header": ("a,b,y,\n1,2,0,\n", "column 4 has no usable name"),
    "trailing delimiter in rows": ("a,b,y\n1,2,0,\n", "data row 1: 4 cells"),
    "comment above": ("# made by a machine\na,b,y\n1,2,0\n", "the first line is a comment"),
    "comment between": ("a,b,y\n1,2,0\n# more\n3,4,1\n", "data row 2: 1 cells"),
    "NaN": ("a,b,y\n1,2,0\nNaN,2,0\n", "data row 2, column 'a'"),
    "infinite": ("a,b,y\n-Infinity,2,0\n", "data row 1, column 'a'"),
    "1e400": ("a,b,y\n1e400,2,0\n", "data row 1, column 'a'"),
    "beyond": ("a,b,y\n1,3e11,0\n", "data row 1, column 'b'"),
    "hexadecimal": ("a,b,y\n0x10,2,0\n", "data row 1, column 'a'"),
    "underscore": ("a,b,y\n1_000,2,0\n", "data row 1, column 'a'"),
    "boolean among numbers": ("a,b,y\n1,2,0\ntrue,2,0\n", "data row 2, column 'a'"),
    "number among booleans": ("a,b,y\ntrue,2,0\n2,2,0\n", "data row 1, column 'a'"),
    "date": ("a,b,y\n2024-02-30,2,0\n", "data row 1, column 'a'"),
    "percent": ("a,b,y\n12%,2,0\n", "data row 1, column 'a'"),
    "other digits": ("a,b,y\n\N{ARABIC-INDIC DIGIT THREE},2,0\n", "data row 1, column 'a'"),
    "short row": ("a,b,y\n1,2,0\n1,2\n", "data row 2: 2 cells"),
    "after blank lines": ("a,b,y\n\n1,2,0\n\n\n1,x,0\n", "data row 2 (line 6), column 'b'"),
    "name twice": ("a,a,b,y\n1,1,2,0\n", "two columns named 'a'"),
    "name twice but for space": ("a,a ,b,y\n1,1,2,0\n", "two columns named 'a'"),
    "name twice but for its form": (f"{COMPOSED},{DECOMPOSED},a,b,y\n1,1,1,2,0\n", "two columns named"),
    "unnamed index": (",a,b,y\n0,1,2,0\n", "column 1 has no usable name"),
    "name twice where one is missing": ("a,a,y\n1,2,0\n", "two columns named 'a'"),
    "html": ("\n<!DOCTYPE html>\n<html></html>\n", "a web page (HTML)"),
    "xml": ('<?xml version="1.0"?><rows/>', "a web page (HTML) or XML"),
    "gzip": (gzip.compress(b"a,b,y\n1,2,0\n"), "packed with gzip"),
    "bzip2": (bz2.compress(b"a,b,y\n1,2,0\n"), "packed with bzip2"),
    "zip or xlsx": (zipped(), "a ZIP archive"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "or one with a password"),
    "numpy": (b"\x93NUMPY\x01\x00", "NumPy"),
    "parquet of which nothing can be read": (
        b"PARE\x15\x04" + bytes(20) + b"PARE",
        "an encrypted Parquet file",
    ),
}


def test_a_parquet_file_without_rows_has_none_and_is_not_called_broken(tmp_path):
    path = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"a": pa.array([], pa.float64()), "y": pa.array([], pa.int64())}), path)
    with pytest.raises(InvalidTable, match="a header but no rows"):
        read(path, "y")
    with pytest.raises(InvalidInput, match="holds no rows"):
        of_data(path.read_bytes(), path.name, ["a"])


def test_rows_that_an_open_quote_takes_in_are_missed(write):
    """Who published or asked would have fewer rows than the file, and a buyer answers for them."""
    text = 'a,b,y,who\n1,2,0,ann\n3,4,1,"bob\n5,6,0,cid\n7,8,1,dan\n'
    for act in (
        lambda: distinct(write(text), "y", subject="who"),
        lambda: of_data(text.encode(), "part.csv", ["a", "b"]),
    ):
        with pytest.raises(InvalidTable, match="a quote is opened in the last row"):
            act()
    closed = text.replace('"bob', '"bob"').replace("dan\n", '"dan"" \n"')
    assert len(of_data(closed.encode(), "part.csv", ["a", "b"]).cells) == 4


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_by_both_readers(write, content, said):
    raw = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(InvalidTable) as published:
        read(write(raw), "y")
    assert said in published.value.message
    assert published.value.hint
    with pytest.raises(InvalidInput) as bought:
        of_data(raw, "part.csv", ["a", "b"])
    assert said in bought.value.message
    assert bought.value.hint


HINTED = {
    "an index": (",a,y\n0,1,2\n", "index=False"),
    "a comma at the end": ("a,y,\n1,0,\n", "comma at the end of each line"),
    "a title": ("My export,,\na,b,y\n", "reads like a title"),
    "a gap": ("a,,b,y\n1,2,3,0\n", "Name each column"),
    "no name like it": ("colour,size\n1,2\n", "Its columns are 'colour', 'size'"),
    "a row with one number twice": ("0,yes,0\n1,no,0\n", "If the first line is a row"),
}


@pytest.mark.parametrize(("text", "hint"), HINTED.values(), ids=HINTED)
def test_a_first_line_that_names_no_columns_is_told_what_it_looks_like(write, text, hint):
    with pytest.raises(InvalidTable) as refused:
        read(write(text), "mg" if "mg" in text else "y")
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x" * 257, "column 2 has no usable name: it is 257 characters long, and at most 256 are kept"),
        ("a\u200db", r"column 2 has no usable name: it holds U+200D, which cannot be seen: 'a\u200db'"),
        ("a\u202eb", "holds U+202E"),
        ("a\x1b[31m", "holds U+001B"),
    ],
    ids=["long", "joiner", "direction", "control"],
)
def test_a_name_that_cannot_be_kept_is_told_why(write, name, said):
    with pytest.raises(InvalidTable) as refused:
        read(write(f"y,{name}\n0,1\n"), "y")
    assert said in refused.value.message


@pytest.mark.parametrize("text", ['[{"a": 1, "y": 0}]', '{"a": [1]}', "[\n  [1, 2]]"])
def test_json_is_called_json_where_tables_are_published(write, text):
    with pytest.raises(InvalidTable, match="it is JSON") as refused:
        read(write(text), "y")
    assert "Save the table as CSV" in refused.value.hint


@pytest.mark.parametrize("name", ["[mm]", "{a}", "<5mm"])
def test_a_name_may_begin_as_other_formats_do(write, name):
    assert read(write(f"{name},y\n1,0\n2,1\n"), "y").columns == (name,)


def test_true_and_false_are_read_alike_in_csv_and_parquet(write, parquet):
    published = read(write("a,b,y\nTrue,2,0\n FALSE,3,1\n"), "y")
    columns = {"a": [True, False], "b": [2, 3], "y": [0, 1]}
    path = parquet(**columns)
    assert published.features.tolist() == read(path, "y").features.tolist()
    bought = of_data(b"a,b\ntrue,2\nfalse,3\n", "part.csv", ["a", "b"]).cells
    assert bought == of_data(path.read_bytes(), "part.parquet", ["a", "b"]).cells == [["1", "2"], ["0", "3"]]
    assert of_data(b"true,2\n", "part.csv", ["a", "b"]).cells == [["1", "2"]]


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (["true", "False"], ["true", "7"], "not a number"),
        (["true", "False"], ["7", "8"], "data row 3, .*neither true nor false"),
        (["7", "8"], ["true", "true"], "data row 3, .*is not a number"),
    ],
)
def test_true_and_false_are_not_mixed_with_numbers_also_where_a_batch_ends_between(first, then, said):
    seen = precision.Column("a")
    wrong = faults.Faults("part.csv")
    cells.micro_units(columns.text(first), seen, wrong, 0)
    assert not wrong
    cells.micro_units(columns.text(then), seen, wrong, 2)
    with pytest.raises(InvalidTable, match=said):
        raise wrong.error()


def test_a_row_of_true_and_numbers_does_not_become_names(write):
    with pytest.raises(InvalidTable, match="numbers only"):
        read(write("True,1.5,0\nFalse,2,1\n"), "0")


def test_a_row_does_not_become_the_names_of_columns(write):
    """Values of a person would be published."""
    for first in ("41,1.5,0", "63,145,1", "-1,0,1", "0.5,0,0"):
        with pytest.raises(InvalidTable, match="numbers only"):
            read(write(f"{first}\n5,6,0\n7,8,1\n"), first.split(",")[2])
    assert read(write("0,1,2\n5,6,0\n7,8,1\n"), "2").columns == ("0", "1"), (
        "as pandas names those of an array"
    )


# the first line where money is paid


NUMBERED = ["0", "1"]


@pytest.mark.parametrize(
    ("text", "columns", "cells"),
    [
        ("0,1\n-0.8,0.2\n-1.6,0.6\n", NUMBERED, [["-0.8", "0.2"], ["-1.6", "0.6"]]),
        ("1,0\n0.5,-0.25\n", NUMBERED, [["-0.25", "0.5"]]),
        ("0,1,2\n0.5,-0.25,1\n", NUMBERED, [["0.5", "-0.25"]]),
        ("0.5,-0.25\n", NUMBERED, [["0.5", "-0.25"]]),
        (".5,-.25\n", ["a", "b"], [["0.5", "-0.25"]]),
        ("0,1\n", ["a", "b"], [["0", "1"]]),
        (f"b,{DECOMPOSED}\n1,2\n", [COMPOSED, "b"], [["2", "1"]]),
    ],
    ids=["counted", "swapped", "with the label", "a row", "points", "names are words", "forms"],
)
def test_a_first_line_of_names_is_a_header_as_in_publishing(text, columns, cells):
    assert of_data(text.encode(), "new.csv", columns).cells == cells


def test_a_line_of_which_only_the_beginning_was_looked_at_says_nothing():
    row, read_ahead = "0.5,-0.5\n", 1 << 20
    head = "0,1\n1,-0.5\n"
    # so that nothing but the 0 of a row is read ahead
    head = "0,1\n1" + "1" * ((read_ahead - len(head) - 1) % len(row)) + ",-0.5\n"
    text = head + row * (read_ahead // len(row) + 1)
    assert text[:read_ahead].endswith("\n0")
    assert len(of_data(text.encode(), "new.csv", NUMBERED).cells) == text.count("\n") - 1


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("0,1\n", NUMBERED),
        ("1,0\n0,1\n", NUMBERED),
        ("1,0\n1,1\n0.5,1\n", NUMBERED),
        ("0,2\n5,6\n", NUMBERED),
        ("1,0\n5,6\n", NUMBERED),
        ("0,1\n5,6\n", NUMBERED),
        ("1,0\n0.5,-0.25\n7.0,-8\n", NUMBERED),
        (" 1,0\n+5,6e2\n", NUMBERED),
    ],
    ids=[
        "nothing below",
        "two such lines",
        "a line of names below",
        "names of other columns",
        "swapped over whole numbers",
        "in order over whole numbers",
        "one row of whole numbers",
        "written otherwise",
    ],
)
def test_a_first_line_that_reads_both_ways_is_refused_until_said(text, columns):
    with pytest.raises(AmbiguousRows) as refused:
        of_data(text.encode(), "new.csv", columns)
    first = text.split("\n")[0].split(",")
    first = [cell.strip() for cell in first]
    for shown in (", ".join(first), f"0={first[0]}, 1={first[1]}"):
        assert shown in refused.value.message
    assert "--no-header" in refused.value.hint
    lines = [line.strip().split(",") for line in text.strip().split("\n")]
    assert of_data(text.encode(), "new.csv", columns, header=False).cells == lines


def test_names_that_are_numbers_are_said_where_nobody_was_asked():
    found = of_data(b"1,0\n0.5,-0.25\n", "new.csv", NUMBERED)
    assert found.counting == "the first line was read as the names of the columns: 1, 0"
    for text, header in ((b"1,0\n0.5,1\n", True), (b"0.5,1\n", None), (b"a,0,1\n1,2,3\n", None)):
        assert not of_data(text, "new.csv", NUMBERED, header=header).counting


def test_a_row_without_names_is_in_the_order_of_the_model_also_where_columns_are_counted():
    assert of_data(b"0.5,0.25\n", "new.csv", ["2", "1"]).cells == [["0.5", "0.25"]]
    with pytest.raises(AmbiguousRows):
        of_data(b"1,0\nTrue,false\n", "new.csv", NUMBERED)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[1, 2, 1]], "row 1 does not have 2 numbers but 3 values"),
        ([[1, 2], [1]], "row 2 does not have 2 numbers but 1 values"),
        ([[1, 2], "12"], "row 2 does not have 2 numbers"),
        ([{"a": 1, "B": 2}], "row 1 lacks 'b'"),
        ([[1, True]], "row 1, column 'b'"),
        ([[1, None]], "row 1, column 'b'"),
        ([[1, "1,5"]], "row 1, column 'b'"),
        ([[1, 2e9]], "row 1, column 'b'"),
        ([[1, float("nan")]], "row 1, column 'b'"),
        ([[1, "1" * 65]], "row 1, column 'b'"),
        ([[1, 5e-9], [2, -3e-8]], "column 'b': all of its values are below a millionth"),
    ],
)
def test_rows_in_json_have_exact_lengths_or_names(rows, said):
    with pytest.raises(InvalidInput) as refused:
        ordered(rows, ["a", "b"])
    assert said in refused.value.message


def test_names_decide_and_what_else_is_named_is_said():
    found = ordered([{"y": 1, "b": 2, "a": "1.50"}, {1: 0, "a": 0, "b": 1e-17}], ["a", "b"])
    assert found.cells == [["1.50", "2"], ["0", "1e-17"]]
    assert found.left_out == ("y", "1")
    with pytest.raises(InvalidInput, match="lacks 1 of the model's columns") as refused:
        of_data(b"Age,b\n1,2\n", "new.csv", ["age", "b"])
    assert "Did you mean 'Age'" in refused.value.hint
    assert refused.value.fields["column"] == "age"


# Parquet


INDEXED = {
    "named": ({"index_columns": ["who"]}, "who"),
    "by its metadata and without a name": ({"index_columns": ["__index_level_0__"]}, "__index_level_0__"),
    "by its name alone": (None, "__index_level_0__"),
}


@pytest.mark.parametrize(("metadata", "name"), INDEXED.values(), ids=INDEXED)
def test_the_index_of_a_frame_is_no_feature(parquet, tmp_path, metadata, name):
    path = parquet(metadata, a=[1, 2], y=[0, 1], **{name: [7, 8]})
    found = read(path, "y")
    assert found.columns == ("a",)
    assert any(name in said and "index" in said for said in found.warnings)
    assert distinct(path, "y", subject=name).subjects
    assert profiles.profile(path, Limits()).index == (name,)
    bought = of_data(path.read_bytes(), "part.parquet", ["a"])
    assert (bought.cells, set(bought.left_out)) == ([["1"], ["2"]], {"y", name})
    assert read(path, "y", expected=["a", name]).columns == ("a", name), "a test table of agreed columns"


def test_an_index_that_is_no_column_or_says_nonsense(parquet):
    for metadata in ({"index_columns": [{"kind": "range"}]}, {"index_columns": 7}, {}, []):
        assert read(parquet(metadata, a=[1, 2], y=[0, 1]), "y").columns == ("a",)
    several = {"index_columns": ["ward", "bed"]}
    assert read(parquet(several, ward=[1, 2], bed=[1, 1], a=[1, 2], y=[0, 1]), "y").columns == ("a",)


NUMBERS = {
    "nullable": pa.array([1, 2], pa.int8()),
    "unsigned": pa.array([1, 2], pa.uint64()),
    "half": pa.array(np.array([1, 2], dtype=np.float16)),
    "single": pa.array([1, 2], pa.float32()),
    "decimal": pa.array([decimal.Decimal("1.00"), decimal.Decimal("2.00")]),
    "dictionary of numbers": pa.array([1, 2]).dictionary_encode(),
    "dictionary of text": pa.array(["1", "2"]).dictionary_encode(),
    "large text": pa.array(["1", " 2"], pa.large_string()),
}


@pytest.mark.parametrize("column", NUMBERS.values(), ids=NUMBERS)
def test_kinds_of_numbers_in_parquet(parquet, column):
    path = parquet(a=column, y=[0, 1])
    assert read(path, "y").features.tolist() == [[1_000_000], [2_000_000]]
    bought = of_data(path.read_bytes(), "part.parquet", ["a"])
    assert [float(cell) for [cell] in bought.cells] == [1, 2]


NOT_NUMBERS = {
    "gap": pa.array([1, None]),
    "timestamp": pa.array([dt.datetime(2024, 1, 1)] * 2),  # noqa: DTZ001
    "nested": pa.array([{"x": 1}, {"x": 2}]),
    "list": pa.array([[1], [2]]),
    "beyond 2^53": pa.array([1, 2**62]),
    "beyond int64": pa.array([1, 2**64 - 1], pa.uint64()),
    "not a number": pa.array([1.0, float("nan")]),
    "bytes": pa.array([b"1", b"2"]),
}


@pytest.mark.parametrize("column", NOT_NUMBERS.values(), ids=NOT_NUMBERS)
def test_what_is_no_number_in_parquet_is_refused_by_name(parquet, column):
    path = parquet(a=column, y=[0, 1])
    for reader in (lambda: read(path, "y"), lambda: of_data(path.read_bytes(), "part.parquet", ["a"])):
        with pytest.raises(InvalidInput, match="column 'a'"):
            reader()


# what millionths lose


def column_of(values):
    return "a,b,y\n" + "".join(f"{value!r},{i},{i % 2}\n" for i, value in enumerate(values))


def test_a_column_that_collapses_is_refused_and_told_how_to_scale_it(write):
    values = [(i - 20) * 1.3e-10 for i in range(40)]
    with pytest.raises(InvalidTable, match="column 'a'") as refused:
        read(write(column_of(values)), "y")
    assert "10^9" in refused.value.hint
    scaled = read(write(column_of([value * 10**9 for value in values])), "y")
    assert len(set(scaled.features[:, 0].tolist())) == 40
    assert not scaled.warnings


@pytest.mark.parametrize(("unit", "power"), [(1.3e-7, 7), (2.7e-6, 5), (1e-5 / 3, 5), (1e-4, 0)])
def test_values_that_fall_together_are_counted(write, unit, power):
    values = [i * unit / 7 for i in range(40)]
    kept = len({int(value * 10**6 + 0.5) for value in values})
    found = read(write(column_of(values)), "y")
    [said] = [said for said in found.warnings if "millionths" in said] if kept < 40 else [""]
    if kept < 40:
        assert f"column 'a': 40 different values became {kept}," in said
    assert distinct(write(column_of(values)), "y").warnings == found.warnings
    assert power == 0 or f"Multiply it by 10^{power}." in said


def test_noise_of_sums_is_no_loss(write):
    assert not any(
        "millionths" in said for said in read(write(column_of([0.1 + 0.2, 0.3] * 9)), "y").warnings
    )
    tiny = [1e-300, 0.0] * 9
    with pytest.raises(InvalidTable, match="column 'a'"):
        read(write(column_of(tiny)), "y")


def test_values_that_differ_far_behind_only_are_said_to_differ(write):
    found = read(write(column_of([1000 + i * 1e-9 for i in range(40)])), "y")
    assert len(set(found.features[:, 0].tolist())) == 1
    assert "differ only after their first 10 digits" in found.warnings[0]


def test_large_values_are_told_by_what_to_divide(write):
    with pytest.raises(InvalidTable, match="beyond") as refused:
        read(write(column_of([1.0, 4e13])), "y")
    assert "10^5" in refused.value.hint


def test_the_largest_table_that_is_read_is_one_that_the_vault_opens():
    most = Limits()
    header = 1 << 20
    assert most.cells * 8 + most.rows + header <= DEFAULT_LIMIT_BYTES


def test_a_column_is_named_in_any_form_and_kept_in_one(write):
    path = write(f"{DECOMPOSED},y,who\n1,0,a\n2,1,b\n")
    kept = distinct(path, " y", subject="who").table
    assert (kept.columns, kept.label) == ((COMPOSED,), "y")
    assert read(write(f"a,{DECOMPOSED}\n1,0\n2,1\n"), COMPOSED).label == COMPOSED
    agreed = read(write(f"{COMPOSED},y\n1,0\n2,1\n"), "y", expected=[DECOMPOSED])
    assert agreed.columns == (DECOMPOSED,), "as in the plan, whose hash holds it"

"""A file at a glance: what can be learned from, what can be a label, what is missing."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from freehold.core.errors import InvalidTable
from freehold.features.data.rules import reading
from freehold.features.data.rules.profile import profile
from freehold.features.data.rules.table import Limits

TEXT = "id,age,gap,word,flag\n" + "".join(
    f"P{i},{i}.5,{'' if i == 3 else i},{'yes' if i % 3 else 'no'},{i % 2}\n" for i in range(40)
)


def test_kinds_gaps_and_label(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TEXT)
    seen = profile(path, Limits())
    assert (seen.rows, len(seen.head), seen.head[3]) == (40, 8, ("P3", "3.5", "", "no", "1"))
    assert [column.kind for column in seen.columns] == [
        "text",
        "numbers",
        "numbers",
        "two values",
        "two values",
    ]
    assert [column.missing for column in seen.columns] == [0, 0, 1, 0, 0]
    assert seen.columns[0].not_numbers == 40
    assert seen.column("word").values == {"yes": 26, "no": 14}
    assert seen.likely_label() == "flag"
    assert seen.column("nothing") is None


def test_parquet_says_the_same(tmp_path):
    path = tmp_path / "t.parquet"
    made = pa.table(
        {"a": [1.5, None, 3.0], "b": [True, False, True], "c": pa.array(["x", "y", "x"]).dictionary_encode()}
    )
    pyarrow.parquet.write_table(made, path)
    seen = profile(path, Limits())
    assert [column.missing for column in seen.columns] == [1, 0, 0]
    assert seen.column("c").values == {"x": 2, "y": 1}


@pytest.mark.parametrize("text", ["", "a,b\n", "a,a\n1,2\n"])
def test_what_is_no_table_is_refused(tmp_path, text: str):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InvalidTable):
        profile(path, Limits())


def test_columns_left_out_are_gone_and_the_rest_is_equal(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TEXT)
    kept = reading.distinct(path, "flag", left_out=["id", "gap", "word"]).table
    assert kept.columns == ("age",)
    assert kept.rows == 40
    assert kept.features[3, 0] == 3_500_000
    for asked, said in ((["flag"], "is the label"), (["word", "ages"], "no column 'ages'")):
        with pytest.raises(InvalidTable, match=said):
            reading.distinct(path, "flag", left_out=asked)

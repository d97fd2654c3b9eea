"""Where a CSV file cannot be read on, its error says in which line the cell begins, not where a reader gave up."""

from __future__ import annotations

import io
import time

import pytest

from freehold.core.errors import InvalidTable
from freehold.features.data.rules import sources
from freehold.features.data.rules.table import Limits

HEAD, ROWS = "a,b,y\n", "1,2,0\n3,4,1\n" * 10
MANY = "1,2,0\n3,4,1\n" * 30_000
LONG = r"line {n}: a cell begins that has over 131,072 characters"
OPEN = r"line {n}: a quote is opened in the last row and never closed"
AFTER = r"line {n}: a cell goes on after its closing quote"
STOPS = {
    "open in the first cell": (HEAD + ROWS + '"1,2,0\n' + MANY, LONG, 22),
    "open in the last cell": (HEAD + ROWS + '1,2,"0\n' + MANY, LONG, 22),
    "open after a cell of several lines": (HEAD + ROWS + '"1\n\n""2","3,0\n' + MANY, LONG, 24),
    "open after blanks behind a quote": (HEAD + '"1" ,2,0\n' + ROWS + '1,"2,0\n' + MANY, LONG, 23),
    "open after a quote within a cell": (HEAD + '1"2,2,0\n' + ROWS + '1,"2,0\n' + MANY, LONG, 23),
    "no quote": (HEAD + ROWS + "1," + "2" * 131_073 + ",0\n" + ROWS, LONG, 22),
    "closed, and long": (HEAD + ROWS + '1,"\n' + "2" * 131_073 + '",0\n' + ROWS, LONG, 22),
    "the only name": ("a" * 200_000 + "\n1\n", LONG, 1),
    "open to the end": (HEAD + ROWS + '1,2,"0\n' + ROWS, OPEN, 22),
    "open to the end in the first cell": (HEAD + ROWS + '"1,2,0\n' + ROWS, OPEN, 22),
    "open to the end behind a cell of several lines": (HEAD + '"1\n","2,0\n' + ROWS, OPEN, 3),
    "open to the end, other line ends": ((HEAD + '"1\n",2,"0\n' + ROWS).replace("\n", "\r"), OPEN, 3),
    "open behind what separates": ("sep=;\na;b;y\n1;2;0\n1;2;" + '"0\n1;2;0\n', OPEN, 4),
    "open as far as another opens": (HEAD + '1,"2,0\n' + ROWS + '1,"2",0\n' + ROWS, AFTER, 2),
    "open as far as another opens, and far": (HEAD + '1,"2,0\n' + MANY + '1,"2",0\n' + ROWS, LONG, 2),
}


@pytest.mark.parametrize("stop", STOPS)
def test_a_fault_is_told_by_the_line_in_which_its_cell_begins(stop: str) -> None:
    text, told, line = STOPS[stop]
    with (
        pytest.raises(InvalidTable, match=told.format(n=line)) as caught,
        sources.read(io.BytesIO(text.encode()), "t.csv", Limits()) as source,
    ):
        list(source.batches)
    assert caught.value.fields["line"] == line


def test_rows_that_are_uneven_stay_told_by_their_row() -> None:
    data = (HEAD + ROWS + "1,2\n" + '"1",2,0\n').encode()
    with (
        pytest.raises(InvalidTable, match="data row 21: 2 cells"),
        sources.read(io.BytesIO(data), "t.csv", Limits()) as source,
    ):
        list(source.batches)


@pytest.mark.parametrize("cell", ['""', '"a""', '","', '"\n', '" ', "''\""])
@pytest.mark.parametrize("begins", ["", '"', '1,"', '1,2,0"'])
def test_a_fault_is_found_in_time_in_whatever_lies_behind_it(cell: str, begins: str) -> None:
    data = (HEAD + begins + cell * (4_000_000 // len(cell))).encode()
    at = time.process_time()
    try:
        with sources.read(io.BytesIO(data), "t.csv", Limits()) as source:
            list(source.batches)
    except InvalidTable:
        pass
    assert time.process_time() - at < 10

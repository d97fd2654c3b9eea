"""What a cell says is the same for whoever publishes a table and for whoever buys an answer about a row of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import FreeholdError
from freehold.features.data.rules.reading import read
from freehold.features.gateway.rules.answer import micro
from freehold.features.gateway.rules.rows import of_data, ordered

digits = st.text("0123456789", max_size=9)
written = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "-", "+", " ", "--"]),
        digits,
        st.sampled_from(["", ".", ".", ","]),
        st.text("0123456789", max_size=6),
        st.sampled_from(
            ["", "", "", "e0", "E+1", "e-2", "e400", "_0", "%", "f", "x1", "\N{ARABIC-INDIC DIGIT ONE}"]
        ),
        st.sampled_from(["", "", " "]),
    ),
)
odd = st.sampled_from(
    ["nan", "inf", "-Infinity", "0x10", "1e-400", "TRUE", "1e9", "1000000000.000001", "1d", "¹"]
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("numbers") / "one.csv"


def taken(act):
    try:
        return act()
    except FreeholdError:
        return None


@settings(max_examples=300, deadline=None)
@given(written | odd)
def test_both_readers_take_the_same_texts_for_the_same_numbers(place, text):
    place.write_text(f'a,b,y\n"{text}",1,0\n')
    table = taken(lambda: [int(cell) for cell in read(place, "y").features[0]])
    rows = taken(lambda: of_data(place.read_bytes(), "one.csv", ["a", "b"]).cells)
    assert (table is None) == (rows is None)
    if rows is not None:
        # a column of true and false is one of numbers, and one tells which decimal mark it has; a single cell of
        # JSON says no column
        cell = "1" if text == "TRUE" else text.replace(",", ".")
        exact = [micro(cell) for cell in rows[0]]
        assert exact == [micro(one) for one in ordered([{"b": "1", "a": cell}], ["a", "b"]).cells[0]]
        # a table's cell passes through binary floating point: at half a millionth it may fall to the other side
        assert all(abs(one - other) <= 1 for one, other in zip(exact, table, strict=True))

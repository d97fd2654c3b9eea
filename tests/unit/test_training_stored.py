"""A table comes back out of its canonical bytes exactly, and damage is refused."""

import numpy as np
import pytest

from freehold.core.errors import FreeholdError
from freehold.features.data.rules.table import Table, canonical_bytes, from_canonical_bytes


def some_table():
    features = np.arange(12, dtype=np.int64).reshape(4, 3) * -1_000_001
    return Table(columns=("a", "b", "ü"), label="y", features=features, labels=np.array([0, 1, 1, 0]))


def test_what_was_sealed_comes_back():
    again = from_canonical_bytes(canonical_bytes(some_table()))
    assert canonical_bytes(again) == canonical_bytes(some_table())
    assert (again.columns, again.label, again.rows) == (("a", "b", "ü"), "y", 4)


@pytest.mark.parametrize("change", ["cut", "longer", "domain", "label", "huge", "empty"])
def test_damage_is_refused(change):
    data = canonical_bytes(some_table())
    damaged = {
        "cut": data[:-1],
        "longer": data + b"\0",
        "domain": b"x" + data[1:],
        "label": data[:-1] + b"\x07",
        "huge": data[:18] + b"\xff" * 8 + data[26:],
        "empty": b"",
    }[change]
    with pytest.raises(FreeholdError):
        from_canonical_bytes(damaged)

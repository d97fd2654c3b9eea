"""Rows as vectors: what a scaling does, and what it cannot do."""

from fractions import Fraction

import numpy as np
import pytest
from training_runs import table

from freehold.core.fixed import UNIT
from freehold.features.data.rules.table import MICRO, MICRO_LIMIT
from freehold.features.models.rules import scaling
from freehold.features.models.rules.scaling import InvalidScaling, Scaling, from_bounds, typical, unit_rows


def reference(cells, scaled):
    """One row, by the docstring, in plain integers."""
    q = [
        max(-4_096, min(4_096, (2 * ((x - mean) << 10) + scale) // (2 * scale)))
        for x, mean, scale in zip(cells, scaled.mean, scaled.scale, strict=True)
    ] + [1_024]
    square = max(sum(n * n for n in q), len(q) << 20)
    length = int(Fraction(square).limit_denominator() ** Fraction(1, 2)) - 1
    while length * length < square:
        length += 1
    return [(abs(n) * UNIT // length) * (1 if n >= 0 else -1) for n in q]


def test_rows_are_the_plain_integers_of_the_docstring(monkeypatch):
    monkeypatch.setattr(scaling, "_BLOCK_ROWS", 7)
    rng = np.random.default_rng(0)
    scaled = Scaling((5, -MICRO, 0), (3 * MICRO, 1, MICRO_LIMIT))
    cells = rng.integers(-5 * MICRO, 5 * MICRO, (40, 3))
    cells[0] = [MICRO_LIMIT, -MICRO_LIMIT, MICRO_LIMIT]
    cells[1] = [5, -MICRO, 0]
    found = unit_rows(cells, scaled)
    assert found.dtype == np.int16
    assert found.tolist() == [reference(row, scaled) for row in cells.tolist()]
    # all cells at their mean: only the bias is left, at a half of the length of an ordinary row
    assert found[1].tolist() == [0, 0, 0, UNIT // 2]


def test_a_typical_row_has_about_length_one_and_a_typical_table_is_centred():
    rng = np.random.default_rng(1)
    made = table(rng.normal(7, 3, (2_000, 20)), np.arange(2_000) % 2)
    z = unit_rows(made.features, typical(made)).astype(float) / UNIT
    assert 0.9 < np.median(np.linalg.norm(z, axis=1)) <= 1
    assert np.abs(z[:, :-1].mean(axis=0)).max() < 0.01


def test_typical_is_mean_and_deviation_and_a_constant_column_is_harmless():
    made = table([[1.0, 4.0], [3.0, 4.0]], [0, 1])
    assert typical(made) == Scaling((2 * MICRO, 4 * MICRO), (MICRO, 1))
    z = unit_rows(made.features, typical(made))
    assert z[:, 1].tolist() == [0, 0]
    assert z[0, 0] == -z[1, 0] < 0


def test_declared_bounds_become_two_steps_either_side():
    found = from_bounds([(0, 8), (-MICRO_LIMIT, MICRO_LIMIT), (3, 3)])
    assert found == Scaling((4, 0, 3), (2, MICRO_LIMIT // 2, 1))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"mean": [0]},
        {"mean": [0], "scale": [1], "more": 1},
        {"mean": [], "scale": []},
        {"mean": [0, 0], "scale": [1]},
        {"mean": [0], "scale": [0]},
        {"mean": [0], "scale": [-1]},
        {"mean": [0], "scale": [1.0]},
        {"mean": [True], "scale": [1]},
        {"mean": ["0"], "scale": [1]},
        {"mean": [MICRO_LIMIT + 1], "scale": [1]},
        {"mean": [0], "scale": [10**400]},
        {"mean": "0", "scale": "1"},
        {"mean": [0] * 1_025, "scale": [1] * 1_025},
    ],
)
def test_a_malformed_scaling_is_refused(value):
    with pytest.raises(InvalidScaling):
        Scaling.from_json(value)


def test_a_scaling_survives_json_and_must_fit():
    made = Scaling((1, 2), (3, 4))
    assert Scaling.from_json(made.to_json()) == made
    with pytest.raises(InvalidScaling, match="3 columns"):
        unit_rows(np.zeros((1, 3), dtype=np.int64), made)

"""Gradients and steps against plain Python integers, under any number of threads."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from training_runs import steps

from freehold.core.fixed import UNIT, WEIGHT_LIMIT, sigmoid_table
from freehold.features.models.rules.model import predict
from freehold.features.models.rules.scaling import Scaling
from freehold.features.training.rules import logistic
from freehold.features.training.rules.logistic import InvalidRecipe, InvalidTraining, Recipe, gradient, step


def reference(z, labels, model):
    """The gradient of the module docstring, one number at a time."""
    table, total = sigmoid_table().tolist(), [0] * len(model)
    for row, label in zip(z, labels, strict=True):
        logit = sum(a * b for a, b in zip(row, model, strict=True))
        index = max(-16_384, min(16_384, (logit + (1 << 19)) >> 20))
        residual = table[index + 16_384] - 65_536 * label
        total = [t + residual * a for t, a in zip(total, row, strict=True)]
    return total


def example(rows, width, seed, limit):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, width))
    z = np.trunc(z / np.linalg.norm(z, axis=1, keepdims=True) * UNIT).astype(np.int16)
    return z, rng.integers(0, 2, rows), rng.integers(-limit, limit + 1, width)


@pytest.mark.parametrize("limit", [0, 1 << 16, 1 << 20, WEIGHT_LIMIT])
def test_a_gradient_matches_plain_integers_number_by_number(limit, monkeypatch):
    monkeypatch.setattr(logistic, "_BLOCK_CELLS", 25)
    z, labels, model = example(70, 6, 4, limit)
    found = gradient(z, labels, model)
    assert found.dtype == np.int64
    assert found.tolist() == reference(z.tolist(), labels.tolist(), model.tolist())


def test_a_gradient_is_the_one_of_real_numbers_up_to_the_table_of_the_sigmoid():
    z, labels, model = example(500, 12, 5, 4 << 16)
    unit, weights = z / UNIT, model / 65_536
    exact = unit.T @ (1 / (1 + np.exp(-unit @ weights)) - labels)
    # the table's argument is rounded to 1 / 1,024: at most 1 / 8,192 of a probability, and its value to 2^-17
    bound = np.abs(unit).sum(axis=0) * (1 / 8_192 + 1 / 131_072)
    assert (np.abs(gradient(z, labels, model) / (1 << 30) - exact) <= bound).all()


def test_halves_are_rounded_up_at_every_edge_of_the_table():
    # logits a unit on either side of each half, where float rounding would show first
    z = np.full((8, 1), UNIT, dtype=np.int16)
    for index in (-16_384, -16_383, -1, 0, 1, 16_383, 16_384):
        for nudge in (-1, 0, 1):
            weight = ((2 * index + 1) << 19 >> 14) + nudge
            model, labels = np.array([weight]), np.zeros(8, dtype=np.int64)
            assert gradient(z, labels, model).tolist() == reference(
                z.tolist(), labels.tolist(), model.tolist()
            )


@pytest.mark.parametrize("cells", [[UNIT] + [0] * 1_024, [UNIT] * 1_025])
def test_the_widest_table_at_its_extremes_is_exact(cells):
    # the second is longer than any row of `unit_rows`, and still within 2^53
    z = np.array([cells] * 3, dtype=np.int16)
    model, labels = np.full(1_025, WEIGHT_LIMIT, dtype=np.int64), np.array([0, 1, 1])
    for sign in (1, -1):
        found = gradient(z, labels, sign * model)
        assert found.tolist() == reference(z.tolist(), labels.tolist(), (sign * model).tolist())


def test_same_bytes_under_any_thread_count_block_size_and_order_of_rows(monkeypatch):
    z, labels, model = example(6_000, 31, 5, 8 << 16)
    order = np.random.default_rng(0).permutation(len(z))
    found = {gradient(z[order], labels[order], model).tobytes()}
    for threads, cells in ((1, 1 << 17), (2, 1 << 17), (2, 1 << 12), (1, 1)):
        monkeypatch.setattr(logistic, "_BLOCK_CELLS", cells)
        with threadpool_limits(threads):
            found.add(
                gradient(
                    z[:500] if cells == 1 else z, labels[:500] if cells == 1 else labels, model
                ).tobytes()
            )
    assert len(found) == 2  # all of them, and the first 500 row by row
    assert gradient(z[:500], labels[:500], model).tobytes() in found


def test_gradients_add_up_over_any_parting_of_the_rows():
    z, labels, model = example(101, 4, 6, 1 << 18)
    parts = np.split(np.arange(101), [1, 40, 77])
    assert (sum(gradient(z[part], labels[part], model) for part in parts) == gradient(z, labels, model)).all()


def plain_step(model, total, rows, bits, recipe):
    rate, l2 = Fraction(recipe.learning_rate_q16, 65_536), Fraction(recipe.l2_q16, 65_536)
    following = []
    for place, (w, g) in enumerate(zip(model, total, strict=True)):
        data = floor(rate * g * 65_536 / (rows << bits) + Fraction(1, 2))
        shrink = 0 if place == len(model) - 1 else floor(rate * l2 * w + Fraction(1, 2))
        following.append(max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, w - data - shrink)))
    return following


@pytest.mark.parametrize("bits", [1, 9, 16, 30])
def test_a_step_is_the_formula_rounded_and_its_parts_add_up(bits):
    rng = np.random.default_rng(bits)
    model = rng.integers(-(5 << 16), 5 << 16, 9)
    total = rng.integers(-(300 << bits), 300 << bits, 9)
    recipe = Recipe(rounds=3, learning_rate_q16=int(123.4 * 65_536), l2_q16=700)
    following, data, shrink = step(model, total, 371, bits, recipe)
    # the model counts in 2^-16, a gradient in 2^-bits
    assert following.tolist() == plain_step(model.tolist(), total.tolist(), 371, bits, recipe)
    assert (following == np.clip(model - data - shrink, -WEIGHT_LIMIT, WEIGHT_LIMIT)).all()
    assert shrink[-1] == 0


def test_a_step_survives_the_largest_numbers_and_stays_within_its_limit():
    model = np.array([WEIGHT_LIMIT, -WEIGHT_LIMIT, 0])
    total = np.array([-(1 << 52), 1 << 52, 1 << 52])
    following, data, _ = step(model, total, 1, 1, Recipe(learning_rate_q16=1_024 << 16, l2_q16=1 << 10))
    assert following.tolist() == [WEIGHT_LIMIT, -WEIGHT_LIMIT, -WEIGHT_LIMIT]
    assert np.abs(data).max() <= 4 * WEIGHT_LIMIT


def test_shrinking_moves_weights_towards_nothing_but_not_the_bias():
    model = np.array([1 << 20, -(1 << 20), 1 << 20])
    following, _, shrink = step(model, np.zeros(3, dtype=np.int64), 10, 16, steps(1, 16, l2_q16=1_024))
    assert following.tolist() == [(1 << 20) - (1 << 18), (1 << 18) - (1 << 20), 1 << 20]
    assert shrink.tolist() == [1 << 18, -(1 << 18), 0]


def test_inputs_that_do_not_fit_are_refused():
    z, labels, model = example(10, 3, 7, 100)
    too_long = z.copy()
    too_long[3, -1] = -UNIT - 1
    for arguments in [
        (z[:0], labels[:0], model),
        (z, labels[:-1], model),
        (z, labels + 1, model),
        (z, labels, model[:-1]),
        (z, labels, model[:, np.newaxis]),
        (z.astype(float), labels, model),
        (z, labels, model.astype(float)),
        (z, labels.astype(bool), model),
        (z.astype(np.uint16), labels, model),
        (too_long, labels, model),
        (z, labels, model + WEIGHT_LIMIT),
    ]:
        with pytest.raises(InvalidTraining):
            gradient(*arguments)


def test_predict_is_the_sigmoid_of_the_row_as_a_vector():
    model = np.array([2 << 16, -(2 << 16)], dtype=np.int64)
    rows = np.array([[5_000_000], [3_000_000], [900_000_000]], dtype=np.int64)
    found = predict(model, Scaling((3_000_000,), (2_000_000,)), rows)
    # (1, 1) and (0, 1), of length sqrt 2; then 4 steps, the most there is: (4, 1) of length sqrt 17
    lengths = [1 / 2**0.5, 1 / 2**0.5, 1 / 17**0.5]
    logits = [2 * (q - 1) * length for q, length in zip((1, 0, 4), lengths, strict=True)]
    assert np.abs(found / 65_536 - 1 / (1 + np.exp(-np.array(logits)))).max() < 3e-4


def test_recipe_round_trip_and_bounds():
    recipe = Recipe(rounds=3, l2_q16=0)
    assert Recipe.from_json(recipe.to_json()) == recipe
    good = recipe.to_json()
    for change in [
        {"name": "logistic-v1"},
        {"name": 2},
        {"rounds": 0},
        {"rounds": 201},
        {"rounds": 1.0},
        {"rounds": True},
        {"l2_q16": -1},
        {"l2_q16": 1_025},
        {"extra": 1},
        {"learning_rate_q16": 0},
        {"learning_rate_q16": (1_024 << 16) + 1},
        {"learning_rate_q16": None},
    ]:
        with pytest.raises(InvalidRecipe):
            Recipe.from_json({**good, **change})
    for value in ([], None, {}, {name: good[name] for name in good if name != "l2_q16"}):
        with pytest.raises(InvalidRecipe):
            Recipe.from_json(value)

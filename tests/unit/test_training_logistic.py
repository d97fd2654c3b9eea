"""Training steps against plain Python integers, under any number of threads."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from freehold.training import logistic
from freehold.training.fixed import WEIGHT_LIMIT, sigmoid_table
from freehold.training.logistic import InvalidRecipe, InvalidTraining, Recipe, predict, train_locally
from freehold.training.statistics import Scaling


def reference(z, labels, model, recipe):
    """The recipe of the module docstring, one number at a time."""
    table, w = [int(p) for p in sigmoid_table()], list(model)
    for _ in range(recipe.local_steps):
        gradient = [0] * len(w)
        for row, label in zip(z, labels, strict=True):
            logit = sum(a * b for a, b in zip(row, w, strict=True))
            index = max(-16_384, min(16_384, (logit + 32_768) // 65_536))
            residual = table[index + 16_384] - 65_536 * label
            gradient = [g + residual * a for g, a in zip(gradient, row, strict=True)]
        for j, g in enumerate(gradient):
            total = (2 * g + len(z)) // (2 * len(z))
            if j < len(w) - 1:
                total += (recipe.l2_q16 * w[j] + 32) // 64
            step = (recipe.learning_rate_q16 * total + (1 << 25)) >> 26
            w[j] = max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, w[j] - step))
    return w


def example(rows, columns, models, seed, limit):
    rng = np.random.default_rng(seed)
    z = rng.integers(-8_192, 8_193, (rows, columns + 1)).astype(np.int16)
    z[:, -1] = 1_024
    return z, rng.integers(0, 2, rows), rng.integers(-limit, limit + 1, (models, columns + 1))


@pytest.mark.parametrize("limit", [0, 1 << 14, WEIGHT_LIMIT])
def test_matches_plain_integers_number_by_number(limit, monkeypatch):
    monkeypatch.setattr(logistic, "_BLOCK_CELLS", 1)
    z, labels, models = example(70, 5, 3, 4, limit)
    recipe = Recipe(rounds=1, local_steps=3, learning_rate_q16=3 << 16, l2_q16=701)
    found = train_locally(z, labels, models, recipe)
    assert found.dtype == np.int64
    assert found.tolist() == [reference(z.tolist(), labels.tolist(), m, recipe) for m in models.tolist()]


def test_the_widest_table_at_its_extremes_is_still_exact():
    z, labels, models = example(5, 1_024, 2, 8, WEIGHT_LIMIT)
    z[:, :-1] = np.where(z[:, :-1] < 0, -8_192, 8_192)
    models[:, :-1] = np.where(z[0, :-1] < 0, -WEIGHT_LIMIT, WEIGHT_LIMIT)
    recipe = Recipe(local_steps=2, learning_rate_q16=16 << 16, l2_q16=1 << 16)
    found = train_locally(z, labels, models, recipe)
    assert found.tolist() == [reference(z.tolist(), labels.tolist(), m, recipe) for m in models.tolist()]


def test_same_numbers_under_any_thread_count_and_block_size(monkeypatch):
    z, labels, models = example(3_000, 30, 64, 5, 1 << 16)
    recipe = Recipe(local_steps=4)
    found = []
    for threads, cells in ((1, 1 << 17), (2, 1 << 17), (2, 1 << 12)):
        monkeypatch.setattr(logistic, "_BLOCK_CELLS", cells)
        with threadpool_limits(threads):
            found.append(train_locally(z, labels, models, recipe).tobytes())
    assert len(set(found)) == 1


def test_training_does_not_depend_on_the_order_of_rows_or_other_models():
    z, labels, models = example(200, 6, 8, 6, 1 << 16)
    order = np.random.default_rng(0).permutation(200)
    found = train_locally(z, labels, models, Recipe())
    assert (train_locally(z[order], labels[order], models, Recipe()) == found).all()
    assert (train_locally(z, labels, models[3:4], Recipe()) == found[3:4]).all()
    assert (models == example(200, 6, 8, 6, 1 << 16)[2]).all()


def test_weights_stay_inside_their_limit():
    z = np.full((4, 2), 8_192, dtype=np.int16)
    z[:, -1] = 1_024
    steep = Recipe(local_steps=50, learning_rate_q16=16 << 16, l2_q16=0)
    found = train_locally(z, np.ones(4, dtype=np.int64), np.full((1, 2), -WEIGHT_LIMIT), steep)
    assert np.abs(found).max() <= WEIGHT_LIMIT


def test_inputs_that_do_not_fit_are_refused():
    z, labels, models = example(10, 2, 2, 7, 100)
    bad_bias = z.copy()
    bad_bias[3, -1] = 0
    for arguments in [
        (z[:0], labels[:0], models),
        (z, labels[:-1], models),
        (z, labels + 1, models),
        (z, labels, models[:, :-1]),
        (z.astype(float), labels, models),
        (z, labels, models.astype(float)),
        (z.astype(np.int32) * 2, labels, models),
        (z, labels, models + WEIGHT_LIMIT),
        (bad_bias, labels, models),
    ]:
        with pytest.raises(InvalidTraining):
            train_locally(*arguments, Recipe())


def test_predict_is_the_sigmoid_of_the_scaled_row():
    model = np.array([1 << 16, -(1 << 16)], dtype=np.int64)  # weight 1, bias -1
    rows = np.array([[5_000_000], [3_000_000]], dtype=np.int64)
    found = predict(model, Scaling((3_000_000,), (2_000_000,)), rows)
    assert found.tolist() == [32_768, int(sigmoid_table()[16_384 - 1_024])]


def test_recipe_round_trip_and_bounds():
    recipe = Recipe(rounds=3, l2_q16=0)
    assert Recipe.from_json(recipe.to_json()) == recipe
    good = recipe.to_json()
    for change in [
        {"name": "logistic-v2"},
        {"rounds": 0},
        {"rounds": 1.0},
        {"rounds": True},
        {"l2_q16": -1},
        {"extra": 1},
        {"learning_rate_q16": 1 << 40},
    ]:
        with pytest.raises(InvalidRecipe):
            Recipe.from_json({**good, **change})
    with pytest.raises(InvalidRecipe):
        Recipe.from_json([])

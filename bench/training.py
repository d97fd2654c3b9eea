"""How fast owners train in whole numbers, next to the float product it cannot do without.

Run: python bench/training.py
"""

import time

import numpy as np

from freehold.training import coalitions
from freehold.training.logistic import Recipe, train_locally
from freehold.training.valuation import exact_shapley, shares_bps, utilities


def example(rows, columns, seed):
    rng = np.random.default_rng(seed)
    z = rng.integers(-3_000, 3_000, (rows, columns + 1)).astype(np.int16)
    z[:, -1] = 1_024
    return z, (z[:, 0] + rng.integers(-2_000, 2_000, rows) > 0).astype(np.int64)


def best_of(repeats, job):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def local_steps(rows, columns, models):
    """Rows times models per second of one step, against the two float64 products inside it."""
    z, labels = example(rows, columns, 0)
    weights = np.random.default_rng(1).integers(-(1 << 16), 1 << 16, (models, columns + 1))
    recipe = Recipe(local_steps=5)
    ours = best_of(3, lambda: train_locally(z, labels, weights, recipe)) / recipe.local_steps
    dense, thin = z.astype(np.float64), weights.T.astype(np.float64)
    plain = best_of(3, lambda: (dense @ thin).T @ dense)
    print(
        f"{rows:>7} rows x {columns:>3} columns x {models:>4} models: {rows / ours:>12,.0f} rows/s a step, "
        f"{rows * models / ours / 1e6:>6.0f} M rows x models/s, {ours / plain:.1f} x two plain float64 products"
    )


def whole_run(owners, rounds, rows, columns):
    """Every coalition of `owners` through `rounds`, then utilities and the exact Shapley value."""
    names = [f"owner{i:02}" for i in range(owners)]
    data = [example(rows, columns, i) for i in range(owners)]
    masks = [coalitions.masks_of(i, owners) for i in range(owners)]
    counts = dict.fromkeys(names, rows)
    models = coalitions.initial_models(owners, columns + 1)
    start = time.perf_counter()
    for _ in range(rounds):
        updates = {name: train_locally(*data[i], models[masks[i]], Recipe()) for i, name in enumerate(names)}
        models = coalitions.aggregate(models, names, updates, counts)
    trained = time.perf_counter()
    gains = utilities(models, *example(200, columns, 99))
    valued = time.perf_counter()
    shares = shares_bps(exact_shapley(gains))
    done = time.perf_counter()
    print(
        f"{owners} owners x {rounds} rounds x {(1 << owners) - 1:,} coalitions ({rows} rows, {columns} columns, "
        f"{Recipe().local_steps} steps each): training {trained - start:.2f} s, utilities {valued - trained:.3f} s, "
        f"Shapley and shares {done - valued:.4f} s (sum {sum(shares)})"
    )


def main():
    for rows, columns, models in (
        (100, 30, 32),
        (100, 30, 512),
        (10_000, 30, 512),
        (100_000, 30, 1),
        (100_000, 30, 32),
    ):
        local_steps(rows, columns, models)
    whole_run(owners=6, rounds=20, rows=70, columns=30)
    whole_run(owners=10, rounds=20, rows=70, columns=30)


if __name__ == "__main__":
    main()

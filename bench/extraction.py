"""What bought answers reveal of a model: its weights, solved for from probabilities, exact and rounded.

The attacker knows the model's columns and scaling, which are public, chooses its questions, and fits weights to the
answers (maximum likelihood). A copy is measured by the error of its weights and by how often it says the same label.

Run: python bench/extraction.py
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from freehold.core.fixed import LOGIT_LIMIT, UNIT
from freehold.features.data.rules.reading import read
from freehold.features.gateway.rules.answer import PPM, answer_json
from freehold.features.models.rules.model import predict
from freehold.features.models.rules.scaling import typical, unit_rows
from freehold.features.training.rules.logistic import GRADIENT_BITS, Recipe, gradient, step
from freehold.features.training.rules.updates import EXACT_BITS
from freehold.quickstart import demo

STEPS = 60
FARTHEST = LOGIT_LIMIT / 1024


def fitted(z, probabilities):
    """Weights (width,) of a logistic model with these probabilities at rows z (rows, width), by Newton's method."""
    weights = np.zeros(z.shape[1])
    small = 1e-7 * np.eye(z.shape[1])
    for _ in range(STEPS):
        now = 1 / (1 + np.exp(-np.clip(z @ weights, -FARTHEST, FARTHEST)))
        slope = z.T @ (now - probabilities) + small @ weights
        curvature = (z * (now * (1 - now))[:, None]).T @ z + small
        move = np.linalg.solve(curvature, slope)
        # no longer than keeps Newton's method from running away where labels alone are known
        weights -= move * min(1.0, 20 / max(np.linalg.norm(move), 1e-12))
    return weights


def questions(scaling, rows, seed=1):
    """Rows (rows, columns) of micro-units about the middle: first it, then a step along each column, then any."""
    mean, scale = (np.array(part, dtype=np.int64) for part in (scaling.mean, scaling.scale))
    moves = np.vstack([np.zeros(len(mean)), np.eye(len(mean)) * 2])
    more = np.random.default_rng(seed).normal(size=(max(0, rows - len(moves)), len(mean)))
    return mean + np.round(np.vstack([moves, more])[:rows] * scale).astype(np.int64)


def stolen(ask, scaling, rows):
    """Weights in the scale of `unit_rows`, from answers to so many rows; `ask` gives probabilities in 0..1."""
    asked = questions(scaling, rows)
    return fitted(unit_rows(asked, scaling) / UNIT, np.array(ask(asked)))


def trained():
    """(weights, scaling, rows of others) of a model on the practice table."""
    with tempfile.TemporaryDirectory() as folder:
        files = demo.write_parts(Path(folder))
        test = read(files.pop("test"), demo.LABEL)
        tables = [read(path, demo.LABEL) for path in files.values()]
    scaling = typical(test)
    features, labels = (np.concatenate([getattr(t, name) for t in tables]) for name in ("features", "labels"))
    z, weights = unit_rows(features, scaling), np.zeros(len(test.columns) + 1, dtype=np.int64)
    recipe = Recipe(60, 1 << 18, 64)
    for _ in range(recipe.rounds):
        weights, _, _ = step(
            weights,
            gradient(z, labels, weights) >> (GRADIENT_BITS - EXACT_BITS),
            len(labels),
            EXACT_BITS,
            recipe,
        )
    return weights, scaling, test.features


def measured(weights, scaling, others, rows, round_to):
    """(relative error of the weights, part of others' rows that the copy labels alike)."""

    def ask(asked):
        outputs = answer_json("model", predict(weights, scaling, asked).tolist(), round_to)["outputs"]
        return [one["probability_ppm"] / PPM for one in outputs]

    copy, real = stolen(ask, scaling, rows), weights / (1 << 16)
    if not round_to:
        # labels say nothing of the weights' length, only of their direction
        copy *= np.linalg.norm(real) / np.linalg.norm(copy)
    error = np.linalg.norm(copy - real) / np.linalg.norm(real)
    z = unit_rows(others, scaling) / UNIT
    return error, float(np.mean((z @ copy >= 0) == (z @ real >= 0)))


def main():
    weights, scaling, others = trained()
    width = len(weights)
    print(
        f"a logistic model of {width - 1} columns; error of the copy's weights, and labels that it says alike"
    )
    print(f"{'answer':>12}" + "".join(f"{f'{rows:,} rows':>22}" for rows in (width, 4 * width, 40 * width)))
    errors = {}
    for round_to in (6, 4, 3, 2, 1, 0):
        said = f"{round_to} decimals" if round_to else "label only"
        cells = [
            measured(weights, scaling, others, rows, round_to) for rows in (width, 4 * width, 40 * width)
        ]
        errors[round_to] = cells[0][0]
        print(f"{said:>12}" + "".join(f"{f'{error:.1%}, {alike:.1%}':>22}" for error, alike in cells))
    if not errors[6] < 0.01 < errors[2] < errors[1]:
        sys.exit("exact answers no longer give the weights away, or rounded ones do")


if __name__ == "__main__":
    main()

"""What nobody could do in earnest: train on rows without noise, in one place or of one owner alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from freehold.features.data.rules.reading import read
from freehold.features.data.rules.table import Table
from freehold.features.models.rules.prediction import probabilities
from freehold.features.models.rules.scaling import typical, unit_rows
from freehold.features.training.rules import expected
from freehold.features.training.rules.logistic import GRADIENT_BITS, Recipe, gradient, step
from freehold.features.training.rules.metrics import right
from freehold.features.training.rules.updates import EXACT_BITS


def pooled_accuracy(parts: Sequence[Path], test: Path, label: str, recipe: dict[str, Any]) -> float:
    """Share of the test rows that a model trained on all parts together gets right, without noise.

    `recipe` is the JSON of the recipe that the model was trained with: its shrinkage is kept, its rounds and
    step are those for no noise.
    """
    tables = [read(path, label) for path in parts]
    together = Table(
        columns=tables[0].columns,
        label=label,
        features=np.concatenate([table.features for table in tables]),
        labels=np.concatenate([table.labels for table in tables]),
    )
    return _accuracy(together, read(test, label, expected=together.columns), recipe)


def best_single_accuracy(parts: Sequence[Path], test: Path, label: str, recipe: dict[str, Any]) -> float:
    """The best share of the test rows that one owner's own model gets right, trained without noise."""
    held_out = read(test, label)
    return max(_accuracy(read(path, label), held_out, recipe) for path in parts)


def _accuracy(table: Table, held_out: Table, recipe: dict[str, Any]) -> float:
    scaling = typical(held_out)
    z, shown = unit_rows(table.features, scaling), unit_rows(held_out.features, scaling)
    free = expected.suggest([table.rows], len(table.columns), None, 5, curvature=expected.curvature(shown))
    made = Recipe(free.rounds, free.learning_rate_q16, recipe["l2_q16"])
    model = np.zeros(z.shape[1], dtype=np.int64)
    for _ in range(made.rounds):
        total = gradient(z, table.labels, model) >> (GRADIENT_BITS - EXACT_BITS)
        model, _, _ = step(model, total, table.rows, EXACT_BITS, made)
    return right(probabilities(model, shown), held_out.labels) / held_out.rows

"""What nobody could do in earnest: pool all rows in one place and train the same recipe on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from freehold.training.logistic import Recipe, train_locally
from freehold.training.statistics import measure, pool, standardise
from freehold.training.table import Table, read
from freehold.training.valuation import correct


def pooled_accuracy(parts: Sequence[Path], test: Path, label: str, recipe: dict[str, Any]) -> float:
    """Share of the test rows that a model trained on all parts together gets right.

    `recipe` is the JSON of the recipe that the model was trained with.
    """
    tables = [read(path, label) for path in parts]
    together = Table(
        columns=tables[0].columns,
        label=label,
        features=np.concatenate([table.features for table in tables]),
        labels=np.concatenate([table.labels for table in tables]),
    )
    held_out = read(test, label, expected=together.columns)
    made = Recipe.from_json(recipe)
    scaling = pool([measure(together)])
    z = standardise(together, scaling)
    models = np.zeros((1, len(together.columns) + 1), dtype=np.int64)
    for _ in range(made.rounds):
        models = train_locally(z, together.labels, models, made)
    return correct(models, standardise(held_out, scaling), held_out.labels)[0] / held_out.rows


def best_single_accuracy(correct_by_coalition: Sequence[int], test_rows: int) -> float:
    """Best share right among the models that one owner alone would have trained."""
    owners = len(correct_by_coalition).bit_length() - 1
    return max(correct_by_coalition[1 << owner] for owner in range(owners)) / test_rows

"""Recipe `logistic-v1`: logistic regression by full-batch gradient descent in whole numbers.

One local step for a model w (Q16, bias last, features z in Q10, labels y):

    p = sigmoid(z w)                          Q16, by table
    g = round(z^T (p - y) / rows) + l2 * w    Q26; the bias is not shrunk
    w = clip(w - round(learning_rate * g))    Q16, |w| <= WEIGHT_LIMIT

An owner trains the models of many coalitions at once; the models are independent columns of one
matrix product. Federated averaging: McMahan et al., 2017, algorithm 1, with full batches.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from freehold.core.errors import InvalidInput
from freehold.training.fixed import (
    FEATURE_BITS,
    FEATURE_LIMIT,
    FEATURE_ONE,
    LOGIT_LIMIT,
    ONE,
    WEIGHT_BITS,
    WEIGHT_LIMIT,
    FloatArray,
    IntArray,
    divide_round,
    magnitude,
    matmul,
    require_exact,
    shift_round,
    sigmoid,
    sigmoid_table,
)
from freehold.training.statistics import Scaling, standardise_rows

NAME = "logistic-v1"
_BOUNDS = {
    "rounds": (1, 1_000),
    "local_steps": (1, 1_000),
    "learning_rate_q16": (1, 16 << 16),
    "l2_q16": (0, 1 << 16),
}
# half a megabyte of logits: two such arrays stay in a core's own cache
_BLOCK_CELLS = 1 << 16


class InvalidRecipe(InvalidInput):
    """A recipe is not `logistic-v1` or has a value out of range."""

    code = "training.recipe"


class InvalidTraining(InvalidInput):
    """Features, labels or models given to training do not fit."""

    code = "training.input"


@dataclass(frozen=True)
class Recipe:
    """All that decides a training run besides data and owners."""

    rounds: int = 20
    """Rounds of local training and averaging, 1 to 1,000."""
    local_steps: int = 10
    """Gradient steps an owner makes in a round, 1 to 1,000."""
    learning_rate_q16: int = 1 << 15
    """Step size, Q16, above 0 and at most 16."""
    l2_q16: int = 131
    """Shrinkage of weights, Q16, 0 to 1; 131 is about 0.002."""

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise InvalidRecipe(f"recipe: {name} must be an integer from {low} to {high}", field=name)

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the recipe's name and integers."""
        return {"name": NAME, **asdict(self)}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidRecipe`."""
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or value.get("name") != NAME or set(value) != {"name", *names}:
            raise InvalidRecipe(f"a recipe needs exactly name '{NAME}', {', '.join(sorted(names))}")
        return cls(**{name: value[name] for name in names})


def train_locally(z: npt.NDArray[np.integer], labels: IntArray, models: IntArray, recipe: Recipe) -> IntArray:
    """Make `recipe.local_steps` steps from each model on one owner's data.

    `z` (rows, columns + 1) Q10 with the bias column, `labels` (rows,), `models`
    (coalitions, columns + 1) Q16; returns new models of the same shape. Raises `InvalidTraining`.
    """
    _check(z, labels, models)
    rows, width = z.shape
    # `_step` adds just over 16.0 to the bias weight, so 17.0 in Q16 bounds the addition
    require_exact(width, FEATURE_LIMIT, WEIGHT_LIMIT + (17 << WEIGHT_BITS))
    require_exact(rows, FEATURE_LIMIT, ONE)
    # sums are exact in any order, so rows may be grouped by label
    parts = [(z[labels == value].astype(np.float64), _residual_table(value)) for value in (0, 1)]
    weights = models.copy()
    for _ in range(recipe.local_steps):
        weights = _step(parts, rows, weights, recipe)
    return weights


def predict(model: IntArray, scaling: Scaling, rows: IntArray) -> IntArray:
    """Q16 probabilities (n,) of micro-unit rows (n, columns) under a model (columns + 1,)."""
    return probabilities(model[np.newaxis, :], standardise_rows(rows, scaling))[:, 0]


def probabilities(models: IntArray, z: npt.NDArray[np.integer]) -> IntArray:
    """Q16 probabilities (rows, models) of standardised rows under models (models, columns + 1)."""
    return sigmoid(matmul(z, models.T))


def _check(z: npt.NDArray[np.integer], labels: IntArray, models: IntArray) -> None:
    if (
        z.ndim != 2
        or models.ndim != 2
        or labels.shape != z.shape[:1]
        or models.shape[1] != z.shape[1]
        or not len(z)
    ):
        raise InvalidTraining("z (rows, width), labels (rows,) and models (coalitions, width) do not fit")
    if any(array.dtype.kind != "i" for array in (z, labels, models)):
        raise InvalidTraining("training takes signed integers only")
    if magnitude(z) > FEATURE_LIMIT or magnitude(models) > WEIGHT_LIMIT or not np.isin(labels, (0, 1)).all():
        raise InvalidTraining("a feature, weight or label is out of range")
    if (z[:, -1] != FEATURE_ONE).any():
        raise InvalidTraining("the last column must be the bias, 1.0 in Q10")


def _residual_table(label: int) -> FloatArray:
    return (sigmoid_table() - label * ONE).astype(np.float64)


def _step(
    parts: list[tuple[FloatArray, FloatArray]], rows: int, weights: IntArray, recipe: Recipe
) -> IntArray:
    gradient = np.zeros(weights.shape)
    # a weight of Q16 times 2^-16 is a multiple of 2^-16: z @ scaled is the Q26 logit / 2^16, exact.
    # The bias feature is 1024, so this bias offset adds 1/2 (rounding) and LOGIT_LIMIT (table index).
    scaled = weights.T.astype(np.float64) * 2.0**-WEIGHT_BITS
    scaled[-1] += (LOGIT_LIMIT + 0.5) / FEATURE_ONE
    block = min(rows, max(64, _BLOCK_CELLS // max(1, len(weights))))
    logits = np.empty((block, len(weights)))
    index = np.empty((block, len(weights)), dtype=np.intp)
    for z, table in parts:
        for start in range(0, len(z), block):
            chunk = z[start : start + block]
            shifted = np.matmul(chunk, scaled, out=logits[: len(chunk)])
            gradient += _residuals(shifted, index[: len(chunk)], table).T @ chunk
    mean = divide_round(gradient.astype(np.int64), rows)
    shrink = shift_round(recipe.l2_q16 * weights, WEIGHT_BITS - FEATURE_BITS)
    shrink[:, -1] = 0
    step = shift_round(recipe.learning_rate_q16 * (mean + shrink), WEIGHT_BITS + FEATURE_BITS)
    result: IntArray = np.clip(weights - step, -WEIGHT_LIMIT, WEIGHT_LIMIT)
    return result


def _residuals(shifted: FloatArray, index: npt.NDArray[np.intp], table: FloatArray) -> FloatArray:
    """Residuals p - y by table, in place of logits that were shifted to be the index plus a fraction.

    After clipping at 0 the cast truncates, which is the floor of the rounding rule. `index` is
    scratch space of the same shape.
    """
    np.clip(shifted, 0.0, 2.0 * LOGIT_LIMIT, out=shifted)
    np.copyto(index, shifted, casting="unsafe")
    return table.take(index, mode="clip", out=shifted)

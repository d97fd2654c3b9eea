"""Recipe `logistic-v2`: logistic regression by full-batch gradient descent in whole numbers.

In each round every owner gives the sum over its rows of one gradient each, at the common model w, and the
model makes one step against the sum of all (y in 0 and 1, z the row as a vector of length at most one):

    g = sum of z (sigmoid(z w) - y)                Q30, by owner
    w = clip(w - rate * (total / rows + l2 * w))   Q16, |w| <= WEIGHT_LIMIT; the bias is not shrunk

One row moves g by at most 2^30 in Euclidean length, whatever the model is: |sigmoid - y| <= 1. Federated
averaging with one local step: McMahan et al., 2017, algorithm 1 (FedSGD).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from freehold.core.errors import InvalidInput
from freehold.core.fixed import (
    LOGIT_LIMIT,
    LOGIT_SHIFT,
    ONE,
    UNIT,
    WEIGHT_LIMIT,
    FloatArray,
    IntArray,
    magnitude,
    require_exact,
    sigmoid_table,
)
from freehold.core.late import np, npt
from freehold.features.training.wire import MAX_ROUNDS

NAME = "logistic-v2"
GRADIENT_BITS = 30
BOUNDS = {"rounds": (1, MAX_ROUNDS), "learning_rate_q16": (1, 1_024 << 16), "l2_q16": (0, 1 << 10)}
# half a megabyte of cells: they stay in a core's own cache
_BLOCK_CELLS = 1 << 16


class InvalidRecipe(InvalidInput, code="training.recipe"):
    """A recipe is not `logistic-v2` or has a value out of range."""


class InvalidTraining(InvalidInput, code="training.input"):
    """Rows, labels or model given to training do not fit."""


@dataclass(frozen=True)
class Recipe:
    """All that decides a training run besides data, owners and noise."""

    rounds: int = 40
    """Steps of the common model, 1 to 200."""
    learning_rate_q16: int = 16 << 16
    """Step size, Q16, above 0 and at most 1,024."""
    l2_q16: int = 33
    """Shrinkage of weights, Q16, at most 1/64; 33 is about 0.0005."""

    def __post_init__(self) -> None:
        for name, (low, high) in BOUNDS.items():
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


def gradient(z: npt.NDArray[np.integer], labels: IntArray, model: IntArray) -> IntArray:
    """The sum of the rows' gradients at `model`, Q30, shape (width,).

    `z` (rows, width) from `unit_rows`, `labels` (rows,), `model` (width,) Q16. Raises `InvalidTraining`.
    """
    _check(z, labels, model)
    require_exact(z.shape[1], UNIT, magnitude(model))
    require_exact(len(z), UNIT, ONE)
    table = sigmoid_table()
    # adding half before the shift rounds; clipping at 0 makes the cast a floor
    scaled = model.astype(np.float64) / (1 << LOGIT_SHIFT)
    total = np.zeros(z.shape[1])
    block = max(1, _BLOCK_CELLS // z.shape[1])
    for start in range(0, len(z), block):
        part: FloatArray = z[start : start + block].astype(np.float64)
        logits = np.clip(part @ scaled + (LOGIT_LIMIT + 0.5), 0.0, 2.0 * LOGIT_LIMIT)
        residuals = table[logits.astype(np.intp)] - labels[start : start + block] * ONE
        total += residuals.astype(np.float64) @ part
    return total.astype(np.int64)


def step(
    model: IntArray, total: IntArray, rows: int, update_bits: int, recipe: Recipe
) -> tuple[IntArray, IntArray, IntArray]:
    """One step against `total`: the next model, and the two parts of the step, all (width,) Q16.

    `total` is the sum of updates in Q(update_bits) over `rows` rows. The parts are what the updates and
    what the shrinkage subtracted, before clipping.
    """
    scale = rows << update_bits
    # Python's integers: rate * total may pass 2^63
    data = np.array(
        [(2 * recipe.learning_rate_q16 * int(one) + scale) // (2 * scale) for one in total], dtype=object
    )
    shrink = np.array(
        [(recipe.learning_rate_q16 * recipe.l2_q16 * int(w) + (1 << 31)) >> 32 for w in model], dtype=object
    )
    shrink[-1] = 0
    following = np.clip(model.astype(object) - data - shrink, -WEIGHT_LIMIT, WEIGHT_LIMIT)
    bound = 4 * WEIGHT_LIMIT
    return (
        following.astype(np.int64),
        np.clip(data, -bound, bound).astype(np.int64),
        shrink.astype(np.int64),
    )


def _check(z: npt.NDArray[np.integer], labels: IntArray, model: IntArray) -> None:
    if z.ndim != 2 or labels.shape != z.shape[:1] or model.shape != z.shape[1:] or not len(z):
        raise InvalidTraining("z (rows, width), labels (rows,) and model (width,) do not fit")
    if any(array.dtype.kind != "i" for array in (z, labels, model)):
        raise InvalidTraining("training takes signed integers only")
    if magnitude(z) > UNIT or magnitude(model) > WEIGHT_LIMIT or not np.isin(labels, (0, 1)).all():
        raise InvalidTraining("a feature, weight or label is out of range")

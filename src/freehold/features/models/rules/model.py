"""What a released model answers, logistic regression in whole numbers, and the hash by which it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rfc8785

from freehold.core.fixed import IntArray, matmul, sigmoid
from freehold.core.ids import sha256_hex
from freehold.core.late import np, npt
from freehold.features.models.rules.scaling import Scaling, unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence


def predict(model: IntArray, scaling: Scaling, rows: IntArray) -> IntArray:
    """Q16 probabilities (n,) of micro-unit rows (n, columns) under a model (columns + 1,)."""
    return probabilities(model, unit_rows(rows, scaling))


def probabilities(model: IntArray, z: npt.NDArray[np.integer]) -> IntArray:
    """Q16 probabilities (rows,) of rows from `unit_rows` under a model (width,)."""
    return sigmoid(matmul(z, model[:, np.newaxis])[:, 0])


def model_hash(model: IntArray, scaling: Scaling, recipe: dict[str, Any], columns: Sequence[str]) -> str:
    """Hash of a released model with all that is needed to use it; `recipe` is how it was trained, as its asset says."""
    context = {"kind": "model", "scaling": scaling.to_json(), "recipe": recipe, "columns": list(columns)}
    return array_hash(context, model)


def array_hash(context: dict[str, Any], array: IntArray) -> str:
    """Hash of whole numbers with what they are."""
    header = rfc8785.dumps({**context, "shape": list(array.shape)})
    numbers = array.astype("<i8").tobytes()
    return sha256_hex(b"freehold/training-array/v1\0" + len(header).to_bytes(8, "big") + header + numbers)

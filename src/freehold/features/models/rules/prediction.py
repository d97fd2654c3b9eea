"""What a released model answers: logistic regression in whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from freehold.core.fixed import IntArray, matmul, sigmoid
from freehold.features.models.rules.scaling import Scaling, unit_rows

if TYPE_CHECKING:
    import numpy.typing as npt


def predict(model: IntArray, scaling: Scaling, rows: IntArray) -> IntArray:
    """Q16 probabilities (n,) of micro-unit rows (n, columns) under a model (columns + 1,)."""
    return probabilities(model, unit_rows(rows, scaling))


def probabilities(model: IntArray, z: npt.NDArray[np.integer]) -> IntArray:
    """Q16 probabilities (rows,) of rows from `unit_rows` under a model (width,)."""
    return sigmoid(matmul(z, model[:, np.newaxis])[:, 0])

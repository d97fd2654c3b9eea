"""A table to practise with: 569 tumour biopsies, 30 measurements each, and whether the tumour was malignant.

Breast Cancer Wisconsin (Diagnostic), by W. Wolberg, W. N. Street and O. Mangasarian, 1995, from the UCI Machine
Learning Repository (https://doi.org/10.24432/C5DW2B), licensed CC BY 4.0. Columns are named as in scikit-learn,
and 1 stands for malignant; nothing else was changed.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from freehold.core.fixed import IntArray

FILE = Path(__file__).with_name("biopsies.csv")


def columns() -> tuple[str, ...]:
    """Names of the 30 measurements."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return tuple(next(csv.reader(file))[:-1])


def table() -> tuple[npt.NDArray[np.float64], IntArray]:
    """Measurements `(569, 30)`, and labels `(569,)`: 1 is malignant."""
    with FILE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([row[:-1] for row in rows], dtype=np.float64), np.array(
        [row[-1] for row in rows], dtype=np.int64
    )

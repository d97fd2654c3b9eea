"""How good a model was on the table that was kept for measuring it, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

PPM = 1_000_000
_Z = 1.959964


@dataclass(frozen=True)
class Scores:
    """Of one model on one table."""

    rows: int
    correct: int
    """Rows it labels rightly; p >= 1/2 counts as 1."""
    majority_correct: int
    """Rows that always answering the commoner label gets right."""
    single_correct: int
    """Rows that the best of the directions gets right into which one owner's updates alone point."""
    auc_ppm: int
    """Chance that a row of label 1 is ranked above one of label 0, in millionths, rounded down."""
    brier_ppm: int
    """Mean squared distance of p from the label, in millionths, rounded down; 250,000 knows nothing."""
    calibration_ppm: int
    """Mean distance, weighed by rows, of mean p from the rate of label 1 in five bins of p; in millionths."""


def interval_bps(right_rows: int, rows: int) -> tuple[int, int]:
    """Wilson's 95 % interval of a rate, in basis points: for people, no rule depends on it."""
    rate, square = right_rows / rows, _Z * _Z / rows
    middle = (rate + square / 2) / (1 + square)
    half = _Z * math.sqrt(rate * (1 - rate) / rows + square / (4 * rows)) / (1 + square)
    return max(0, round((middle - half) * 10_000)), min(10_000, round((middle + half) * 10_000))


def auc_interval_bps(auc: int, positives: int, rows: int) -> tuple[int, int]:
    """95 % interval of an AUC given in millionths (Hanley and McNeil, 1982), in basis points."""
    a, n = auc / PPM, rows - positives
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    spread = a * (1 - a) + (positives - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)
    half = _Z * math.sqrt(max(0.0, spread) / (positives * n))
    return max(0, round((a - half) * 10_000)), min(10_000, round((a + half) * 10_000))

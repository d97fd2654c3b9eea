"""How sure it is how good a model was on the table that was kept for measuring it."""

from __future__ import annotations

import math

PPM = 1_000_000
_Z = 1.959964


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

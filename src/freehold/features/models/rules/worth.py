"""How good a released model and each part of it are, in numbers and in words that all surfaces say alike.

>>> points(31_000)
'± 3.1 points'
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from freehold.core.texts import Share, said

ROWS_ALONE = said(
    "No owner's part can be told from nothing at this noise, so the shares follow the rows alone."
)
_SURE = 2
PPM = 1_000_000
_Z = 1.959964


def points(error_ppm: int) -> str:
    """A standard error of a share, for people."""
    return f"± {error_ppm / 10_000:.1f} points"


def interval(ends_bps: Iterable[int]) -> str:
    """Both ends of a 95 % interval, in per cent."""
    low, high = ends_bps
    return f"{low / 100:.1f} to {high / 100:.1f} %"


def shares(scores: Mapping[str, Any]) -> dict[str, int]:
    """Right answers and what they stand beside, as parts of the test rows."""
    rows = scores["rows"]
    right = {"right": "correct", "majority": "majority_correct", "single": "single_correct"}
    return {name: Share(round(scores[key] * 10_000 / rows)) for name, key in right.items()} | {"rows": rows}


def is_by_rows(contribution: Iterable[Mapping[str, Any]]) -> bool:
    """Whether no value stood out of its noise, so that rows alone decided the shares."""
    parts = list(contribution)
    return bool(parts) and not any(part["value_ppm"] > _SURE * part["error_ppm"] for part in parts)


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

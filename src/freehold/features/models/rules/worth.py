"""What a released model and each part of it are worth, in words that terminal, console and reports say alike.

>>> points(31_000)
'± 3.1 points'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ROWS_ALONE = "No owner's part can be told from nothing at this noise, so the shares follow the rows alone."
_SURE = 2


def points(error_ppm: int) -> str:
    """A standard error of a share, for people."""
    return f"± {error_ppm / 10_000:.1f} points"


def interval(ends_bps: Iterable[int]) -> str:
    """Both ends of a 95 % interval, in per cent."""
    low, high = ends_bps
    return f"{low / 100:.1f} to {high / 100:.1f} %"


def percents(scores: Mapping[str, Any]) -> dict[str, str]:
    """Right answers and what they stand beside, as people read them."""
    rows = scores["rows"]
    return {name: f"{scores[f'{name}_correct'] / rows:.1%}" for name in ("majority", "single")} | {
        "right": f"{scores['correct'] / rows:.1%}",
        "rows": f"{rows:,}",
    }


def is_by_rows(contribution: Iterable[Mapping[str, Any]]) -> bool:
    """Whether no value stood out of its noise, so that rows alone decided the shares."""
    parts = list(contribution)
    return bool(parts) and not any(part["value_ppm"] > _SURE * part["error_ppm"] for part in parts)

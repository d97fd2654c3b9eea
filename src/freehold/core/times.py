"""Spans of time."""

from __future__ import annotations

DAY_SECONDS = 86_400


def whole_days(seconds: int) -> int:
    """A span in days as people choose it: whole, and at least one."""
    return max(1, round(seconds / DAY_SECONDS))

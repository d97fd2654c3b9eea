"""Spans and moments of time."""

from __future__ import annotations

import time

DAY_SECONDS = 86_400


def whole_days(seconds: int) -> int:
    """A span in days as people choose it: whole, and at least one."""
    return max(1, round(seconds / DAY_SECONDS))


def minute(seconds: int) -> str:
    """A moment for people, to the minute.

    >>> minute(0)
    '1970-01-01 00:00 UTC'
    """
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))

"""What was earned day by day: the sum so far, noted at the end of each day that the node runs.

Shares in revenue pools carry no date of their own, so the node notes its total once in a while; a day's
earnings are the difference to the day before. Days are UTC; days without a note earned nothing then, and
what they brought counts on the day it was next noted.
"""

from __future__ import annotations

from dataclasses import dataclass

from freehold.node import earning
from freehold.node.node import Node

DAY_SECONDS = 86_400
KEPT_DAYS = 400
_PREFIX = "earned:"


@dataclass(frozen=True)
class Earned:
    """Money over time, in units."""

    total_units: int
    today_units: int
    month_units: int
    """In the last 30 days, today included."""
    days: tuple[tuple[int, int], ...]
    """(start of the day in Unix seconds, units earned on it) for the last 30 days, oldest first."""


def note(node: Node) -> int:
    """Remember the sum so far as today's; returns it."""
    total = int(earning.overview(node)["earned_units"])
    today = node.now() // DAY_SECONDS
    if node.store.state(_name(today)) != total:
        with node.store.transaction() as tx:
            tx.set(_name(today), total)
            for name in node.store.states(_PREFIX):
                if int(name.removeprefix(_PREFIX)) < today - KEPT_DAYS:
                    tx.delete(name)
    return total


def over_time(node: Node, total_units: int, days: int = 30) -> Earned:
    """The last days, from the notes and the sum as it is now."""
    noted = {
        int(name.removeprefix(_PREFIX)): int(value) for name, value in node.store.states(_PREFIX).items()
    }
    today = node.now() // DAY_SECONDS
    noted[today] = max(total_units, noted.get(today, 0))
    first = today - days + 1
    before = max((day for day in noted if day < first), default=None)
    so_far = noted[before] if before is not None else 0
    daily = []
    for day in range(first, today + 1):
        now = noted.get(day, so_far)
        daily.append((day * DAY_SECONDS, max(0, now - so_far)))
        so_far = max(so_far, now)
    return Earned(total_units, daily[-1][1], sum(units for _, units in daily), tuple(daily))


def _name(day: int) -> str:
    return f"{_PREFIX}{day:08d}"

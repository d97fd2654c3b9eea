"""What Home says was earned, and what is ready to be claimed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from freehold.core.errors import Unavailable
from freehold.core.money import dollars
from freehold.features.earnings import earning
from freehold.features.earnings.ledger import Ledger, Move
from freehold.kernel.feature import Reminder
from freehold.kernel.host import Host
from freehold.kernel.web import words
from freehold.kernel.web.charts import Point

DAYS = 30
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Made:
    """Money earned, in units."""

    total_units: int
    today_units: int
    month_units: int
    """In the last `DAYS` days, today included."""
    points: list[Point]
    """In all, by the end of each of those days."""


def earned(moves: list[Move], total_units: int, now: int) -> Made:
    """What came in over the last days; `now` is Unix seconds, days are UTC."""
    today = now // DAY_SECONDS
    by_day: dict[int, int] = defaultdict(int)
    for move in moves:
        if move.kind != "claim":
            by_day[move.at // DAY_SECONDS] += move.units
    days = range(today - DAYS + 1, today + 1)
    month = sum(by_day[day] for day in days)
    so_far, points = total_units - month, []
    for day in days:
        so_far += by_day[day]
        points.append((words.date(day * DAY_SECONDS), so_far, dollars(so_far)))
    return Made(total_units, by_day[today], month, points)


def look(host: Host) -> Made | None:
    """What came in; None where the network does not answer."""
    with suppress(Unavailable):
        money = earning.overview(host.node)
        return earned(host.part(Ledger).moves(), money["earned_units"], host.node.now())
    return None


def remind(host: Host) -> Iterator[Reminder]:
    """Money to collect."""
    with suppress(Unavailable):
        if units := earning.overview(host.node)["claimable_units"]:
            yield Reminder(f"{dollars(units)} of your earnings is ready to claim.", "/earnings", "Claim")

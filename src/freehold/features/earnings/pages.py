"""Earnings: what came in, by what and when, also on Home; what can be claimed; and by what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from freehold.core.errors import Unavailable
from freehold.core.money import dollars
from freehold.core.texts import Units, said
from freehold.core.times import DAY_SECONDS
from freehold.features.earnings import earning
from freehold.features.earnings.ledger import Ledger, Move
from freehold.kernel.feature import Reminder
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, thing_name
from freehold.kernel.web import charts
from freehold.kernel.web.charts import Chart, Point
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows

DAYS = 30
MOST_CLAIMS = 50


@dataclass(frozen=True)
class Made:
    """Money earned, in units."""

    total_units: int
    today_units: int
    month_units: int
    """In the last `DAYS` days, today included."""
    over_time: Chart
    """In all, by the end of each of those days."""


def earned(moves: list[Move], total_units: int, now: int) -> Made:
    """What came in over the last days; `now` is Unix seconds, days are UTC."""
    today = now // DAY_SECONDS
    by_day: dict[int, int] = defaultdict(int)
    for move in moves:
        if move.kind != "claim":
            by_day[move.at // DAY_SECONDS] += move.units
    # each move is rounded down by itself, and the sum is not
    dust = total_units - sum(by_day.values())
    if 0 < dust <= len(moves) and by_day:
        by_day[max(by_day)] += dust
    days = range(today - DAYS + 1, today + 1)
    month = sum(by_day[day] for day in days)
    so_far = total_units - month
    points: list[Point] = []
    for day in days:
        so_far += by_day[day]
        points.append((charts.label(day), Units(so_far)))
    chart = Chart(said("Earned so far"), _period(), points, "area", Units(total_units))
    return Made(total_units, by_day[today], month, chart)


def _period() -> str:
    return said("In the last {n} days", n=DAYS)


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


def overview(visit: Visit) -> Response:
    """What came in."""
    node = visit.node
    try:
        found = earning.overview(node)
        moves = visit.host.part(Ledger).moves()
    except Unavailable as error:
        return visit.show("earnings.html", 503, away=error)
    today = node.now() // DAY_SECONDS
    made = earned(moves, found["earned_units"], node.now())
    by_day = [(move.at // DAY_SECONDS, move.units) for move in moves if move.kind != "claim"]
    return visit.show(
        "earnings.html",
        away=None,
        found=found,
        recent_units=made.month_units,
        over_time=made.over_time,
        by_day=Chart(
            said("Earned, by day"),
            _period(),
            charts.by_day(by_day, today, DAYS),
            "bars",
            Units(made.month_units),
        ),
        by_thing=_by_thing(node, found),
        claims=_claims(node, moves),
        days=DAYS,
    )


def _by_thing(node: Node, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Datasets whose access was sold and models shared in, the largest first."""
    sold: dict[str, dict[str, Any]] = {}
    for row in found["grants"]:
        one = sold.setdefault(
            row["asset"],
            {"id": row["asset"], "name": row["asset_name"], "kind": "data", "units": 0, "note": 0},
        )
        one["units"] += row["price_units"]
        one["note"] += 1
    shared = [
        {
            **row,
            "id": row["asset"],
            "kind": "models",
            "units": row["claimable_units"] + row["claimed_units"],
            "share_bps": row["shares"],
            "owner": name_of(node, row["owner"]),
        }
        for row in found["models"]
    ]
    return sorted([*sold.values(), *shared], key=lambda row: -int(row["units"]))


def _claims(node: Node, moves: list[Move]) -> list[dict[str, Any]]:
    found = [move for move in moves if move.kind == "claim"][-MOST_CLAIMS:]
    return [{"move": move, "name": thing_name(node, move.asset)} for move in found[::-1]]


def ask_claim(visit: Visit) -> Response:
    """What claiming does."""
    found = earning.overview(visit.node)
    pools = [row for row in found["models"] if row["claimable_units"]]
    return visit.show("claim.html", units=found["claimable_units"], pools=pools)


def claim(visit: Visit) -> Response:
    """Move what can be claimed into the wallet."""
    done = earning.claim(visit.node)
    if not done["units"]:
        return visit.go("/earnings", "There was nothing to claim.", "warn")
    return visit.go("/earnings", f"{dollars(done['units'])} moved to your wallet.")


PAGES = [
    shows("/earnings", overview),
    shows("/earnings/claim", ask_claim, needs=Power.PAY),
    acts("/earnings/claim", claim, needs=Power.PAY, words=said("Collected earnings")),
]

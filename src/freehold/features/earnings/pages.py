"""Earnings: what came in, by what and when; what can be claimed; and by what."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from starlette.responses import Response

from freehold.core.errors import Unavailable
from freehold.core.money import dollars
from freehold.features.earnings import earning
from freehold.features.earnings.ledger import Ledger, Move
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, thing_name
from freehold.kernel.web import charts
from freehold.kernel.web.charts import Point
from freehold.kernel.web.visit import Visit, acts, shows

DAYS = 30
_DAY_SECONDS = 86_400
MOST_CLAIMS = 50


def overview(visit: Visit) -> Response:
    """What came in."""
    node = visit.node
    try:
        found = earning.overview(node)
        moves = visit.host.part(Ledger).moves()
    except Unavailable as error:
        return visit.show("earnings.html", 503, away=error)
    today = node.now() // _DAY_SECONDS
    earned = [move for move in moves if move.kind != "claim"]
    recent = [move for move in earned if move.at // _DAY_SECONDS > today - DAYS]
    return visit.show(
        "earnings.html",
        away=None,
        found=found,
        recent_units=sum(move.units for move in recent),
        over_time=_running(earned, today),
        by_day=charts.by_day([(move.at // _DAY_SECONDS, move.units) for move in recent], today, DAYS),
        by_thing=_by_thing(node, found),
        claims=_claims(node, moves),
        days=DAYS,
        first_day=(today - DAYS + 1) * _DAY_SECONDS,
        last_day=today * _DAY_SECONDS,
    )


def _running(earned: list[Move], today: int) -> list[Point]:
    """Earned in all, at the end of each of the last days."""
    per_day: dict[int, int] = defaultdict(int)
    for move in earned:
        per_day[move.at // _DAY_SECONDS] += move.units
    total = sum(units for day, units in per_day.items() if day <= today - DAYS)
    points = []
    for day in range(today - DAYS + 1, today + 1):
        total += per_day.get(day, 0)
        points.append((charts.day_label(day), total, dollars(total)))
    return points


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
            "id": row["asset"],
            "name": row["name"],
            "kind": "models",
            "units": row["claimable_units"] + row["claimed_units"],
            "claimable_units": row["claimable_units"],
            "unsettled_units": row["unsettled_units"],
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
    shows("/earnings/claim", ask_claim),
    acts("/earnings/claim", claim),
]

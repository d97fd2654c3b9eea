"""What an asset brought: access sold, shares in models, month by month; on its page."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import Unavailable
from freehold.core.texts import Month, Units, said
from freehold.features.earnings import earning
from freehold.features.earnings.ledger import Ledger, Move
from freehold.kernel.people import name_of
from freehold.kernel.web.charts import Chart, Point
from freehold.kernel.web.places import Section
from freehold.kernel.web.visit import Visit

MONTHS = 12


def sold(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What access to a dataset brought, and the models that hold it."""
    try:
        moves = visit.host.part(Ledger).moves()
        models = earning.models(visit.node)
    except Unavailable:
        return {"away": True}
    own = [move for move in moves if move.asset == asset.id and move.kind == "grant"]
    shares = [
        {**row, "owner_name": name_of(visit.node, row["owner"])}
        for row in models
        if any(one.asset == asset.id for one in visit.node.asset(row["asset"]).derived_from)
    ]
    return {
        "away": False,
        "units": sum(move.units for move in own),
        "times": len(own),
        "chart": _by_month(visit, own, said("Access sold, by month")),
        "shares": shares,
    }


def shared(visit: Visit, asset: Asset) -> dict[str, Any] | None:
    """What a share in a model brought; left out for who has none."""
    try:
        row = next((one for one in earning.models(visit.node, asset.id) if one["asset"] == asset.id), None)
        moves = visit.host.part(Ledger).moves() if row else []
    except Unavailable:
        return {"away": True}
    if row is None:
        return None
    own = [move for move in moves if move.asset == asset.id and move.kind == "share"]
    return {"away": False, "row": row, "chart": _by_month(visit, own, said("Your part of it, by month"))}


def _by_month(visit: Visit, moves: list[Move], title: str) -> Chart:
    now = datetime.fromtimestamp(visit.node.now(), UTC)
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for move in moves:
        at = datetime.fromtimestamp(move.at, UTC)
        sums[at.year, at.month] += move.units
    points: list[Point] = []
    for back in range(MONTHS - 1, -1, -1):
        year, month = divmod(now.year * 12 + now.month - 1 - back, 12)
        first = Month(datetime(year, month + 1, 1, tzinfo=UTC).timestamp())
        points.append((first, Units(sums[year, month + 1])))
    return Chart(
        title,
        said("In the last {n} months", n=MONTHS),
        points,
        "bars",
        Units(sum(amount for _, amount in points)),
    )


SECTIONS = (
    Section(("dataset",), "money", "asset_sold.html", sold, 10, "own"),
    Section(("model",), "money", "asset_share.html", shared, 5),
)

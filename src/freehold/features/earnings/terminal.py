"""What came in and what is yours of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.core.ids import short
from freehold.core.money import dollars
from freehold.features.earnings import wire
from freehold.kernel.cli.output import percent, table


def _earnings(answer: dict[str, Any]) -> Iterable[Any]:
    if answer["grants"]:
        sold = (
            (short(row["grant"]), row["asset_name"], short(row["holder"]), dollars(row["price_units"]))
            for row in answer["grants"]
        )
        yield table(("grant", "sold for", "to", "price"), sold, right=("price",))
    if answer["models"]:
        rows = (
            (
                row["name"],
                percent(row["shares"] * 10_000 // row["total_shares"]),
                *(dollars(row[f"{name}_units"]) for name in ("revenue", "unsettled", "claimable", "claimed")),
            )
            for row in answer["models"]
        )
        names = ("model", "your share", "revenue", "unsettled", "claimable", "claimed")
        yield table(names, rows, right=names[1:])
    yield f"earned  {dollars(answer['earned_units'])}: {dollars(answer['sold_units'])} for grants, {dollars(answer['claimed_units'])} claimed, {dollars(answer['claimable_units'])} to claim"
    if answer["lost_units"]:
        yield f"lost    {dollars(answer['lost_units'])} promised by buyers that withdrew before it was settled"
    yield f"wallet  {dollars(answer['balance_units'])}"


def _claims(answer: dict[str, Any]) -> Iterable[Any]:
    for row in answer["claims"]:
        yield f"model {short(row['asset'])}: {dollars(row['units'])} ({row['gas']:,} gas)"
    yield f"claimed {dollars(answer['units'])}" if answer["claims"] else "nothing to claim yet"


VIEWS = {wire.EARNINGS: _earnings, wire.CLAIM: _claims}

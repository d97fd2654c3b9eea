"""What came in and what is yours of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.kernel.cli.options import DEFAULT_HOME, Home, Json
from freehold.kernel.cli.output import emit, percent, table
from freehold.kernel.client import NodeClient


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("earnings")(earnings)
    app.command("claim")(claim)


def earnings(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show what grants and models earned this node."""
    answer = NodeClient.of(home).get("/api/earnings")
    emit(answer, lambda: _earnings(answer), as_json=as_json)


def claim(
    model: Annotated[str | None, typer.Argument(help="One model only; by default all.")] = None,
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Move your share of revenue to your wallet."""
    answer = NodeClient.of(home).post("/api/claim", {} if model is None else {"model": model})
    emit(answer, lambda: _claims(answer), as_json=as_json)


def _earnings(answer: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

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
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    for row in answer["claims"]:
        yield f"model {short(row['asset'])}: {dollars(row['units'])} ({row['gas']:,} gas)"
    yield f"claimed {dollars(answer['units'])}" if answer["claims"] else "nothing to claim yet"

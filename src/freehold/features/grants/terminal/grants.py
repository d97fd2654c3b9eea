"""Grants: list, ask for one, take one back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.features.grants.terminal import requests
from freehold.kernel.cli.allowing import Max
from freehold.kernel.cli.options import DEFAULT_HOME, Home, Json, units
from freehold.kernel.cli.output import day, emit, table
from freehold.kernel.client import NodeClient


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="Permissions to use data and models: yours and others'.")
    group.command("list")(list_grants)
    group.command("ask")(ask)
    group.command("revoke")(revoke)
    requests.add(group)
    app.add_typer(group, name="grants")


def list_grants(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the grants that this node issued or holds."""
    answer = NodeClient.of(home).get("/api/grants")
    emit(answer, lambda: _table(answer["grants"]), as_json=as_json)


def ask(
    asset: Annotated[str, typer.Argument(help="Id of the asset, in full or its first digits.")],
    *,
    action: Annotated[
        str, typer.Option(help="What it is to allow; training asks for its own grants.")
    ] = "infer",
    purpose: Annotated[
        str | None, typer.Option(help="One of the asset's purposes; by default its first.")
    ] = None,
    max_uses: Annotated[int | None, typer.Option(help="Fewer uses than the terms allow.", min=1)] = None,
    spend_cap: Annotated[
        str | None, typer.Option(help="Most to spend under this grant.", metavar="DOLLARS")
    ] = None,
    most: Max = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Get a grant for an asset, paying its price if it has one.

    Where the owner decides by hand, the request waits and nothing is paid; asking again is the same request.
    """
    node = NodeClient.of(home)
    wanted = {
        "action": action,
        "purpose": purpose,
        "max_uses": max_uses,
        "spend_cap_units": units(spend_cap),
        "at_most_units": units(most),
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    answer = node.post("/api/grants", {"asset": asset, **given})
    emit(
        answer,
        lambda: requests.said(answer["asked"]) if "status" in answer else [f"granted: {answer['id']}"],
        as_json=as_json,
    )


def revoke(
    grant: Annotated[str, typer.Argument(help="Id of a grant issued here.")],
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Take a grant back.

    Denied here at once, said in the log, which is anchored with it, and shown to everybody by one bit on chain.
    What was trained before stays trained.
    """
    node = NodeClient.of(home)
    answer = node.post(f"/api/grants/{grant}/revoke")
    emit(answer, lambda: [f"revoked: {answer['grant']} ({answer['gas']:,} gas)"], as_json=as_json)


def _table(grants: list[dict[str, Any]]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    if not grants:
        return ["no grants yet; publish a dataset, or ask for one: freehold grants ask ASSET"]
    rows = (
        (
            short(grant["id"]),
            "issued" if grant["issued"] else "held",
            grant["asset_name"] or short(grant["asset"]),
            short(grant["holder"] if grant["issued"] else grant["issuer"]),
            "train" if "train" in grant["actions"] else ", ".join(grant["actions"]),
            f"{grant['uses']}/{grant['max_uses']}",
            f"{dollars(grant['price_units'])}/{grant['price_per']}",
            day(grant["expires_at"]),
            "revoked" if grant["revoked"] else "stands",
        )
        for grant in grants
    )
    names = ("grant", "side", "asset", "other party", "for", "uses", "price", "until", "state")
    return [table(names, rows, right=("uses", "price"))]

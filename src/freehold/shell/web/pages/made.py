"""Everything that this node made, of any kind, in one list."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core.documents import Asset
from freehold.core.texts import Day, said
from freehold.kernel import listed, uses
from freehold.kernel.host import Host
from freehold.kernel.listed import Standing, Stands
from freehold.kernel.registry import everything
from freehold.kernel.store import OFF_OFFER
from freehold.kernel.web.tables import Column, Empty, Filter, Found, Link, Table, Tag, Wanted, decimal, moment
from freehold.kernel.web.visit import Visit, shows
from freehold.kernel.words import asset_kinds

_OPEN = "public AND expires_at > ? AND NOT EXISTS (SELECT 1 FROM state WHERE state.name = ? || assets.id)"
_STATES = (("open", said("not ended")), ("over", said("ended, or taken off offer")))


def overview(visit: Visit) -> Response:
    """One list of all."""
    return visit.show("assets.html", listed=_table(visit).shown(visit))


def _table(visit: Visit) -> Table:
    kinds = [(name, kind.noun or name) for name, kind in sorted(asset_kinds().items())]
    return Table(
        said("Everything that this node made"),
        (
            Column("name", said("Name"), show=_named, csv=lambda row: row["name"], sort=True),
            Column("kind", said("Kind"), show=lambda row: row["kind_name"]),
            Column("state", said("State"), show=_state, csv=lambda row: row["state"] and row["state"][0]),
            Column("uses", said("Uses"), show=lambda row: said("{n}", n=row["uses"]), align="end"),
            Column("units", said("Money"), show="money", csv=lambda row: decimal(row["units"]), align="end"),
            Column(
                "created",
                said("When"),
                show=lambda row: Day(row["at"]),
                csv=lambda row: moment(row["at"]),
                sort=True,
            ),
        ),
        partial(_load, visit.host),
        search=said("Name, description or column"),
        filters=(
            Filter("kind", said("Kind"), said("every kind"), kinds),
            Filter("state", said("State"), said("any"), _STATES),
        ),
        empty=Empty(
            said("You have not made anything yet"),
            said("Publish a table that others may train on, or train a model on theirs."),
            "/publish",
            said("Publish a table"),
        ),
    )


def _named(row: dict[str, Any]) -> Link:
    version = said("version {n}", n=row["version"]) if row["version"] > 1 else ""
    return Link(f"/assets/{row['id']}", row["name"], version)


def _state(row: dict[str, Any]) -> Tag | None:
    return Tag(*row["state"]) if row["state"] else None


def _load(host: Host, wanted: Wanted) -> Found[dict[str, Any]]:
    node = host.node
    selection = listed.among_assets(node, owner=node.account, kind=wanted.filter("kind"))
    if state := wanted.filter("state"):
        selection = selection.only(_OPEN if state == "open" else f"NOT ({_OPEN})", node.now(), OFF_OFFER)
    found = listed.page_of_assets(node, selection, wanted)
    stands: dict[str, Standing] = {}
    for answer in everything().ask(host, Stands(tuple(found.rows))):
        stands |= answer
    return found.map(lambda asset: _row(host, asset, stands.get(asset.id)))


def _row(host: Host, asset: Asset, stands: Standing | None) -> dict[str, Any]:
    known = asset_kinds().get(asset.asset_kind)
    return {
        "id": asset.id,
        "name": asset.name,
        "version": asset.asset_version,
        "kind": asset.asset_kind,
        "kind_name": (known and known.noun) or asset.asset_kind,
        "state": stands.state if stands else None,
        "uses": uses.total(host.node, asset.id)[0],
        "units": stands.units if stands else None,
        "at": asset.created_at,
    }


PAGES = [shows("/assets", overview)]

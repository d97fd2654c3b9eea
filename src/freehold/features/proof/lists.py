"""The log's entries, and the models whose making can be looked at, a page at a time."""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Asset
from freehold.kernel import listed, selecting
from freehold.kernel.host import Host
from freehold.kernel.people import name_of
from freehold.kernel.selecting import Found, Selection, Wanted

ENTRIES = Selection("position, id, type, kind", "documents", "position", ("position IS NOT NULL",))


def entries(host: Host, wanted: Wanted) -> Found[dict[str, Any]]:
    """Entries of this party's log, the newest first: position, id, type, kind."""
    chosen = ENTRIES.only("type = ?", wanted.filter("type")) if wanted.filter("type") else ENTRIES
    names = ("position", "id", "type", "kind")
    return selecting.page(host.node.store, chosen, wanted).map(lambda row: dict(zip(names, row, strict=True)))


def models(host: Host, wanted: Wanted, *, mine: bool | None = None) -> Found[dict[str, Any]]:
    """Models that are known here, the newest first: all, those of this node, or those of others."""
    node = host.node

    def row(asset: Asset) -> dict[str, Any]:
        return {
            "id": asset.id,
            "name": asset.name,
            "mine": asset.owner == node.account,
            "owner_name": name_of(node, asset.owner),
            "created_at": asset.created_at,
        }

    chosen = listed.among_assets(node, kind="model", owner=node.account if mine else "", others=mine is False)
    return listed.page_of_assets(node, chosen, wanted).map(row)

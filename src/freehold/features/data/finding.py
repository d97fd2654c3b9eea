"""Finding assets, here and in the catalogues of peers, and showing them in lists."""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.features.data.approval import approval_of
from freehold.features.identity import peers
from freehold.kernel import assets, listed
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.people import known_as

PAGE = 100
"""Assets of a list, where nothing else is said."""


def find(host: Host, text: str, kind: str = "") -> str:
    """The id of an asset by shortened id or by name; looks at the peers' catalogues where it is unknown.

    Raises:
        NotFound, Ambiguous.
    """
    try:
        return assets.find(host.node, text, kind)
    except NotFound:
        peers.refresh(host)
        return assets.find(host.node, text, kind)


def search(node: Node, text: str, kind: str, *, limit: int = PAGE, before: str = "") -> list[dict[str, Any]]:
    """The newest known assets that mention `text`, newest last, with their owners' names; older ones with `before`."""
    found = listed.assets(node, text=text, kind=kind, limit=limit, before=before)
    return [describe(node, asset) for asset in found[::-1]]


def describe(node: Node, asset: Asset) -> dict[str, Any]:
    """One asset as lists show it."""
    return {
        "id": asset.id,
        "kind": asset.asset_kind,
        "name": asset.name,
        "description": asset.description,
        "owner": asset.owner,
        "owner_name": known_as(node, asset.owner),
        "rows": asset.schema_.get("rows"),
        "columns": asset.schema_.get("columns"),
        "label": asset.schema_.get("label"),
        "subject": asset.schema_.get("subject"),
        "rows_each": asset.schema_.get("rows_each", 1),
        "reveals": asset.terms.reveals,
        "epsilon_run_micro": asset.terms.epsilon_run_micro,
        "epsilon_life_micro": asset.terms.epsilon_life_micro,
        "price_units": asset.terms.price_units,
        "price_per": asset.terms.price_per,
        "per": asset.terms.per,
        "rows_per_call": asset.terms.rows_per_call,
        "round_to": asset.terms.round_to,
        "expires_at": asset.terms.expires_at,
        "approval": approval_of(node, asset.id),
        "mine": asset.owner == node.account,
    }

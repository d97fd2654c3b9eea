"""Finding assets, here and in the catalogues of peers, and showing them in lists."""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.features.data import schemas
from freehold.features.data.offering import is_offered, who_decides
from freehold.features.data.wire import PAGE, AssetRow
from freehold.features.identity import peers
from freehold.kernel import listed
from freehold.kernel.host import Host
from freehold.kernel.listed import Page
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.shape import alike
from freehold.kernel.words import asset_kinds


def find(host: Host, text: str, kind: str = "") -> str:
    """The id of an asset by shortened id or name, also of one that peers offer. Raises NotFound, Ambiguous."""
    try:
        return listed.find(host.node, text, kind)
    except NotFound:
        peers.refresh(host)
        return listed.find(host.node, text, kind)


def search(node: Node, text: str, kind: str, *, limit: int = PAGE, before: str = "") -> Page[dict[str, Any]]:
    """The newest on offer that mention `text`, newest last, with their owners' names; older ones with `before`."""
    found = listed.assets(node, text=text, kind=kind, offered=True, limit=limit, before=before)
    return Page((describe(node, asset) for asset in found[::-1]), found.earlier)


def require_known(node: Node, kind: str) -> None:
    """Some asset of a kind is known here, or the program knows what it is. Raises NotFound."""
    if kind and kind not in asset_kinds() and not listed.assets(node, kind=kind, limit=1):
        known = " and ".join(sorted(asset_kinds()))
        raise NotFound(
            said("no asset of that kind is known here"),
            hint=said("Known kinds are {known}.", known=known),
            field="kind",
        )


def own_and_others(node: Node, kind: str) -> list[Asset]:
    """The newest of a kind that are this node's, and before them the newest of others, as many of each."""
    others = listed.assets(node, kind=kind, others=True, limit=PAGE)
    own = listed.assets(node, kind=kind, owner=node.account)
    return [*others[::-1], *own[::-1]]


def own(node: Node, *, limit: int, before: str = "") -> Page[dict[str, Any]]:
    """The newest of this node's assets, on offer or not, newest last; older ones with `before`."""
    found = listed.assets(node, owner=node.account, limit=limit, before=before)
    rows = (
        {**describe(node, asset), "version": asset.asset_version, "offered": is_offered(node, asset.id)}
        for asset in found[::-1]
    )
    return Page(rows, found.earlier)


def describe(node: Node, asset: Asset) -> dict[str, Any]:
    """One asset as lists show it."""
    return {
        **alike(AssetRow, asset.terms, asset, schemas.said(asset)),
        "id": asset.id,
        "kind": asset.asset_kind,
        "owner_name": known_as(node, asset.owner),
        **who_decides(node, asset.id),
        "mine": asset.owner == node.account,
    }

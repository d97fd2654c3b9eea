"""Assets by words of what they say of themselves, this node's own and others'."""

from __future__ import annotations

from freehold.core.documents import Asset
from freehold.core.texts import said
from freehold.kernel import listed
from freehold.kernel.people import name_of
from freehold.kernel.selecting import Wanted
from freehold.kernel.web.places import Hit
from freehold.kernel.web.visit import Visit
from freehold.kernel.words import asset_kinds


def search(visit: Visit, words: tuple[str, ...], most: int) -> list[Hit]:
    """The newest that mention every word, this node's before others'."""
    node = visit.node
    found: list[Asset] = []
    for chosen in (listed.among_assets(node, owner=node.account), listed.among_assets(node, others=True)):
        found += listed.page_of_assets(node, chosen, Wanted(words, limit=most)).rows
    return [
        Hit(
            asset.name,
            known.noun if (known := asset_kinds().get(asset.asset_kind)) and known.noun else asset.asset_kind,
            f"/assets/{asset.id}",
            said("yours")
            if asset.owner == node.account
            else said("of {who}", who=name_of(node, asset.owner)),
        )
        for asset in found[:most]
    ]

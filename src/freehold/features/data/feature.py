"""Data: a table is looked at, sealed, published on its owner's terms, and found by others."""

from __future__ import annotations

from freehold.features.data import publishing
from freehold.features.data.approval import approval_of
from freehold.features.data.once import ONCE
from freehold.features.data.pages import data, market, publish
from freehold.kernel.feature import Feature, MenuEntry
from freehold.kernel.node import Node


def _catalogue(node: Node) -> dict[str, object]:
    offered = publishing.catalogue(node)
    ids = (one.document.id for one in offered)
    return {
        "assets": [one.to_json() for one in offered],
        "asks_first": [asset_id for asset_id in ids if approval_of(node, asset_id) == "ask"],
    }


FEATURE = Feature(
    name="data",
    about="A table is looked at, sealed, published on its owner's terms, and found by others.",
    needs=("identity", "privacy"),
    once=ONCE,
    catalogue=(_catalogue,),
    pages=(*data.PAGES, *publish.PAGES, *market.PAGES),
    menu=(MenuEntry("/data", "My data", 10), MenuEntry("/market", "Market", 60)),
)

"""Data: a table is looked at, sealed, published on its owner's terms, and found by others."""

from __future__ import annotations

from freehold.features.data import publishing
from freehold.features.data.pages import data, market, publish
from freehold.kernel.feature import Feature, MenuEntry

FEATURE = Feature(
    name="data",
    about="A table is looked at, sealed, published on its owner's terms, and found by others.",
    needs=("identity", "privacy"),
    catalogue=(lambda node: {"assets": [one.to_json() for one in publishing.catalogue(node)]},),
    pages=(*data.PAGES, *publish.PAGES, *market.PAGES),
    menu=(MenuEntry("/data", "My data", 10), MenuEntry("/market", "Market", 60)),
)

"""Data: a table is looked at, sealed, published on its owner's terms, and found by others."""

from __future__ import annotations

from freehold.features.data import catalogue, finding, publishing
from freehold.features.data.once import ONCE
from freehold.features.data.pages import market, publish, usual
from freehold.features.identity.peers import CatalogueRead, PeerReplaced
from freehold.kernel.assets import Shown
from freehold.kernel.feature import Card, Feature, MenuEntry

FEATURE = Feature(
    name="data",
    about="A table is looked at, sealed, published on its owner's terms, and found by others.",
    needs=("identity", "privacy"),
    once=ONCE,
    catalogue=(catalogue.said,),
    finders={
        "asset": finding.find,
        "dataset": lambda host, text: finding.find(host, text, "dataset"),
        "model": lambda host, text: finding.find(host, text, "model"),
    },
    listens={CatalogueRead: catalogue.keep, PeerReplaced: catalogue.forget_offers},
    answers={Shown: lambda node, question: finding.describe(node, question.asset)},
    cards=(
        Card("home_start.html", lambda host: publishing.has_published(host.node), -10),
        Card("settings_usual.html", usual.look, 10, "/settings"),
    ),
    pages=(*publish.PAGES, *market.PAGES, *usual.PAGES),
    menu=(MenuEntry("/market", "Market", 60),),
)

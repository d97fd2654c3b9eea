"""Identity: parties, and the peers where they are met."""

from __future__ import annotations

from freehold.features.identity import pages
from freehold.kernel.feature import Card, Feature

FEATURE = Feature(
    name="identity",
    about="Parties, and the peers where they are met.",
    pages=tuple(pages.PAGES),
    cards=(Card("settings_peers.html", pages.look, 20, "/settings"),),
)

"""Identity: parties, and the peers where they are met."""

from __future__ import annotations

from freehold.features.identity import pages, peers, wire
from freehold.kernel.feature import Card, Feature

FEATURE = Feature(
    name="identity",
    about="Parties, and the peers where they are met.",
    operations=(
        wire.MEET.does(lambda host, asked: {"party": peers.add(host, asked.url)}),
        wire.PEERS.does(lambda host, _: {"peers": peers.overview(host.node)}),
        wire.FORGET.does(lambda host, asked: peers.forget(host.node, asked.url)),
    ),
    pages=tuple(pages.PAGES),
    cards=(Card("settings_peers.html", lambda host: peers.overview(host.node), 20, "/settings"),),
)

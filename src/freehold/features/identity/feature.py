"""Identity: parties, and the peers where they are met."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.features.identity import pages, peers, wire
from freehold.kernel.feature import Aim, Feature, FirstStep
from freehold.kernel.web.places import Place, Tab

FEATURE = Feature(
    name="identity",
    about="Parties, and the peers where they are met.",
    operations=(
        wire.MEET.does(lambda host, asked: {"party": peers.add(host, asked.url)}),
        wire.PEERS.does(lambda host, _: {"peers": peers.overview(host.node)}),
        wire.FORGET.does(lambda host, asked: peers.forget(host.node, asked.url)),
    ),
    pages=pages.PAGES,
    searches=(pages.search,),
    tabs=(Tab(Place.MARKET, "/market/nodes", said("Nodes"), 30),),
    first_steps=(
        FirstStep(
            (Aim.SHARE, Aim.BUILD, Aim.BUY),
            30,
            said("Add the address of another node, to see what it offers."),
            "/market/nodes",
            said("Add a node"),
            lambda host: bool(peers.known(host.node)),
        ),
    ),
)

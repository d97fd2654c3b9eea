"""Identity: parties, and the peers where they are met."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core.texts import said
from freehold.features.identity import peers, wire
from freehold.kernel.feature import Card, Feature
from freehold.kernel.web.visit import Visit, acts


def _meet(visit: Visit) -> Response:
    party = peers.add(visit.host, visit.form.text("url", 300))
    return visit.go(
        "/settings", said("Connected to {name}. Its offers are in your catalogue now.", name=party["name"])
    )


def _forget(visit: Visit) -> Response:
    gone = peers.forget(visit.node, visit.form.text("url", 400))
    if gone["until_restart"]:
        return visit.go("/settings", said("Removed. It is gone from the list after the next start."))
    return visit.go("/settings", said("Removed. Your node no longer looks at what it offers."))


FEATURE = Feature(
    name="identity",
    about="Parties, and the peers where they are met.",
    operations=(
        wire.MEET.does(lambda host, asked: {"party": peers.add(host, asked.url)}),
        wire.PEERS.does(lambda host, _: {"peers": peers.overview(host.node)}),
        wire.FORGET.does(lambda host, asked: peers.forget(host.node, asked.url)),
    ),
    pages=(
        acts("/settings/peers", _meet, words=said("Connected to another node"), back="/settings"),
        acts("/settings/peers/forget", _forget, words=said("Removed another node"), back="/settings"),
    ),
    cards=(Card("settings_peers.html", lambda host: peers.overview(host.node), 20, "/settings"),),
)

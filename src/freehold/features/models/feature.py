"""Models: released with shares for those whose data made them, and a pool that nobody can redirect."""

from __future__ import annotations

from freehold.features.models import pages, releasing, shown, wire
from freehold.features.models.once import ONCE
from freehold.kernel.feature import Action, Feature, MenuEntry, PeerCall
from freehold.kernel.host import Host
from freehold.kernel.recurring import PAYMENTS_SECONDS, Piece


def _recurring(host: Host) -> tuple[Piece, ...]:
    return (
        Piece(
            "shares",
            "tell owners of models their shares",
            PAYMENTS_SECONDS,
            lambda: releasing.tell_owners(host.node, host.peers),
        ),
    )


FEATURE = Feature(
    name="models",
    about="Released models: shares for those whose data made them, and a pool that nobody can redirect.",
    needs=("payments",),
    operations=(
        wire.LIST.does(lambda host, _: {"models": shown.models(host.node)}),
        wire.SHOW.does(lambda host, asked: shown.model(host.node, asked.model)),
    ),
    once=ONCE,
    peer_calls=(
        PeerCall(
            "/releases",
            lambda host, sender, body: releasing.accept_release(host.node, sender, body),
            heavy=True,
        ),
    ),
    recurring=(_recurring,),
    actions=(Action("derive", "makes something of it, such as a model"),),
    pages=tuple(pages.PAGES),
    menu=(MenuEntry("/models", "Models", 50),),
)

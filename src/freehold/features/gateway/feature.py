"""Gateway: answers of models by the call, sold here and bought elsewhere."""

from __future__ import annotations

from freehold.features.gateway import pages, paid, serving
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.pruning import prune
from freehold.features.gateway.serving import Gateway
from freehold.features.models.shown import OnSale
from freehold.features.payments.closing import ChannelClosing
from freehold.features.payments.rules.payment import HEADER
from freehold.kernel.feature import Action, Feature, PeerCall
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.recurring import Piece

PRUNE_SECONDS = 3_600.0


def _recurring(host: Host) -> tuple[Piece, ...]:
    node = host.node
    return (Piece("answers", "let go of old answers, give back room", PRUNE_SECONDS, lambda: tidy(node)),)


def tidy(node: Node) -> None:
    """Let go of what is old, and give the disk back what nothing fills any more."""
    prune(node)
    node.store.tidy()


FEATURE = Feature(
    name="gateway",
    about="Answers of models by the call, sold here and bought elsewhere.",
    needs=("models",),
    parts=(lambda host: Gateway(host.node), lambda host: Buyer(host.node, host.peers, host.countersigner)),
    peer_calls=(
        PeerCall("/calls", lambda host, sender, body: host.part(Gateway).would_answer(sender, body)),
    ),
    routes=(lambda host: paid.router(host.node, host.part(Gateway)),),
    vouching={"/v1/predict": lambda host, headers: host.part(Gateway).vouch(headers.get(HEADER))},
    recurring=(_recurring,),
    pages=tuple(pages.PAGES),
    answers={OnSale: lambda node, question: serving.is_on_sale(node, question.model)},
    actions=(Action("infer", "asks it for answers", pays="pool"),),
    listens={ChannelClosing: lambda _, event: event.host.part(Buyer).finish(event.record)},
)

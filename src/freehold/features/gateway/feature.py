"""Gateway: answers of models by the call, sold here and bought elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from freehold.core.texts import said
from freehold.features.gateway import pages, rationing, serving, untold, wire
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.pruning import prune
from freehold.features.gateway.serving import Gateway
from freehold.features.models.shown import OnSale
from freehold.features.payments.closing import ChannelClosing
from freehold.features.payments.rules.payment import HEADER
from freehold.kernel import uses
from freehold.kernel.feature import Action, Aim, Feature, FirstStep, PeerCall
from freehold.kernel.host import Host
from freehold.kernel.recurring import Piece

PRUNE_SECONDS = 3_600.0


def _recurring(host: Host) -> tuple[Piece, ...]:
    def tidy() -> None:
        prune(host.node)
        untold.let_go(host.node)
        host.node.store.tidy()

    return (Piece("answers", "let go of old answers, give back room", PRUNE_SECONDS, tidy),)


def _serve(host: Host, asked: wire.Serve) -> dict[str, Any]:
    said = {"calls": asked.calls_per_buyer, "rows": asked.rows_per_buyer}
    given = {name: most for name, most in said.items() if most is not None}
    ration = replace(rationing.of(host.node, asked.model), **given) if given else None
    serving.switch(host.node, asked.model, on=asked.on, ration=ration)
    return {"model": asked.model, "serving": asked.on}


FEATURE = Feature(
    name="gateway",
    about="Answers of models by the call, sold here and bought elsewhere.",
    needs=("models",),
    operations=(
        wire.SERVE.does(_serve),
        wire.QUOTE.does(
            lambda host, asked: host.part(Buyer).quote(asked.model, **asked.model_dump(exclude={"model"}))
        ),
        wire.PREDICT.does(
            lambda host, asked: host.part(Buyer).predict(asked.model, **asked.model_dump(exclude={"model"}))
        ),
    ),
    parts=(lambda host: Gateway(host.node), lambda host: Buyer(host.node, host.peers, host.countersigner)),
    peer_calls=(
        PeerCall("/calls", lambda host, sender, body: host.part(Gateway).would_answer(sender, body)),
        PeerCall("/answers", lambda host, sender, body: host.part(Gateway).answered(sender, body)),
    ),
    routes=(lambda host: serving.router(host.node, host.part(Gateway)),),
    vouching={"/v1/predict": lambda host, headers: host.part(Gateway).vouch(headers.get(HEADER))},
    recurring=(_recurring,),
    pages=pages.PAGES,
    sections=pages.SECTIONS,
    first_steps=(
        FirstStep(
            (Aim.BUY,),
            35,
            said("Ask a model of somebody else for an answer."),
            "/market",
            said("Look at the market"),
            lambda host: uses.has_asked(host.node, host.node.account),
        ),
    ),
    answers={OnSale: lambda node, question: rationing.is_on_sale(node, question.model)},
    actions=(Action("infer", "asks it for answers", ("model",)),),
    listens={ChannelClosing: lambda _, event: event.host.part(Buyer).finish(event.record)},
)

"""Home: what needs me, what I earned, what was used lately, whether all is well."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.texts import Span, said
from freehold.kernel.anchored_head import ChainLostState, LogBehind, LogForked
from freehold.kernel.continuity import OtherChain
from freehold.kernel.inbox import Inbox
from freehold.kernel.registry import everything
from freehold.kernel.web import formats
from freehold.kernel.web.visit import Visit, shows
from freehold.shell.web.pages import starting

_TROUBLE = {
    "store": said("the database cannot be written"),
    "chain": said("the network does not answer, so payments and proofs wait"),
    "keys": said("the keys in memory are wrong; restart the node"),
    "disk": said("the disk is nearly full"),
}
_CHAIN_ANSWERS = {
    OtherChain.code: said("another network answers in the place of yours, so nothing is signed or paid"),
    ChainLostState.code: said("the network has lost what it vouched for, so it was set back or replaced"),
    LogForked.code: said("another copy of this node writes the same log, so this one writes nothing"),
    LogBehind.code: said("this home is older than what the network vouches for, so it writes nothing"),
}
"""What is wrong though the network answers."""


def home(visit: Visit) -> Response:
    """The page everybody starts at."""
    return visit.show(
        "home.html",
        todo=visit.host.part(Inbox).items(),
        health=_health(visit),
        asks_first=starting.asks(visit.host),
        aims=starting.AIMS,
        begun=starting.begun(visit.host),
        cards=[(one.template, one.place, one.look(visit)) for one in everything().cards("/")],
    )


def trouble(name: str, code: str) -> str:
    """What a check that failed means to the owner."""
    return _CHAIN_ANSWERS.get(code) or _TROUBLE.get(name) or name


def _health(visit: Visit) -> dict[str, Any]:
    """One sentence, and whether it is good news."""
    look = visit.host.readiness.soon()
    wrong = [trouble(name, code) for name, code in look.reasons.items() if code]
    if wrong:
        text = said("Something needs attention: {what}.", what="; ".join(formats.tr(one) for one in wrong))
        return {"good": False, "sentence": text}
    with visit.node.store.log() as log:
        size = log.size()
    records = said.many("{n} record", "{n} records", n=size)
    behind, every = size - look.anchored, visit.node.settings.anchor_every_seconds
    if behind <= 0:
        text = said(
            "All is well. {records} in your log, every one vouched for by the network.", records=records
        )
    elif every:
        text = said.many(
            "All is well. {records} in your log; the network will vouch for the newest one within {span}.",
            "All is well. {records} in your log; the network will vouch for the newest {n} within {span}.",
            records=records,
            n=behind,
            span=Span(every),
        )
    else:
        text = said.many(
            "All is well. {records} in your log; the network does not vouch for the newest one yet.",
            "All is well. {records} in your log; the network does not vouch for the newest {n} yet.",
            records=records,
            n=behind,
        )
    return {"good": True, "sentence": text}


PAGES = [shows("/", home)]

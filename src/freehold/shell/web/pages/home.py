"""Home: what needs me, what I earned, what was used lately, whether all is well."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.kernel.anchored_head import ChainLostState, LogBehind, LogForked
from freehold.kernel.continuity import OtherChain
from freehold.kernel.inbox import Inbox
from freehold.kernel.registry import everything
from freehold.kernel.web import formats, words
from freehold.kernel.web.visit import Visit, shows
from freehold.shell.web.pages import starting

_TROUBLE = {
    "store": "the database cannot be written",
    "chain": "the network does not answer, so payments and proofs wait",
    "keys": "the keys in memory are wrong; restart the node",
    "disk": "the disk is nearly full",
}
_CHAIN_ANSWERS = {
    OtherChain.code: "another network answers in the place of yours, so nothing is signed or paid",
    ChainLostState.code: "the network has lost what it vouched for, so it was set back or replaced",
    LogForked.code: "another copy of this node writes the same log, so this one writes nothing",
    LogBehind.code: "this home is older than what the network vouches for, so it writes nothing",
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
        cards=[(one.template, one.place, one.look(visit.host)) for one in everything().cards("/")],
    )


def trouble(name: str, code: str) -> str:
    """What a check that failed means to the owner."""
    return _CHAIN_ANSWERS.get(code) or _TROUBLE.get(name, name)


def _health(visit: Visit) -> dict[str, Any]:
    """One sentence, and whether it is good news."""
    look = visit.host.readiness.soon()
    wrong = [trouble(name, code) for name, code in look.reasons.items() if code]
    if wrong:
        return {"good": False, "sentence": f"Something needs attention: {'; '.join(wrong)}."}
    with visit.node.store.log() as log:
        size = log.size()
    sentence = f"All is well. {words.count(size, 'record')} in your log"
    behind, every = size - look.anchored, visit.node.settings.anchor_every_seconds
    if behind <= 0:
        sentence += ", every one vouched for by the network."
    elif every:
        sentence += f"; the network will vouch for the newest {behind:,} within {formats.duration(every)}."
    else:
        sentence += f"; the network does not vouch for the newest {behind:,} yet."
    return {"good": True, "sentence": sentence}


PAGES = [shows("/", home)]

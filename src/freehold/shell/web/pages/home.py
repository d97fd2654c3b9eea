"""Home: what needs me, what I earned, what was used lately, whether all is well."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.kernel import listed, own
from freehold.kernel.anchored_head import ChainLostState, LogBehind, LogForked
from freehold.kernel.continuity import OtherChain
from freehold.kernel.feature import Reminder
from freehold.kernel.host import Host
from freehold.kernel.keeping import purse, subjects
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.web import formats, words
from freehold.kernel.web.visit import Visit, shows
from freehold.shell.backup import saving

BACKUP_DAYS = 30
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
        todo=_todo(visit.host),
        health=_health(visit),
        cards=[(one.template, one.place, one.look(visit.host)) for one in everything().cards("/")],
    )


def _todo(host: Host) -> list[Reminder]:
    """Things that wait for the owner, most pressing first; plain text, escaped by the template."""
    node = host.node
    todo = [
        Reminder(f"{one['title'][:1].upper()}{one['title'][1:]}. {one['hint']}", "/backup", "Backups")
        for one in own.notices(node)
    ]
    todo += [one for remind in everything().every("reminders") for one in remind(host)]
    todo += _gas(node)
    last = saving.last_made(node.home)
    if listed.assets(node, owner=node.account, limit=1) and node.now() - last > BACKUP_DAYS * 86_400:
        text = (
            f"Your last backup was {formats.ago(last, node.now())}."
            if last
            else "There is no backup yet. If this machine breaks, your data's account and earnings are lost."
        )
        todo.append(Reminder(text, "/backup", "Make a backup"))
    return todo


def _gas(node: Node) -> list[Reminder]:
    """What the node does not send by itself any more."""
    todo = []
    stopped = len(subjects.quarantined(node))
    if stopped:
        text = f"{words.count(stopped, 'payment')} failed on the network, at the cost of a fee, and wait for you."
        todo.append(Reminder(text, "/channels", "Look"))
    if purse.day(node).spent:
        text = "The fees this node may spend by itself in a day are spent. It goes on as the day passes."
        todo.append(Reminder(text, "/limits", "Look"))
    return todo


def trouble(name: str, code: str) -> str:
    """What a check that failed means to the owner."""
    return _CHAIN_ANSWERS.get(code) or _TROUBLE.get(name, name)


def _health(visit: Visit) -> dict[str, Any]:
    """One sentence, and whether it is good news."""
    look = visit.host.readiness.look()
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

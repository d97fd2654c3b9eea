"""Health: each thing that a node stands on, how it is, and what to do where it is not well."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from freehold.chain.networks import LOCAL_CHAIN_ID, NETWORKS
from freehold.core.errors import FreeholdError
from freehold.core.texts import UNKNOWN, Size, Span, Text, said
from freehold.kernel import reading
from freehold.kernel.host import Host
from freehold.kernel.keeping import purse
from freehold.kernel.readiness import Look
from freehold.kernel.web.visit import Visit, shows

BACKUP_DAYS = 30
OLD_BLOCK_SECONDS = 600


@dataclass(frozen=True)
class Part:
    """One thing, how it is, and what to do."""

    name: Text
    mood: Literal["good", "warn", "bad", "unknown"]
    value: Text | str
    """A short figure; a dash where it is not known."""
    todo: Text | str = ""
    href: str = ""
    action: Text | str = ""


def health(visit: Visit) -> Response:
    """The page."""
    host = visit.host
    look = host.readiness.soon()
    away = bool(look.reasons.get("chain"))
    parts = [
        _database(look),
        _network(host, look),
        _block(host, look, away=away),
        _log(host, look, away=away),
        _fees(host, away=away),
        _disk(host, look),
        _backup(host),
        _work(host),
    ]
    return visit.show("health.html", parts=parts, seen_at=host.node.now() - int(look.age))


def _database(look: Look) -> Part:
    if look.reasons.get("store"):
        todo = said("It cannot be written. Free some space, and see the node's log.")
        return Part(said("Database"), "bad", said("cannot be written"), todo)
    return Part(said("Database"), "good", said("is written and read"))


def _network(host: Host, look: Look) -> Part:
    node, name = host.node, said("Network")
    known = NETWORKS.get(node.chain_id)
    if node.chain_id == LOCAL_CHAIN_ID:
        called = said("practice network on this machine, with play money")
    elif known:
        called = said("{name}", name=known.name)
    else:
        called = said("network {number}", number=str(node.chain_id))
    code = look.reasons.get("chain")
    if not code:
        return Part(name, "good", called)
    if code == "chain.unreachable":
        kept = bool(node.settings.practice)
        todo = (
            said("It is started again by itself. Payments and proofs wait meanwhile.")
            if kept
            else said(
                "Payments and proofs wait until it answers. If it stays away, look at rpc_url in the settings file."
            )
        )
        return Part(name, "bad", said("does not answer"), todo)
    todo = said("Nothing is signed or paid. Look with: freehold doctor")
    return Part(name, "bad", said("answers, but it is not as it was"), todo)


def _block(host: Host, look: Look, *, away: bool) -> Part:
    name = said("Newest block")
    if not look.head_at:
        return Part(name, "unknown", UNKNOWN)
    age = max(0, host.node.now() - look.head_at)
    value = said("number {number}, {span} ago", number=look.head, span=Span(age))
    if away:
        return Part(name, "unknown", value, said("As it was when the network last answered."))
    if host.node.chain_id != LOCAL_CHAIN_ID and age > OLD_BLOCK_SECONDS:
        return Part(name, "warn", value, said("The network's node lags, or this machine's clock is wrong."))
    return Part(name, "good", value)


def _log(host: Host, look: Look, *, away: bool) -> Part:
    name = said("Your log")
    with host.node.store.log() as log:
        size = log.size()
    behind = max(0, size - look.anchored)
    if away:
        return Part(
            name,
            "unknown",
            said.many("{n} record", "{n} records", n=size),
            said("How many of them the network vouches for is not known now."),
        )
    if not behind:
        return Part(
            name,
            "good",
            said.many(
                "{n} record, vouched for by the network",
                "{n} records, each vouched for by the network",
                n=size,
            ),
        )
    value = said.many(
        "{n} record is not vouched for yet, of {size}",
        "{n} records are not vouched for yet, of {size}",
        n=behind,
        size=size,
    )
    every = host.node.settings.anchor_every_seconds
    todo = (
        said("The network will vouch for what is new within {span}.", span=Span(every))
        if every
        else said("You have switched off that it happens by itself.")
    )
    return Part(name, "good" if every else "warn", value, todo, "/log", said("Look at the log"))


def _fees(host: Host, *, away: bool) -> Part:
    node, name = host.node, said("Network fees")
    if node.chain_id == LOCAL_CHAIN_ID:
        return Part(name, "good", said("none: play money"))
    if away:
        return Part(name, "unknown", UNKNOWN)
    try:
        coins_wei = node.chain.balance(node.account)
        price_wei = int(str(node.chain.rpc.call("eth_gasPrice")), 16)
    except (FreeholdError, ValueError):
        return Part(name, "unknown", UNKNOWN)
    anchors = coins_wei // max(1, price_wei * purse.USUAL_GAS["LogAnchors.anchor"])
    value = said.many(
        "enough for {n} anchor of the log", "enough for about {n} anchors of the log", n=min(anchors, 10**6)
    )
    if purse.day(node).spent:
        return Part(
            name,
            "warn",
            value,
            said("What the node may spend on fees in a day is spent. It goes on as the day passes."),
            "/limits",
            said("Look"),
        )
    if anchors < 10:
        return Part(
            name,
            "warn",
            value,
            said("Send the account a little of the network's coin."),
            "/settings",
            said("Show the account"),
        )
    return Part(name, "good", value)


def _disk(host: Host, look: Look) -> Part:
    found = os.statvfs(host.node.home)
    value = said("{free} free", free=Size(found.f_bavail * found.f_frsize))
    if look.reasons.get("disk"):
        return Part(said("Disk"), "bad", value, said("Free some space: soon nothing can be kept any more."))
    return Part(said("Disk"), "good", value)


def _backup(host: Host) -> Part:
    name, last = said("Backup"), reading.last_backup(host.node.home)
    act = ("/backup", said("Make a backup"))
    if not last:
        return Part(
            name,
            "warn",
            said("none yet"),
            said("If this machine breaks, the account and all that belongs to it are lost."),
            *act,
        )
    age = host.node.now() - last
    value = said("{span} old", span=Span(age))
    if age > BACKUP_DAYS * 86_400:
        return Part(name, "warn", value, said("What happened since is in no backup."), *act)
    return Part(name, "good", value)


def _work(host: Host) -> Part:
    name = said("Work by itself")
    failing = [one for one in host.work.overview() if one["attempts"]]
    if not failing:
        return Part(name, "good", said("goes on"))
    value = said.many("{n} piece is tried again", "{n} pieces are tried again", n=len(failing))
    return Part(
        name,
        "warn",
        value,
        said("Most often the network was away. It goes on by itself; the node's log says why it failed."),
    )


PAGES = [shows("/health", health)]

"""Grants: permissions, asked for, given within terms or by hand, paid, taken back."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.features.grants import acting, asking, consent, granting, requests, unused, wire
from freehold.features.grants.once import ONCE
from freehold.features.grants.pages import datasets, offer
from freehold.features.grants.pages import requests as requests_page
from freehold.kernel.feature import Feature, MenuEntry, PeerCall, Reminder
from freehold.kernel.host import Host
from freehold.kernel.operation import Waiting


def _issue(host: Host, sender: str, body: dict[str, object]) -> object:
    answer = granting.issue(host.node, sender, body)
    return Waiting(answer) if "status" in answer else answer


def _remind(host: Host) -> Iterator[Reminder]:
    """Requests to decide, and offers that owners made."""
    for row in requests.overview(host.node):
        if row["state"] == "waiting":
            text = f"{row['holder_name']} asks to use {row['asset_name']}."
            yield Reminder(text, f"/requests/{row['id']}", "Decide")
    for asked in asking.overview(host.node):
        if asked["state"] == "countered":
            text = f"{asked['owner_name']} offers you other terms for {asked['asset_name']}."
            yield Reminder(text, "/requests", "See the offer")


FEATURE = Feature(
    name="grants",
    about="Permissions: asked for, given within terms or by hand, paid, taken back.",
    needs=("data",),
    once=ONCE,
    operations=(
        wire.LIST.does(acting.listed),
        wire.ASK.does(acting.obtain),
        wire.REVOKE.does(lambda host, asked: granting.revoke(host.node, asked.grant_id)),
        wire.REQUESTS.does(acting.overview),
        wire.ACCEPT.does(lambda host, asked: {"request": consent.accept(host.node, asked.request_id)}),
        wire.COUNTER.does(acting.counter),
        wire.REFUSE.does(
            lambda host, asked: {"request": consent.refuse(host.node, asked.request_id, asked.reason)}
        ),
        wire.TAKE.does(acting.take),
        wire.DROP.does(acting.drop),
    ),
    peer_calls=(
        PeerCall("/grants", _issue),
        PeerCall("/withdraw", lambda host, sender, body: consent.withdraw(host.node, sender, body)),
    ),
    partners=(unused.has_dealt,),
    finders={
        "grant": lambda host, text: granting.find(host.node, text),
        "request": lambda host, text: requests.find(host.node, text),
    },
    reminders=(_remind,),
    pages=(*datasets.PAGES, *offer.PAGES, *requests_page.PAGES),
    menu=(
        MenuEntry("/data", "My data", 10),
        MenuEntry("/requests", "Requests", 20, lambda host: requests.count_waiting(host.node)),
    ),
    topics={"requests": lambda host: requests.count_waiting(host.node)},
)

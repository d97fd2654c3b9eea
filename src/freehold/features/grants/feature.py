"""Grants: permissions, asked for, given within terms or by hand, paid, taken back."""

from __future__ import annotations

from freehold.features.grants import consent, granting, requests, unused
from freehold.features.grants.once import ONCE
from freehold.features.grants.pages import datasets, offer
from freehold.features.grants.pages import requests as requests_page
from freehold.kernel.feature import Feature, MenuEntry, PeerCall
from freehold.kernel.host import Host
from freehold.kernel.operation import Waiting


def _issue(host: Host, sender: str, body: dict[str, object]) -> object:
    answer = granting.issue(host.node, sender, body)
    return Waiting(answer) if "status" in answer else answer


FEATURE = Feature(
    name="grants",
    about="Permissions: asked for, given within terms or by hand, paid, taken back.",
    needs=("data",),
    once=ONCE,
    peer_calls=(
        PeerCall("/grants", _issue),
        PeerCall("/withdraw", lambda host, sender, body: consent.withdraw(host.node, sender, body)),
    ),
    partners=(unused.has_dealt,),
    finders={
        "grant": lambda host, text: granting.find(host.node, text),
        "request": lambda host, text: requests.find(host.node, text),
    },
    pages=(*datasets.PAGES, *offer.PAGES, *requests_page.PAGES),
    menu=(
        MenuEntry("/data", "My data", 10),
        MenuEntry("/requests", "Requests", 20, lambda host: requests.count_waiting(host.node)),
    ),
    topics={"requests": lambda host: requests.count_waiting(host.node)},
)

"""Earnings: what came in, and what is yours of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from freehold.core.errors import Unavailable
from freehold.core.texts import said
from freehold.features.earnings import assets, earning, pages, wire
from freehold.features.earnings.ledger import Ledger
from freehold.features.grants.lists import Sold
from freehold.kernel.account import Account, Once
from freehold.kernel.feature import Card, Feature
from freehold.kernel.host import Host
from freehold.kernel.web.places import Place, Tab


def _sold(host: Host, _: Sold) -> dict[str, int] | None:
    """None while the chain does not answer."""
    sums: dict[str, int] = {}
    with suppress(Unavailable):
        for move in host.part(Ledger).moves():
            if move.kind == "grant":
                sums[move.asset] = sums.get(move.asset, 0) + move.units
        return sums
    return None


def _claimed(node: Account, args: tuple[Any, ...]) -> bool:
    pool, account, shares, _ = args
    return int(node.chain.read("Revenue", "claimable", pool, account, shares)) == 0


FEATURE = Feature(
    name="earnings",
    about="What came in, and what is yours of it.",
    needs=("models",),
    once={"Revenue.claim": Once(("NothingToClaim",), _claimed)},
    operations=(
        wire.EARNINGS.does(lambda host, _: earning.overview(host.node)),
        wire.CLAIM.does(lambda host, asked: earning.claim(host.node, asked.model)),
    ),
    parts=(Ledger,),
    cards=(Card("home_earned.html", pages.look, 10),),
    reminders=(pages.remind,),
    pages=tuple(pages.PAGES),
    sections=assets.SECTIONS,
    answers={Sold: _sold},
    tabs=(
        Tab(Place.MONEY, "/money", said("Earned"), 10),
        Tab(Place.MONEY, "/collected", said("Collected"), 20, also=("/collect",)),
    ),
)

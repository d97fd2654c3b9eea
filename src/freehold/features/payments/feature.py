"""Payments: dollars set aside in channels, promised by vouchers, settled on chain."""

from __future__ import annotations

from typing import Any

from freehold.core.texts import said
from freehold.features.payments import assets, closing, kept, pages, settling, wire
from freehold.features.payments.once import ONCE
from freehold.kernel import continuity
from freehold.kernel.feature import Feature, Metric
from freehold.kernel.host import Host
from freehold.kernel.keeping import purse
from freehold.kernel.keeping.purse import GasDaySpent
from freehold.kernel.node import Node
from freehold.kernel.operation import Nothing
from freehold.kernel.recurring import PAYMENTS_SECONDS, Piece
from freehold.kernel.web.places import Place, Tab


def _recurring(host: Host) -> tuple[Piece, ...]:
    return (
        Piece(
            "vouchers",
            "settle accepted vouchers on chain",
            PAYMENTS_SECONDS,
            lambda: _settle(host.node),
            at_stop=True,
        ),
    )


def _settle(node: Node) -> None:
    """One channel that fails slows no other: each backs off for itself (`freehold channels list`)."""
    continuity.require_same_chain(node)
    for row in settling.settle(node, by_itself=True)["failed"]:
        if row["code"] == GasDaySpent.code:
            raise GasDaySpent(
                row["title"], hint=said("Look at `freehold channels list`, or set gas_per_day.")
            )


def _channels(host: Host, _: Nothing) -> dict[str, Any]:
    node = host.node
    return {
        "channels": closing.overview(node),
        "unsettled": settling.waiting(node),
        "lost": kept.lost(node),
        "gas": purse.day(node).to_json(),
    }


FEATURE = Feature(
    name="payments",
    about="Dollars set aside in channels, promised by vouchers, settled on chain.",
    needs=("grants",),
    once=ONCE,
    operations=(
        wire.LIST.does(_channels),
        wire.CLOSE.does(lambda host, asked: closing.close(host, asked.channel)),
        wire.RETRY.does(lambda host, asked: settling.retry(host.node, asked.channel)),
        wire.SETTLE.does(lambda host, _: settling.settle(host.node)),
    ),
    pages=tuple(pages.PAGES),
    sections=assets.SECTIONS,
    tabs=(
        Tab(Place.MONEY, "/spending", said("Spent"), 30),
        Tab(Place.MONEY, "/channels", said("Set aside"), 40),
        Tab(Place.MONEY, "/limits", said("Limits"), 50),
    ),
    metrics=(
        Metric(
            "freehold_money_out_units_total",
            "counter",
            "What this node has promised by vouchers as buyer, in the token's smallest units.",
            lambda host: {(): kept.promised_units(host.node)},
        ),
    ),
    recurring=(_recurring,),
    facts=(lambda host: {"lost_units": sum(row["units"] for row in kept.lost(host.node))},),
)

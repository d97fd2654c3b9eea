"""Payments: dollars set aside in channels, promised by vouchers, settled on chain."""

from __future__ import annotations

from freehold.features.payments import settling, spending
from freehold.kernel import chain_identity
from freehold.kernel.feature import Feature, Metric
from freehold.kernel.host import Host
from freehold.kernel.keeping.purse import GasDaySpent
from freehold.kernel.node import Node
from freehold.kernel.recurring import PAYMENTS_SECONDS, Piece


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
    chain_identity.require_same_chain(node)
    for row in settling.settle(node, by_itself=True)["failed"]:
        if row["code"] == GasDaySpent.code:
            raise GasDaySpent(row["title"], hint="Look at `freehold channels list`, or set gas_per_day.")


FEATURE = Feature(
    name="payments",
    about="Dollars set aside in channels, promised by vouchers, settled on chain.",
    needs=("grants",),
    metrics=(
        Metric(
            "freehold_money_out_units_total",
            "counter",
            "What this node has promised by vouchers as buyer, in the token's smallest units.",
            lambda host: {(): spending.promised_units(host.node)},
        ),
    ),
    recurring=(_recurring,),
)

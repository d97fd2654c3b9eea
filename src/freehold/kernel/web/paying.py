"""Saying what an act takes before it is paid, and taking from the form how much may be spent."""

from __future__ import annotations

from typing import Any

from freehold.core.errors import FreeholdError
from freehold.core.texts import Text, said
from freehold.kernel import ceiling
from freehold.kernel.keeping import purse
from freehold.kernel.node import LOCAL_CHAIN_ID, Node
from freehold.kernel.web.powers import NoPower, Power
from freehold.kernel.web.visit import Visit


def shown(node: Node, total_units: int, gas: int = 0, held_units: int = 0) -> dict[str, Any]:
    """What a page says beside the button that pays; `ui.spending` shows it.

    `total_units` leave the wallet; `held_units` are paid of what a channel already holds.
    """
    found = ceiling.overview(node)
    return {
        "total_units": total_units,
        "held_units": held_units,
        "gas": gas,
        "spent_units": found["spent_units"],
        "per_day_units": found["spend_per_day_micro"],
        "limited": bool(found["spend_per_day_micro"] or found["spend_per_act_micro"]),
    }


def agreed(visit: Visit) -> int:
    """Most that the act may take: what the page showed. A limit typed for the days to come is kept.

    Raises `InvalidInput`. `NoPower`: a limit is the owner's to set.
    """
    if visit.form.text("per_day", 40):
        if not visit.may(Power.MANAGE):
            raise NoPower.to(Power.MANAGE)
        # a unit is a millionth of a dollar
        ceiling.limit(visit.node, spend_per_day_micro=visit.form.money("per_day"))
    return visit.form.number("at_most", said("what the page showed"), 0, 2**53 - 1)


def fee(node: Node, act: str, times: int = 1) -> Text | None:
    """What an act costs at the present price of gas; None while the chain does not answer."""
    gas = node.usual_gas(act, purse.USUAL_GAS[act]) * times
    try:
        price_wei = int(str(node.chain.rpc.call("eth_gasPrice")), 16)
    except (FreeholdError, ValueError):
        return None
    if node.chain_id == LOCAL_CHAIN_ID:
        return said("nothing real: this is the practice network, and its coins are play money")
    coins = f"{gas * price_wei / 10**18:.7f}".rstrip("0").rstrip(".")
    return said("about {coins} of the network's own coin, paid by this node", coins=coins or "0.0000001")


def anchor_fee(node: Node) -> Text | None:
    """What one anchor costs now; None while the chain does not answer."""
    return fee(node, "LogAnchors.anchor")

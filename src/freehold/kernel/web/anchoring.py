"""What anchoring costs, in words."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.core.errors import FreeholdError
from freehold.kernel.keeping import costs
from freehold.kernel.node import LOCAL_CHAIN_ID, Node


@dataclass(frozen=True)
class Fee:
    """An estimate."""

    shown: str
    gas: int


def fee(node: Node) -> Fee | None:
    """What one anchor costs at the present price of gas; None while the chain does not answer."""
    gas = int(node.store.state("gas:LogAnchors.anchor", costs.USUAL_GAS["LogAnchors.anchor"]))
    try:
        price_wei = int(str(node.chain.rpc.call("eth_gasPrice")), 16)
    except (FreeholdError, ValueError):
        return None
    coins = f"{gas * price_wei / 10**18:.7f}".rstrip("0").rstrip(".")
    if node.chain_id == LOCAL_CHAIN_ID:
        return Fee("nothing real: this is the local test chain, and its coins are play money", gas)
    return Fee(f"about {coins or '0.0000001'} of the chain's own coin, paid by this node", gas)

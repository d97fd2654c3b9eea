"""Wallets that buy of a shop without a node."""

import itertools
from pathlib import Path
from typing import Any

from edged_shop import EdgedShop
from inference_world import PRICE, Shop

import freehold
from freehold.features.payments.rules.payment import Transfer
from freehold.vault.account_key import wallet_keys

GAS_WEI = 10**18
_numbers = itertools.count(1)


def rich(shop: Shop, *, calls: int = 100, gas: bool = False) -> str:
    made = next(_numbers).to_bytes(16) * 2
    account = wallet_keys(made).account
    shop.builder.node.send("TestDollar", "mint", account, calls * PRICE)
    if gas:
        shop.world.chain.fund(account, GAS_WEI)
    return "0x" + made.hex()


def said(shop: Shop, key: object, state: Path, **more: Any) -> dict[str, Any]:
    return {"key": key, "url": shop.builder.url, "rpc_url": shop.world.rpc_url, "state": str(state), **more}


def opened(shop: Shop, key: object, state: Path, **more: Any) -> freehold.Buyer:
    return freehold.Buyer(**said(shop, key, state, **more))


def signed_away(shop: EdgedShop, buyer: freehold.Buyer) -> int:
    """What everything that this seller holds of the buyer could bring it."""
    transfers = {one.salt: one.value_units for one in shop.edge.payments if isinstance(one, Transfer)}
    vouchers = [one.cumulative_units for one in shop.edge.payments if not isinstance(one, Transfer)]
    return sum(transfers.values()) + max(vouchers, default=0)

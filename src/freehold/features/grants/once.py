"""When a grant counts as bought or revoked already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.kernel.once import USED, Once
from freehold.kernel.rights.offer import Offer

if TYPE_CHECKING:
    from freehold.kernel.account import Account


def _revoked(node: Account, args: tuple[Any, ...]) -> bool:
    return bool(node.chain.read("Revocations", "isRevoked", node.account, args[0]))


def _bought(node: Account, args: tuple[Any, ...]) -> bool:
    offer = Offer(*args[0]).digest(node.chain_id, node.contract("Market"))
    return bool(node.chain.read("Market", "purchasedAt", offer))


ONCE = {
    "Revocations.revoke": Once(("AlreadyRevoked",), _revoked),
    "Market.buy": Once(("AlreadyBought",), _bought),
    "Market.buyWithAuthorization": Once(("AlreadyBought", USED), _bought),
}
"""By "Contract.function"."""

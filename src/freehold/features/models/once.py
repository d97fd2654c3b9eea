"""When a model counts as released already: with these very shares, token and split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.core.ids import keyed_id
from freehold.kernel.once import Once

if TYPE_CHECKING:
    from freehold.kernel.account import Account


def _released(node: Account, args: tuple[Any, ...]) -> bool:
    """With these very shares."""
    model, owners, shares = args
    token_id = int.from_bytes(keyed_id(node.account, model), "big")
    held = node.chain.read_many([("ModelShares", "balanceOf", (owner, token_id)) for owner in owners])
    supply = int(node.chain.read("ModelShares", "totalSupply", token_id))
    return [int(one) for one in held] == list(shares) and supply == sum(shares)


def _pool_open(node: Account, args: tuple[Any, ...]) -> bool:
    """With this very token and split."""
    model, token, root, total = args
    found = node.chain.read("Revenue", "poolOf", keyed_id(node.account, model))
    return (str(found[0]).lower(), bytes(found[1]), int(found[2])) == (str(token).lower(), root, total)


ONCE = {
    "ModelShares.release": Once(("AlreadyReleased",), _released),
    "Revenue.open": Once(("PoolExists",), _pool_open),
}
"""By "Contract.function"."""

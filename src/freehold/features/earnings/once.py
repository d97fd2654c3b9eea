"""When a claim counts as paid already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.kernel.once import Once

if TYPE_CHECKING:
    from freehold.kernel.account import Account


def _claimed(node: Account, args: tuple[Any, ...]) -> bool:
    pool, account, shares, _ = args
    return int(node.chain.read("Revenue", "claimable", pool, account, shares)) == 0


ONCE = {"Revenue.claim": Once(("NothingToClaim",), _claimed)}
"""By "Contract.function"."""

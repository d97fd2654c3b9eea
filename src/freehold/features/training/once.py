"""When a plan counts as stamped already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.kernel.once import Once

if TYPE_CHECKING:
    from freehold.kernel.account import Account


def _stamped(node: Account, args: tuple[Any, ...]) -> bool:
    return bool(node.chain.read("Timestamps", "stampedAt", args[0]))


ONCE = {"Timestamps.stamp": Once(("AlreadyStamped",), _stamped)}
"""By "Contract.function"."""

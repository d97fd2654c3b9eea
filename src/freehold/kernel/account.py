"""A party's account on the chain, as far as acts are judged by it and their gas is counted; and acts that happen once.

Refused because what they were to bring about is so already, those are done. Two parts of a node, two copies of it, or
a stranger (anybody may settle, claim or stamp) may send the same act; the contract takes the first. The second is done
and not failed, but only where the chain shows the very state that was wanted: a name of an error proves nothing.
docs/reference/contract-errors.md says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.client import Chain, ContractRef
    from freehold.chain.errors import ContractReverted
    from freehold.kernel.settings import Settings
    from freehold.kernel.store import Store


class Account(Protocol):
    """What is asked of it; `node.Node` is one."""

    account: str
    chain: Chain
    chain_id: int
    settings: Settings
    store: Store

    @property
    def dollar(self) -> ContractRef:
        """The dollar token as the chain client names a contract."""

    def contract(self, name: str) -> str:
        """Address of one of Freehold's contracts, lower case."""

    def now(self) -> int:
        """Unix seconds by this machine's clock."""


_UNNAMED = ("Failed", "Reverted", "Unknown")
"""Mined and failed for a reason that a replay does not show, as in a race within one block."""
USED = "ERC3009UsedAuthorization"
"""The refusal of a payment whose authorization was spent, or cancelled."""


@dataclass(frozen=True)
class Once:
    """When an act counts as done."""

    refusals: tuple[str, ...]
    """Custom errors that may mean it."""
    wanted: Callable[[Account, tuple[Any, ...]], bool]
    """Whether the chain shows what the act with these arguments was to bring about."""

    def covers(self, node: Account, args: tuple[Any, ...], error: ContractReverted) -> bool:
        """Whether `error` says no more than that the act with these arguments is done already."""
        return error.name in (*self.refusals, *_UNNAMED) and self.wanted(node, args)


def _anchored(node: Account, args: tuple[Any, ...]) -> bool:
    """As much or more of this very log."""
    root, size, _ = node.chain.read("LogAnchors", "headOf", node.account)
    with node.store.log() as log:
        return int(args[0]) <= int(size) <= log.size() and log.root(int(size)) == bytes(root)


ONCE = {"LogAnchors.anchor": Once(("SizeMustGrow",), _anchored)}
"""What the kernel sends itself, by "Contract.function"; `Node.once` also holds what its features send."""

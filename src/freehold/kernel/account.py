"""A party's account on the chain, as far as acts are judged by it and their gas is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from freehold.chain.client import Chain, ContractRef
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

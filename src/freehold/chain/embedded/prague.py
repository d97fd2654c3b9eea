"""Prague's rules over our accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eth.vm.forks.prague.state import PragueState

from freehold.chain.embedded.accounts import Accounts

if TYPE_CHECKING:
    from eth_typing import Address


class State(PragueState):
    """What transactions run on. Transient storage (EIP-1153) is undone with everything else."""

    account_db_class: type[Accounts] = Accounts
    _account_db: Accounts

    def set_system_contracts(self) -> None:
        """Nothing: genesis put them there."""

    def storage_root(self, address: bytes) -> bytes:
        """Root of an account's storage trie."""
        return self._account_db.storage_root(address)

    def get_transient_storage(self, address: Address, slot: int) -> bytes:
        """A transient slot, empty when not written."""
        return self._account_db.transient.get((address, slot), b"")

    def set_transient_storage(self, address: Address, slot: int, value: bytes) -> None:
        """Write a transient slot."""
        self._account_db.set_transient(address, slot, value)

    def clear_transient_storage(self) -> None:
        """The transaction is over."""
        self._account_db.transient.clear()

    def snapshot(self) -> Any:
        """A checkpoint to go back to."""
        return self._account_db.record()

    def revert(self, snapshot: Any) -> None:
        """Go back to a checkpoint."""
        self._account_db.discard(snapshot)

    def commit(self, snapshot: Any) -> None:
        """Keep what was done since a checkpoint."""
        self._account_db.commit(snapshot)

"""The state that transactions run on, in py-evm's terms, and the order of steps in which one begins."""

from __future__ import annotations

from typing import Any, cast

from eth._utils.address import generate_contract_address
from eth.vm.forks.prague.state import PragueState, PragueTransactionExecutor
from eth.vm.message import Message
from eth_typing import Address
from eth_utils.logging import get_extended_debug_logger

from freehold.chain.embedded.accounts import Accounts
from freehold.chain.embedded.budget import UNLIMITED, Budget
from freehold.chain.embedded.interpreter import Computation
from freehold.chain.embedded.transactions import check, is_impersonated


class _Executor(PragueTransactionExecutor):
    """py-evm's, without the log lines that show every transaction's code in hex to nobody."""

    def validate_transaction(self, transaction: Any) -> None:
        """Of an impersonated one, only what is no signature."""
        if is_impersonated(transaction):
            check(transaction)
        else:
            super().validate_transaction(transaction)

    def build_evm_message(self, transaction: Any) -> Any:
        """Charge the sender and say what is to run."""
        state, sender = cast("State", self.vm_state), transaction.sender
        state.delta_balance(sender, -transaction.gas * state.get_gas_price(transaction))
        state.increment_nonce(sender)
        # before the code is looked up: it may delegate it
        refund = self.calc_message_refund(transaction)
        created: Any = None
        data, code, delegate = b"", transaction.data, None
        if transaction.to:
            data = transaction.data
            code, delegate = self.get_code_at_address(transaction.to)
        else:
            created = generate_contract_address(sender, state.get_nonce(sender) - 1)
        state.note_warm()
        return Message(
            gas=transaction.gas - transaction.intrinsic_gas,
            to=transaction.to,
            sender=sender,
            value=transaction.value,
            data=data,
            code=code,
            create_address=created,
            refund=refund,
            is_delegation=delegate is not None,
        )


class State(PragueState):
    """What transactions run on. Transient storage (EIP-1153) is undone with everything else."""

    computation_class = cast("Any", Computation)
    transaction_executor_class = cast("Any", _Executor)
    # py-evm looks it up by name at every use
    logger = cast("Any", get_extended_debug_logger("freehold.chain.evm"))
    account_db_class: type[Accounts] = Accounts
    _account_db: Accounts
    budget: Budget = UNLIMITED
    """How long the call or transaction on it may compute."""
    replaced: frozenset[bytes] = frozenset()
    """Where code is supposed, which runs although a precompile has the address."""

    def note_warm(self) -> None:
        """A message is about to run; what is warm now is so without an access list."""

    def get_tip(self, transaction: Any) -> int:
        """Wei a unit of gas for the coinbase: none of a call that pays no fee."""
        return max(0, super().get_tip(transaction))

    def has_code_or_nonce(self, address: Address) -> bool:
        """Whether a contract may not be made here: over storage neither (EIP-7610), which py-evm forgets."""
        return super().has_code_or_nonce(address) or self._account_db.has_storage(address)

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


class _TracingAccounts(Accounts):
    """Notes which addresses and slots become warm."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.touched: tuple[set[bytes], set[tuple[bytes, int]]] = set(), set()

    def mark_address_warm(self, address: Address) -> None:
        self.touched[0].add(bytes(address))
        super().mark_address_warm(address)

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        self.touched[0].add(bytes(address))
        self.touched[1].add((bytes(address), slot))
        super().mark_storage_warm(address, slot)


class AccessState(State):
    """A state that notes what is touched."""

    account_db_class = _TracingAccounts
    warm_anyway: frozenset[bytes] = frozenset()

    def note_warm(self) -> None:
        """Note who delegates, and to whom the recipient does (EIP-7702)."""
        self.warm_anyway = frozenset(self.touched[0])

    @property
    def touched(self) -> tuple[set[bytes], set[tuple[bytes, int]]]:
        """Addresses, and slots with theirs."""
        return cast("_TracingAccounts", self._account_db).touched

"""The one door to py-evm: Prague's rules over our accounts, transactions, calls and gas estimates.

py-evm's own chain and database layers are not used: they write block by block in many small steps,
while the ledger wants one commit. Here a block is: a state over the parent's root, transactions
applied to it, the state root read back.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from eth._utils.address import generate_contract_address
from eth.exceptions import VMError
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.berlin.transactions import calculate_txn_intrinsic_gas_berlin
from eth.vm.forks.prague.constants import (
    HISTORY_SERVE_WINDOW,
    HISTORY_STORAGE_ADDRESS,
    PER_EMPTY_ACCOUNT_BASE_COST,
)
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.exceptions import ValidationError

from freehold.chain.embedded import genesis
from freehold.chain.embedded.budget import TRANSACTION_SECONDS, current, limited
from freehold.chain.embedded.faults import INTERNAL, LIMIT, REFUSED, Fault, Outcome, reverted
from freehold.chain.embedded.state import State
from freehold.chain.embedded.transactions import afford, check, floor_gas, least_gas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from freehold.chain.embedded.store import Nodes
    from freehold.chain.header import Header


log = logging.getLogger("freehold.chain")

_DELEGATION = b"\xef\x01\x00"

# py-evm and py_ecc raise the whole process to 12,288 and 100,000 frames when imported; at the latter any
# JSON parser can be made to overrun the C stack. The deepest call that a block's gas can pay for (EIP-150)
# takes 2,700 frames, and 8,000 fit a thread's stack.
sys.setrecursionlimit(8_000)


MOST_LOGS = 10_000
"""Logs of a transaction; a block that has as many takes no further one. So a receipt is never large."""


@dataclass(frozen=True)
class Call:
    """A message to run without a signature, in the shape py-evm's executor reads."""

    sender: bytes
    to: bytes
    data: bytes
    value: int = 0
    gas: int = genesis.GAS_LIMIT
    max_fee_per_gas: int = 0
    max_priority_fee_per_gas: int = 0
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    type_id: int = 2
    authorization_list: tuple[Any, ...] = ()
    chain_id: int | None = None
    nonce: int = 0
    """Not looked at: a call comes after whatever its sender has sent."""
    is_gas_asked: bool = True
    """Whether the caller named the gas; if not, it is no more than the sender can pay for."""

    @property
    def intrinsic_gas(self) -> int:
        """Gas charged before the first instruction (EIP-2028, 2930, 7702); py-evm adds EIP-3860's itself."""
        listed = PER_EMPTY_ACCOUNT_BASE_COST * len(self.authorization_list)
        return int(calculate_txn_intrinsic_gas_berlin(cast("Any", self))) + listed


class Machine:
    """Builds states and runs messages on them."""

    def __init__(self, nodes: Nodes, ancestors: Callable[[int], Iterable[bytes]]) -> None:
        self.nodes = nodes
        self._ancestors = ancestors
        """Hashes of the blocks below a height, newest first (BLOCKHASH)."""

    def state(self, header: Header, kind: type[State] = State) -> Any:
        """State at the header's root, executing in the header's environment."""
        context = ExecutionContext(
            coinbase=Address(header.coinbase),
            timestamp=header.timestamp,
            block_number=BlockNumber(header.block_number),
            difficulty=0,
            mix_hash=Hash32(header.mix_hash),
            gas_limit=header.gas_limit,
            prev_hashes=map(Hash32, self._ancestors(header.block_number)),
            chain_id=genesis.CHAIN_ID,
            base_fee_per_gas=header.base_fee_per_gas,
            excess_blob_gas=0,
        )
        state = kind(cast("Any", self.nodes), context, Hash32(header.state_root))
        state.budget = current()
        return state

    def trace_access(
        self, state: Any, call: Call
    ) -> tuple[Outcome, tuple[tuple[bytes, tuple[int, ...]], ...]]:
        """Try a call; also what it touched, as an access list (EIP-2930), sorted.

        Addresses that are warm anyway (sender, recipient, precompiles) are listed only with slots.
        """
        created = generate_contract_address(Address(call.sender), state.get_nonce(call.sender))
        for noted in state.touched:
            noted.clear()
        outcome = self._tried(state, call)
        addresses, slots = state.touched
        warm = {call.sender, call.to or created, state.coinbase, *state.warm_anyway}
        warm.update(state.computation_class.get_precompiles())
        listed: dict[bytes, list[int]] = {address: [] for address in addresses}
        for owner, slot in sorted(slots):
            listed[owner].append(slot)
        return outcome, tuple(
            (address, tuple(found))
            for address, found in sorted(listed.items())
            if found or address not in warm
        )

    def open_block(self, header: Header, kind: type[State] = State) -> Any:
        """State for a new block whose header still carries the parent's root; EIP-2935 applied."""
        state = self.state(header, kind)
        slot = (header.block_number - 1) % HISTORY_SERVE_WINDOW
        state.set_storage(HISTORY_STORAGE_ADDRESS, slot, int.from_bytes(header.parent_hash, "big"))
        return state

    def apply(self, state: Any, transaction: Any, seconds: float = TRANSACTION_SECONDS) -> Outcome:
        """Run a signed transaction for good. Raises `Fault` when it may not enter a block.

        Without a change to the state when it takes longer than `seconds`, or than the thread's budget allows.
        """
        state.lock_changes()
        before = state.snapshot()
        nonce = transaction.nonce
        try:
            with limited(min(seconds, current().left)) as state.budget:
                computation = state.apply_transaction(transaction)
            _require_few_logs(computation)
        except Fault:
            state.revert(before)
            state.clear_transient_storage()
            raise
        except ValidationError as error:
            state.revert(before)
            raise Fault(REFUSED, f"invalid transaction: {error}") from error
        except Exception as error:
            # a defect in the EVM must cost the transaction that met it, not the others in the block
            state.revert(before)
            state.clear_transient_storage()
            log.exception("the EVM failed on a transaction")
            raise Fault(INTERNAL, "the EVM failed on this transaction; the chain's log says how") from error
        created = None if transaction.to else generate_contract_address(transaction.sender, nonce)
        return _outcome(transaction, computation, created)

    def run(self, state: Any, call: Call) -> Outcome:
        """Run a message: no signature, no nonce check, and no fee unless it offers one."""
        call = _within_means(state, call)
        nonce = state.get_nonce(call.sender)
        check(replace(call, nonce=nonce))
        base_fee = state.execution_context.base_fee_per_gas if call.max_fee_per_gas else 0
        afford(call, base_fee, state.get_balance(call.sender))
        executor = state.get_transaction_executor()
        try:
            computation = executor.build_computation(executor.build_evm_message(call), call)
            executor.finalize_computation(call, computation)
        except (ValidationError, VMError) as error:
            raise Fault(REFUSED, f"invalid call: {error}") from error
        created = None if call.to else generate_contract_address(Address(call.sender), nonce)
        return _outcome(call, computation, created)

    def estimate(self, state: Any, call: Call) -> int:
        """The least gas limit, within 1.5 %, under which the call succeeds; reverts raise `Fault` 3."""
        call = replace(_within_means(state, replace(call, is_gas_asked=False)), is_gas_asked=True)
        first = self._tried(state, call)
        if first.failed == "OutOfGas":
            raise Fault(REFUSED, f"gas required exceeds allowance ({call.gas})")
        if first.failed:
            raise reverted(first)
        low, high = first.gas_used - 1, call.gas
        floor = max(first.gas_needed, least_gas(call))
        # nearly always the gas used is enough; a call that hands 63/64 on may need more (EIP-150)
        for guess in (floor, floor * 64 // 63 + 2_300):
            if guess < high and not self._tried(state, replace(call, gas=guess)).failed:
                return guess
            low = max(low, min(guess, high - 1))
        while high - low > max(1, high * 15 // 1000):
            middle = (low + high) // 2
            if self._tried(state, replace(call, gas=middle)).failed:
                low = middle
            else:
                high = middle
        return high

    def _tried(self, state: Any, call: Call) -> Outcome:
        """What running a message does; the state is as before, whatever it was made to be."""
        before = state.snapshot()
        try:
            return self.run(state, call)
        finally:
            state.revert(before)
            state.clear_transient_storage()


def require_no_contract(state: Any, sender: bytes) -> None:
    """Raise `Fault` where a signer's account has code of its own (EIP-3607)."""
    code = state.get_code(sender)
    if code and code[:3] != _DELEGATION:
        raise Fault(REFUSED, f"sender not an eoa: 0x{sender.hex()} has code (EIP-3607)")


def _require_few_logs(computation: Any) -> None:
    if len(computation.get_log_entries()) > MOST_LOGS:
        raise Fault(LIMIT, f"a transaction has at most {MOST_LOGS} logs here")


def _within_means(state: Any, call: Call) -> Call:
    """The call with no more gas than its sender can pay for, unless it asked for an amount."""
    if call.is_gas_asked or not call.max_fee_per_gas:
        return call
    affordable = (state.get_balance(call.sender) - call.value) // call.max_fee_per_gas
    return replace(call, gas=min(call.gas, affordable)) if affordable >= least_gas(call) else call


def _outcome(message: Any, computation: Any, created: bytes | None) -> Outcome:
    spent = message.gas - computation.get_gas_remaining()
    refund = min(computation.get_gas_refund(), spent // 5)
    return Outcome(
        failed=type(computation.error).__name__ if computation.is_error else None,
        output=bytes(computation.output),
        gas_used=max(spent - refund, floor_gas(message.data)),
        gas_needed=spent,
        logs=computation.get_log_entries(),
        created=created,
    )

"""JSON-RPC methods that run messages: calls, estimates, access lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.budget import checked
from freehold.chain.embedded.faults import INVALID_PARAMS, Fault, reverted
from freehold.chain.embedded.messages import read_call
from freehold.chain.embedded.state import AccessState
from freehold.chain.embedded.wire import (
    LATEST,
    LONG,
    PENDING,
    MethodGroup,
    method,
    read_address,
    read_block,
    read_data,
    read_members,
    read_quantity,
    show_access,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.machine import Call
    from freehold.chain.header import Header

_MOST_ACCOUNTS, _MOST_SLOTS = 1_000, 10_000
_MOST_CODE = 128 * 1024
"""Bytes; five times what can be deployed."""
_ACCOUNT_FIELDS = ("balance", "nonce", "code", "state", "stateDiff")
_BLOCK_FIELDS = {
    "number": "block_number",
    "time": "timestamp",
    "gasLimit": "gas_limit",
    "baseFee": "base_fee_per_gas",
    "baseFeePerGas": "base_fee_per_gas",
    "feeRecipient": "coinbase",
    "coinbase": "coinbase",
    "prevRandao": "mix_hash",
    "random": "mix_hash",
}

_EMPTY_FIELDS: dict[str, tuple[Any, ...]] = {
    "withdrawals": ([],),
    "difficulty": (0, "0x0"),
    "blobBaseFee": (1, "0x1"),
    "beaconRoot": ("0x" + "00" * 32,),
    "parentBeaconBlockRoot": ("0x" + "00" * 32,),
}
"""What no block here has, and clients name: taken where it says what holds anyway."""


@dataclass(frozen=True)
class _Account:
    """What is supposed of one account; None leaves a thing as it is."""

    address: bytes
    balance: int | None
    nonce: int | None
    code: bytes | None
    storage: dict[int, int]
    is_whole_storage: bool
    """Whether slots that are not named are empty."""

    def on(self, state: Any) -> None:
        """Make the supposition."""
        if self.balance is not None:
            state.set_balance(self.address, self.balance)
        if self.nonce is not None:
            state.set_nonce(self.address, self.nonce)
        if self.code is not None:
            state.set_code(self.address, self.code)
            state.replaced |= {self.address}
        if self.is_whole_storage:
            state.delete_storage(self.address)
        for slot, value in checked(self.storage.items()):
            state.set_storage(self.address, slot, value)


def read_overrides(given: Any) -> Callable[[Any], Any]:
    """The third parameter of `eth_call`, address to what is supposed of it: how to make a state so."""
    given = {} if given is None else given
    if not isinstance(given, dict) or len(given) > _MOST_ACCOUNTS:
        raise Fault(INVALID_PARAMS, f"state overrides: expected an object of at most {_MOST_ACCOUNTS}")
    accounts = [_read_account(address, one) for address, one in checked(given.items()) if one is not None]

    def supposed(state: Any) -> Any:
        for one in checked(accounts):
            one.on(state)
        if accounts:
            # SSTORE is priced by the value before the transaction, which is the supposed one
            state.lock_changes()
        return state

    return supposed


def read_block_overrides(given: Any) -> dict[str, Any]:
    """The fourth parameter of `eth_call`, as header fields."""
    fields: dict[str, Any] = {}
    known = (*_BLOCK_FIELDS, *_EMPTY_FIELDS)
    said = read_members({} if given is None else given, "block overrides", known, is_all=True)
    for name, taken in _EMPTY_FIELDS.items():
        if name in said and said.pop(name) not in taken:
            raise Fault(INVALID_PARAMS, f"block overrides: {name} is not supported, but as {taken[-1]}")
    for name, value in said.items():
        field = _BLOCK_FIELDS[name]
        if field == "coinbase":
            fields[field] = read_address(value, name)
        elif field == "mix_hash":
            fields[field] = read_data(value, name, size=32)
        else:
            fields[field] = read_quantity(value, name)
            if fields[field] >= 2**64:
                raise Fault(INVALID_PARAMS, f"block overrides: {name} is below 2^64 here")
    return fields


def _read_account(address: str, given: Any) -> _Account:
    given = read_members(given, "state overrides", _ACCOUNT_FIELDS, is_all=True)
    if "state" in given and "stateDiff" in given:
        raise Fault(INVALID_PARAMS, "state overrides: state excludes stateDiff")
    code = read_data(given["code"], "code") if "code" in given else None
    if code is not None and len(code) > _MOST_CODE:
        raise Fault(INVALID_PARAMS, f"state overrides: code has more than {_MOST_CODE} bytes")
    nonce = read_quantity(given["nonce"], "nonce") if "nonce" in given else None
    if nonce is not None and nonce >= 2**64:
        raise Fault(INVALID_PARAMS, "state overrides: a nonce is below 2^64 (EIP-2681)")
    slots = given.get("state", given.get("stateDiff", {}))
    if not isinstance(slots, dict) or len(slots) > _MOST_SLOTS:
        raise Fault(INVALID_PARAMS, f"state overrides: expected at most {_MOST_SLOTS} slots")
    return _Account(
        address=read_address(address, "state overrides"),
        balance=read_quantity(given["balance"], "balance") if "balance" in given else None,
        nonce=nonce,
        code=code,
        storage={
            read_quantity(slot, "slot"): read_quantity(value, "value")
            for slot, value in checked(slots.items())
            if value is not None
        },
        is_whole_storage="state" in given,
    )


_MOST_KNOWN, _MOST_KNOWN_BYTES = 2_000, 2_048
"""Answers of the head that are kept, and bytes of what each was asked and answered."""
_MOST_ROUNDS = 8
"""Runs after which an access list that still changes the path taken is given as it stands."""


class CallMethods(MethodGroup):
    """Execution."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._known: tuple[Header, dict[Call, str]] = ledger.head, {}

    @method("eth_call", LONG)
    def _call(
        self, transaction: Any, block: Any = "latest", overrides: Any = None, block_overrides: Any = None
    ) -> str:
        place = self._place(block)
        header = replace(place, **fields) if (fields := read_block_overrides(block_overrides)) else place
        supposed, call = read_overrides(overrides), read_call(transaction)
        known = {} if overrides or fields or call.access_list or call.authorization_list else self._at(place)
        shown = known.get(call)
        if shown is None:
            outcome = self._ledger.machine.run(supposed(self._ledger.machine.state(header)), call)
            if outcome.failed:
                raise reverted(outcome)
            shown = f"0x{outcome.output.hex()}"
            if len(known) < _MOST_KNOWN and len(call.data) + len(outcome.output) <= _MOST_KNOWN_BYTES:
                known[call] = shown
        return shown

    def _at(self, header: Header) -> dict[Call, str]:
        """What calls were answered in this block, to be filled: they depend on nothing else. Of the head alone."""
        if header is not self._ledger.head:
            return {}
        of, known = self._known
        if of is not header:
            known = {}
            self._known = header, known
        return known

    @method("eth_estimateGas", LONG)
    def _estimate_gas(self, transaction: Any, block: Any = "pending", overrides: Any = None) -> str:
        # blocks come only with transactions, so the head's clock may be old: estimate in the next block
        place = PENDING if read_block(block) in LATEST else block
        state = read_overrides(overrides)(self._ledger.machine.state(self._place(place)))
        return hex(self._ledger.machine.estimate(state, read_call(transaction)))

    @method("eth_createAccessList", LONG)
    def _create_access_list(
        self, transaction: Any, block: Any = "latest", overrides: Any = None
    ) -> dict[str, Any]:
        call, machine = read_call(transaction), self._ledger.machine
        state = read_overrides(overrides)(machine.state(self._place(block), AccessState))
        for _ in range(_MOST_ROUNDS):
            outcome, touched = machine.trace_access(state, call)
            if touched == call.access_list:
                break
            call = replace(call, access_list=touched)
        shown: dict[str, Any] = {
            "accessList": show_access(call.access_list),
            "gasUsed": hex(outcome.gas_used),
        }
        return {**shown, "error": reverted(outcome).message} if outcome.failed else shown

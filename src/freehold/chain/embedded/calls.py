"""JSON-RPC methods that run messages: calls, estimates, access lists, and the sending of transactions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded import genesis
from freehold.chain.embedded.faults import INVALID_PARAMS, REFUSED, Fault, reverted
from freehold.chain.embedded.machine import Call
from freehold.chain.embedded.wire import (
    LATEST,
    LONG,
    PENDING,
    MethodGroup,
    method,
    read_address,
    read_data,
    read_quantity,
    show,
    show_access,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_ACCOUNTS, _MOST_SLOTS = 1_000, 10_000
_MOST_CODE = 128 * 1024
"""Bytes; five times what can be deployed."""
_KNOWN = {"balance", "nonce", "code", "state", "stateDiff"}
_BLOCK_FIELDS = {
    "number": "block_number",
    "time": "timestamp",
    "gasLimit": "gas_limit",
    "baseFee": "base_fee_per_gas",
    "baseFeePerGas": "base_fee_per_gas",
}


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
        if self.is_whole_storage:
            state.delete_storage(self.address)
        for slot, value in self.storage.items():
            state.set_storage(self.address, slot, value)


def read_overrides(given: Any) -> Callable[[Any], Any]:
    """The third parameter of `eth_call`, address to what is supposed of it: how to make a state so."""
    given = {} if given is None else given
    if not isinstance(given, dict) or len(given) > _MOST_ACCOUNTS:
        raise Fault(INVALID_PARAMS, f"state overrides: expected an object of at most {_MOST_ACCOUNTS}")
    accounts = [_read_account(address, one) for address, one in given.items()]

    def supposed(state: Any) -> Any:
        for one in accounts:
            one.on(state)
        if accounts:
            # SSTORE is priced by the value before the transaction, which is the supposed one
            state.lock_changes()
        return state

    return supposed


def read_block_overrides(given: Any) -> dict[str, Any]:
    """The fourth parameter of `eth_call`, as header fields."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Fault(INVALID_PARAMS, "block overrides: expected an object")
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name in _BLOCK_FIELDS:
            fields[_BLOCK_FIELDS[name]] = read_quantity(value, name) % 2**64
        elif name in ("feeRecipient", "coinbase"):
            fields["coinbase"] = read_address(value, name)
        elif name in ("prevRandao", "random"):
            fields["mix_hash"] = read_data(value, name, size=32)
        else:
            raise Fault(INVALID_PARAMS, f"block overrides: {name[:64]} is not supported")
    return fields


def _read_account(address: str, given: Any) -> _Account:
    if not isinstance(given, dict) or not given.keys() <= _KNOWN:
        raise Fault(INVALID_PARAMS, f"state overrides: expected members of {', '.join(sorted(_KNOWN))}")
    if given.get("state") is not None and given.get("stateDiff") is not None:
        raise Fault(INVALID_PARAMS, "state overrides: state excludes stateDiff")
    code = None if given.get("code") is None else read_data(given["code"], "code")
    if code is not None and len(code) > _MOST_CODE:
        raise Fault(INVALID_PARAMS, f"state overrides: code has more than {_MOST_CODE} bytes")
    nonce = _quantity(given, "nonce")
    if nonce is not None and nonce >= 2**64:
        raise Fault(INVALID_PARAMS, "state overrides: a nonce is below 2^64 (EIP-2681)")
    whole = given.get("state") is not None
    slots = given.get("state" if whole else "stateDiff") or {}
    if not isinstance(slots, dict) or len(slots) > _MOST_SLOTS:
        raise Fault(INVALID_PARAMS, f"state overrides: expected at most {_MOST_SLOTS} slots")
    return _Account(
        address=read_address(address, "state overrides"),
        balance=_quantity(given, "balance"),
        nonce=nonce,
        code=code,
        storage={read_quantity(slot, "slot"): read_quantity(value, "value") for slot, value in slots.items()},
        is_whole_storage=whole,
    )


def _quantity(given: dict[str, Any], name: str) -> int | None:
    return None if given.get(name) is None else read_quantity(given[name], name)


_MOST_ACCESSED = 1_000
_MOST_INITCODE = 49_152
_MOST_ROUNDS = 8
"""Runs after which an access list that still changes the path taken is given as it stands."""


class CallMethods(MethodGroup):
    """Execution."""

    @method("eth_call", LONG)
    def _call(
        self, transaction: Any, block: Any = "latest", overrides: Any = None, block_overrides: Any = None
    ) -> str | None:
        environment = self._environment(block, read_overrides(overrides), block_overrides)
        outcome = self._ledger.machine.run(environment(), read_call(transaction))
        if outcome.failed:
            raise reverted(outcome)
        return show(outcome.output)

    @method("eth_estimateGas", LONG)
    def _estimate_gas(self, transaction: Any, block: Any = "pending", overrides: Any = None) -> str:
        # blocks come only with transactions, so the head's clock may be old: estimate in the next block
        place = "pending" if block is None or block in LATEST else block
        environment = self._environment(place, read_overrides(overrides))
        return hex(self._ledger.machine.estimate(environment, read_call(transaction)))

    @method("eth_createAccessList", LONG)
    def _create_access_list(self, transaction: Any, block: Any = "latest") -> dict[str, Any]:
        call, header = read_call(transaction), self._place(block)
        machine = self._ledger.machine
        for _ in range(_MOST_ROUNDS):
            outcome, touched = machine.trace_access(header, call)
            if touched == call.access_list:
                break
            call = replace(call, access_list=touched)
        shown: dict[str, Any] = {
            "accessList": show_access(call.access_list),
            "gasUsed": hex(outcome.gas_used),
        }
        return {**shown, "error": reverted(outcome).message} if outcome.failed else shown

    @method("eth_sendRawTransaction")
    def _send_raw_transaction(self, raw: Any) -> str | None:
        return show(self._ledger.settle(self._ledger.offer(read_data(raw, "transaction"))))

    # -- inside

    def _place(self, block: Any) -> Any:
        return self._ledger.next_header() if block in PENDING else self._header(block)

    def _environment(
        self, block: Any, supposed: Callable[[Any], Any], block_overrides: Any = None
    ) -> Callable[[], Any]:
        """Fresh states in which a call at a block runs."""
        header = replace(self._place(block), **read_block_overrides(block_overrides))
        return lambda: supposed(self._ledger.machine.state(header))


def read_call(given: Any) -> Call:
    """The message of a call. Fee fields are ignored: calls are free here."""
    if not isinstance(given, dict):
        raise Fault(INVALID_PARAMS, "expected a call object")
    data = _read_input(given)
    gas = given.get("gas")
    listed = given.get("accessList") or []
    if not isinstance(listed, list) or len(listed) > _MOST_ACCESSED:
        raise Fault(INVALID_PARAMS, "accessList: expected a list")
    if given.get("to") is None and len(data) > _MOST_INITCODE:
        raise Fault(REFUSED, f"max initcode size exceeded: {len(data)} > {_MOST_INITCODE}")
    return Call(
        sender=bytes(20) if given.get("from") is None else read_address(given["from"], "from"),
        to=b"" if given.get("to") is None else read_address(given["to"], "to"),
        data=data,
        value=0 if given.get("value") is None else read_quantity(given["value"], "value"),
        gas=genesis.GAS_LIMIT if gas is None else min(read_quantity(gas, "gas"), genesis.GAS_LIMIT),
        access_list=tuple(_read_access(one) for one in listed),
    )


def _read_input(given: dict[str, Any]) -> bytes:
    """The calldata under either of its names, or both alike; null says nothing."""
    named = {name: read_data(given[name], name) for name in ("input", "data") if given.get(name) is not None}
    if len(set(named.values())) > 1:
        raise Fault(INVALID_PARAMS, "input and data differ; give one of them")
    return next(iter(named.values()), b"")


def _read_access(given: Any) -> tuple[bytes, tuple[int, ...]]:
    if not isinstance(given, dict) or not isinstance(given.get("storageKeys"), list):
        raise Fault(INVALID_PARAMS, "accessList: expected {address, storageKeys}")
    slots = tuple(read_quantity(slot, "storageKeys") for slot in given["storageKeys"][:_MOST_ACCESSED])
    return read_address(given.get("address"), "accessList"), slots

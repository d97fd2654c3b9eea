"""State and block fields that a caller of `eth_call` supposes for the time of the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.chain.embedded.faults import INVALID_PARAMS, Fault
from freehold.chain.embedded.wire import read_address, read_data, read_quantity

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


@dataclass(frozen=True)
class Overrides:
    """Suppositions about accounts."""

    accounts: tuple[_Account, ...] = ()

    def on(self, state: Any) -> Any:
        """The same state, with the suppositions made."""
        for one in self.accounts:
            if one.balance is not None:
                state.set_balance(one.address, one.balance)
            if one.nonce is not None:
                state.set_nonce(one.address, one.nonce)
            if one.code is not None:
                state.set_code(one.address, one.code)
            if one.is_whole_storage:
                state.delete_storage(one.address)
            for slot, value in one.storage.items():
                state.set_storage(one.address, slot, value)
        if self.accounts:
            # SSTORE is priced by the value before the transaction, which is the supposed one
            state.lock_changes()
        return state


def read_overrides(given: Any) -> Overrides:
    """The third parameter of `eth_call`: address to what is supposed of it."""
    if given is None:
        return Overrides()
    if not isinstance(given, dict) or len(given) > _MOST_ACCOUNTS:
        raise Fault(INVALID_PARAMS, f"state overrides: expected an object of at most {_MOST_ACCOUNTS}")
    return Overrides(tuple(_read_account(address, one) for address, one in given.items()))


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

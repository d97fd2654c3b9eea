"""What a call object says: the message that a transaction of the same content would carry."""

from __future__ import annotations

from typing import Any

from eth.vm.forks.prague.transactions import Authorization

from freehold.chain.embedded import genesis
from freehold.chain.embedded.faults import INVALID_PARAMS, Fault
from freehold.chain.embedded.machine import Call
from freehold.chain.embedded.transactions import BLOB, SET_CODE, require_kind
from freehold.chain.embedded.wire import read_address, read_data, read_members, read_quantity

CALL_FIELDS = (
    *("from", "to", "input", "data", "value", "gas", "accessList", "authorizationList", "chainId", "type"),
    *("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "blobVersionedHashes"),
)
_AUTHORIZATION_FIELDS = ("chainId", "address", "nonce", "yParity", "v", "r", "s")
_MOST_ACCESSED = 1_000
_MOST_AUTHORIZATIONS = 1_200
"""As many as a block's gas pays for."""


def read_call(given: Any, most_gas: int | None = None) -> Call:
    """The message of a call, which is free where no fee is offered; of no more gas than a block, or `most_gas`."""
    said = read_members(given, "call", CALL_FIELDS)
    named = {name: read_data(said[name], name) for name in ("input", "data") if name in said}
    if len(set(named.values())) > 1:
        raise Fault(INVALID_PARAMS, "input and data differ; give one of them")
    require_kind(BLOB if "blobVersionedHashes" in said else read_quantity(said.get("type", 0), "type"))
    most = genesis.GAS_LIMIT if most_gas is None else most_gas
    return Call(
        sender=read_address(said["from"], "from") if "from" in said else bytes(20),
        to=read_address(said["to"], "to") if "to" in said else b"",
        data=next(iter(named.values()), b""),
        value=read_quantity(said.get("value", 0), "value"),
        gas=min(read_quantity(said.get("gas", most), "gas"), most),
        access_list=_read_access_list(said.get("accessList", [])),
        authorization_list=_read_authorizations(said.get("authorizationList", [])),
        type_id=SET_CODE if "authorizationList" in said else 2,
        chain_id=read_quantity(said["chainId"], "chainId") if "chainId" in said else None,
        is_gas_asked="gas" in said,
        **_read_fees(said),
    )


def _read_fees(said: dict[str, Any]) -> dict[str, int]:
    names = ("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas")
    price, most, tip = (read_quantity(said.get(name, 0), name) for name in names)
    if "gasPrice" not in said:
        return {"max_fee_per_gas": most, "max_priority_fee_per_gas": tip}
    if most or tip:
        raise Fault(INVALID_PARAMS, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    return {"max_fee_per_gas": price, "max_priority_fee_per_gas": price}


def _read_access_list(given: Any) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    if not isinstance(given, list) or len(given) > _MOST_ACCESSED:
        raise Fault(INVALID_PARAMS, f"accessList: expected a list of at most {_MOST_ACCESSED}")
    return tuple(_read_access(one) for one in given)


def _read_access(given: Any) -> tuple[bytes, tuple[int, ...]]:
    said = read_members(given, "accessList", ("address", "storageKeys"))
    slots = said.get("storageKeys")
    if not isinstance(slots, list) or len(slots) > _MOST_ACCESSED:
        raise Fault(
            INVALID_PARAMS, f"accessList: expected {{address, storageKeys}} of at most {_MOST_ACCESSED}"
        )
    keys = tuple(read_quantity(slot, "storageKeys") for slot in slots)
    return read_address(said.get("address"), "accessList"), keys


def _read_authorizations(given: Any) -> tuple[Authorization, ...]:
    if not isinstance(given, list) or len(given) > _MOST_AUTHORIZATIONS:
        raise Fault(INVALID_PARAMS, f"authorizationList: expected a list of at most {_MOST_AUTHORIZATIONS}")
    return tuple(map(_read_authorization, given))


def _read_authorization(given: Any) -> Authorization:
    """A delegation (EIP-7702); one that is not well signed is no fault, and has no effect."""
    said = read_members(given, "authorizationList", _AUTHORIZATION_FIELDS)
    numbers = {name: read_quantity(said.get(name), name) for name in ("chainId", "nonce", "r", "s")}
    parity = read_quantity(said.get("yParity", said.get("v")), "yParity")
    if parity >= 2**8 or numbers["nonce"] >= 2**64:
        raise Fault(INVALID_PARAMS, "authorizationList: yParity is below 2^8, and a nonce below 2^64")
    address = read_address(said.get("address"), "authorizationList")
    return Authorization(numbers["chainId"], address, numbers["nonce"], parity, numbers["r"], numbers["s"])

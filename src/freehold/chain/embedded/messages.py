"""What a call object says: the message that a transaction of the same content would carry, and that transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import rlp
from coincurve import PrivateKey
from eth.vm.forks.prague.transactions import Authorization
from eth_hash.auto import keccak

from freehold.chain.embedded import genesis
from freehold.chain.embedded.budget import checked
from freehold.chain.embedded.faults import INVALID_PARAMS, Fault
from freehold.chain.embedded.machine import Call
from freehold.chain.embedded.transactions import BLOB, SET_CODE, check, require_kind
from freehold.chain.embedded.wire import read_address, read_data, read_members, read_quantity

CALL_FIELDS = (
    *("from", "to", "input", "data", "value", "gas", "accessList", "authorizationList", "chainId"),
    *("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "blobVersionedHashes"),
)
_FEES = ("maxFeePerGas", "maxPriorityFeePerGas")
_AUTHORIZATION_FIELDS = ("chainId", "address", "nonce", "yParity", "v", "r", "s")
TIP_WEI = 1
"""What is offered above the base fee where nobody says."""
_MOST_ACCESSED = 1_000
_MOST_AUTHORIZATIONS = 1_200
"""As many as a block's gas pays for."""


def read_call(given: Any) -> Call:
    """The message of a call that is only tried: of no more gas than a block has."""
    call = read_message(given)
    return replace(call, gas=min(call.gas, genesis.GAS_LIMIT))


def read_sent(given: Any, base_fee: int) -> Call:
    """The message of a transaction to send: as it says, and with fees where it names none. Raises `Fault`."""
    call = read_message(given)
    said = read_members(given, "transaction", ("gasPrice", *_FEES, "type"))
    tip = call.max_priority_fee_per_gas if "maxPriorityFeePerGas" in said else TIP_WEI
    if "gasPrice" not in said:
        most = call.max_fee_per_gas if "maxFeePerGas" in said else 2 * base_fee + tip
        tip = tip if "maxPriorityFeePerGas" in said else min(tip, most)
        call = replace(call, max_fee_per_gas=most, max_priority_fee_per_gas=tip)
    kind = read_quantity(said.get("type", call.type_id), "type")
    require_kind(kind)
    call = replace(call, type_id=SET_CODE) if kind == SET_CODE else call
    check(call)
    return call


def read_message(given: Any) -> Call:
    """What a call object says; free where no fee is offered, of a block's gas where none is named."""
    said = read_members(given, "call", CALL_FIELDS)
    named = {name: read_data(said[name], name) for name in ("input", "data") if name in said}
    if len(set(named.values())) > 1:
        raise Fault(INVALID_PARAMS, "input and data differ; give one of them")
    if "blobVersionedHashes" in said:
        require_kind(BLOB)
    return Call(
        sender=read_address(said["from"], "from") if "from" in said else bytes(20),
        to=read_address(said["to"], "to") if "to" in said else b"",
        data=next(iter(named.values()), b""),
        value=read_quantity(said.get("value", 0), "value"),
        gas=read_quantity(said.get("gas", genesis.GAS_LIMIT), "gas"),
        access_list=_read_access_list(said.get("accessList", [])),
        authorization_list=_read_authorizations(said.get("authorizationList", [])),
        type_id=SET_CODE if "authorizationList" in said else 2,
        chain_id=read_quantity(said["chainId"], "chainId") if "chainId" in said else None,
        is_gas_asked="gas" in said,
        **_read_fees(said),
    )


def read_nonce(given: Any) -> int | None:
    """The nonce that a call object names; most methods do not ask for it."""
    said = read_members(given, "call", ("nonce",))
    return read_quantity(said["nonce"], "nonce") if said else None


def _read_fees(said: dict[str, Any]) -> dict[str, int]:
    price, most, tip = (read_quantity(said.get(name, 0), name) for name in ("gasPrice", *_FEES))
    if "gasPrice" not in said:
        return {"max_fee_per_gas": most, "max_priority_fee_per_gas": tip}
    if most or tip:
        raise Fault(INVALID_PARAMS, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    return {"max_fee_per_gas": price, "max_priority_fee_per_gas": price}


def _read_access_list(given: Any) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    if not isinstance(given, list) or len(given) > _MOST_ACCESSED:
        raise Fault(INVALID_PARAMS, f"accessList: expected a list of at most {_MOST_ACCESSED}")
    return tuple(map(_read_access, checked(given)))


def _read_access(given: Any) -> tuple[bytes, tuple[int, ...]]:
    said = read_members(given, "accessList", ("address", "storageKeys"))
    slots = said.get("storageKeys")
    if not isinstance(slots, list) or len(slots) > _MOST_ACCESSED:
        raise Fault(
            INVALID_PARAMS, f"accessList: expected {{address, storageKeys}} of at most {_MOST_ACCESSED}"
        )
    keys = tuple(read_quantity(slot, "storageKeys") for slot in checked(slots))
    return read_address(said.get("address"), "accessList"), keys


def _read_authorizations(given: Any) -> tuple[Authorization, ...]:
    if not isinstance(given, list) or len(given) > _MOST_AUTHORIZATIONS:
        raise Fault(INVALID_PARAMS, f"authorizationList: expected a list of at most {_MOST_AUTHORIZATIONS}")
    return tuple(map(_read_authorization, checked(given)))


def _read_authorization(given: Any) -> Authorization:
    """A delegation (EIP-7702); one that is not well signed is no fault, and has no effect."""
    said = read_members(given, "authorizationList", _AUTHORIZATION_FIELDS)
    numbers = {name: read_quantity(said.get(name), name) for name in ("chainId", "nonce", "r", "s")}
    parity = read_quantity(said.get("yParity", said.get("v")), "yParity")
    if parity >= 2**8 or numbers["nonce"] >= 2**64:
        raise Fault(INVALID_PARAMS, "authorizationList: yParity is below 2^8, and a nonce below 2^64")
    address = read_address(said.get("address"), "authorizationList")
    return Authorization(numbers["chainId"], address, numbers["nonce"], parity, numbers["r"], numbers["s"])


def signed(call: Call, nonce: int, key: bytes) -> bytes:
    """The call as a transaction of whoever has the key."""
    kind, fields = _unsigned(call, nonce)
    signature = PrivateKey(key).sign_recoverable(keccak(kind + rlp.encode(fields)), hasher=None)
    numbers = (signature[64], *(int.from_bytes(signature[at : at + 32], "big") for at in (0, 32)))
    return kind + bytes(rlp.encode([*fields, *numbers]))


def impersonated(call: Call, nonce: int) -> bytes:
    """The call as a transaction that nobody signed, in the form that `transactions.is_impersonated` tells."""
    kind, fields = _unsigned(call, nonce)
    return kind + bytes(rlp.encode([*fields, 0, int.from_bytes(call.sender, "big"), 0]))


def _unsigned(call: Call, nonce: int) -> tuple[bytes, list[Any]]:
    """The type's byte, and the fields that are signed (EIP-1559, EIP-7702)."""
    listed = [[address, [slot.to_bytes(32, "big") for slot in slots]] for address, slots in call.access_list]
    fields: list[Any] = [
        genesis.CHAIN_ID,
        nonce,
        call.max_priority_fee_per_gas,
        call.max_fee_per_gas,
        call.gas,
    ]
    fields += [call.to, call.value, call.data, listed]
    if call.type_id == SET_CODE:
        fields.append(list(call.authorization_list))
    return bytes((call.type_id,)), fields

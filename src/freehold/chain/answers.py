"""What nodes answer, checked and turned into values.

A node is not trusted to keep to the format: each reader raises `ChainUnreachable` when it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError

from freehold.chain.abi import Entry, decode_log
from freehold.chain.errors import ChainUnreachable


@dataclass(frozen=True)
class TxReceipt:
    """What became of a transaction."""

    tx_hash: str
    block_number: int
    gas_used: int
    status: int
    """1 for success, 0 for failure."""
    logs: list[dict[str, Any]]
    """As `eth_getTransactionReceipt` gives them."""
    contract_address: str | None
    """The contract it created, if it did."""


@dataclass(frozen=True)
class Event:
    """One decoded log."""

    name: str
    args: dict[str, Any]
    """By name, in the order the event declares."""
    block_number: int
    tx_hash: str
    log_index: int
    address: str


def read_event(entry: Entry, log: dict[str, Any]) -> Event:
    """A decoded log object."""
    try:
        args = decode_log(entry, [read_data(topic) for topic in log["topics"]], read_data(log["data"]))
        return Event(
            name=entry.name,
            args=args,
            block_number=read_number(log["blockNumber"]),
            tx_hash=read_hash(log["transactionHash"]),
            log_index=read_number(log["logIndex"]),
            address=str(log["address"]).lower(),
        )
    except (DecodingError, KeyError, TypeError) as error:
        raise ChainUnreachable(
            f"the chain gave a log that {entry.signature} does not allow: {error}"
        ) from error


def read_receipt(found: dict[str, Any]) -> TxReceipt:
    """A receipt object."""
    created = found.get("contractAddress")
    return TxReceipt(
        tx_hash=read_hash(found["transactionHash"]),
        block_number=read_number(found["blockNumber"]),
        gas_used=read_number(found["gasUsed"]),
        status=read_number(found["status"]),
        logs=list(found["logs"]),
        contract_address=None if created is None else str(created).lower(),
    )


def read_number(value: Any) -> int:
    """A hex quantity below 2^256."""
    if not isinstance(value, str) or not 3 <= len(value) <= 66 or not value.startswith("0x"):
        raise ChainUnreachable(f"the chain answered {str(value)[:80]!r} where a number was expected")
    return int(value, 16)


def read_data(value: Any) -> bytes:
    """Hex bytes."""
    try:
        return bytes.fromhex(str(value).removeprefix("0x"))
    except ValueError:
        raise ChainUnreachable("the chain answered something else where bytes were expected") from None


def read_hash(value: Any) -> str:
    """A 32-byte hash, lower-case hex."""
    if not isinstance(value, str) or len(value) != 66:
        raise ChainUnreachable("the chain answered something else where a hash was expected")
    return value.lower()

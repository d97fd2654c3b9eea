"""JSON-RPC values: what parameters may look like, and how blocks, transactions and logs are shown.

Parameters are read here for all methods. Null says nothing, as if it were absent. What an object is not known to have
is ignored, as clients put things of their own there; but not in overrides, where it would change the answer.

`MethodGroup` is what every group of methods shares: the ledger, and finding the block a caller means.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

import rlp

from freehold.chain.embedded.budget import checked
from freehold.chain.embedded.faults import INVALID_PARAMS, REFUSED, Fault
from freehold.chain.embedded.transactions import bloom_of
from freehold.chain.header import JSON_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.header import Header

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_DATA = re.compile(r"(?:0x(?:[0-9a-fA-F]{2})*)?\Z")
LATEST, PENDING = ("latest", "safe", "finalized"), "pending"


def read_quantity(value: Any, name: str) -> int:
    """A `0x` hex integer below 2^256; plain JSON integers are accepted too."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**256:
        return value
    if isinstance(value, str) and _QUANTITY.match(value):
        return int(value, 16)
    raise Fault(INVALID_PARAMS, f"{name}: expected a hex quantity")


def read_data(value: Any, name: str, *, size: int | None = None) -> bytes:
    """`0x` hex bytes, of an exact size where given; the empty string is no bytes, as in geth."""
    if not isinstance(value, str) or not _DATA.match(value):
        raise Fault(INVALID_PARAMS, f"{name}: expected hex data")
    data = bytes.fromhex(value[2:])
    if size is not None and len(data) != size:
        raise Fault(INVALID_PARAMS, f"{name}: expected {size} bytes, got {len(data)}")
    return data


def read_address(value: Any, name: str) -> bytes:
    """A 20-byte address."""
    return read_data(value, name, size=20)


def read_flag(value: Any, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Fault(INVALID_PARAMS, f"{name}: expected true or false")
    return value


def read_members(given: Any, name: str, known: Iterable[str], *, is_all: bool = False) -> dict[str, Any]:
    """The known members of an object that are not null; with `is_all`, others are refused."""
    if not isinstance(given, dict):
        raise Fault(INVALID_PARAMS, f"{name}: expected an object")
    said = {key: value for key, value in given.items() if value is not None}
    names = tuple(known)
    strange = next((key for key in said if key not in names), None)
    if is_all and strange is not None:
        raise Fault(INVALID_PARAMS, f"{name}: {strange[:64]} is not supported; expected {', '.join(names)}")
    return {key: said[key] for key in names if key in said}


def read_block(given: Any, name: str = "block") -> str | int | bytes:
    """What names a block: a tag, a number, or a hash, which may stand alone or in an object (EIP-1898)."""
    if isinstance(given, dict):
        said = read_members(given, name, ("blockHash", "blockNumber", "requireCanonical"))
        # every block here is canonical
        read_flag(said.pop("requireCanonical", False), "requireCanonical")
        if len(said) != 1:
            raise Fault(INVALID_PARAMS, f"{name}: expected either blockHash or blockNumber")
        if "blockHash" in said:
            return read_data(said["blockHash"], "blockHash", size=32)
        given = said["blockNumber"]
    elif isinstance(given, str) and len(given) == 66:
        # a bare hash, as ethers and web3.py send it
        return read_data(given, name, size=32)
    if isinstance(given, str) and (given in LATEST or given == PENDING):
        return given
    return 0 if given == "earliest" else read_quantity(given, name)


def show(data: bytes | None) -> str | None:
    """Bytes as hex, None as null."""
    return None if data is None else "0x" + bytes(data).hex()


def show_header(header: Header) -> dict[str, Any]:
    """The header fields of a block object."""
    values = {name: getattr(header, field) for field, name in JSON_NAMES.items()}
    shown = {name: hex(value) if isinstance(value, int) else show(value) for name, value in values.items()}
    return {**shown, "hash": show(header.hash), "totalDifficulty": "0x0", "uncles": [], "withdrawals": []}


def block_size(header: Header, raws: list[bytes]) -> int:
    """Bytes of the block's RLP: header, transactions, no uncles, no withdrawals."""
    # a typed transaction stands in the list as a byte string, a legacy one as the list it is
    items = sum(len(raw if raw[0] >= 0xC0 else rlp.encode(raw)) for raw in raws)
    payload = len(header.encoded) + _list_size(items) + 2
    return _list_size(payload)


def _list_size(payload: int) -> int:
    """Bytes of an RLP list whose items take `payload` bytes."""
    return 1 + payload if payload < 56 else 1 + (payload.bit_length() + 7) // 8 + payload


def show_access(listed: Iterable[tuple[bytes, Iterable[int]]]) -> list[dict[str, Any]]:
    """An access list (EIP-2930)."""
    return [
        {"address": show(address), "storageKeys": [f"0x{slot:064x}" for slot in slots]}
        for address, slots in listed
    ]


def show_transaction(
    transaction: Any,
    tx_hash: bytes,
    sender: bytes,
    place: tuple[int, bytes, int] | None,
    price_wei: int | None = None,
) -> dict[str, Any]:
    """A transaction object; `place` is (block number, block hash, index), None while queued."""
    number, block_hash, index = place or (None, None, None)
    kind = transaction.type_id or 0
    shown: dict[str, Any] = {
        "hash": show(tx_hash),
        "type": hex(kind),
        "nonce": hex(transaction.nonce),
        "from": show(sender),
        "to": show(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "input": show(transaction.data),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        "blockNumber": None if number is None else hex(number),
        "blockHash": show(block_hash),
        "transactionIndex": None if index is None else hex(index),
        "gasPrice": hex(transaction.max_fee_per_gas if price_wei is None else price_wei),
    }
    if transaction.chain_id is not None:
        shown["chainId"] = hex(transaction.chain_id)
    if kind == 0:
        return {**shown, "v": hex(transaction.v)}
    shown |= {
        "v": hex(transaction.y_parity),
        "yParity": hex(transaction.y_parity),
        "accessList": show_access(transaction.access_list),
    }
    if kind in (2, 4):
        shown |= {
            "maxFeePerGas": hex(transaction.max_fee_per_gas),
            "maxPriorityFeePerGas": hex(transaction.max_priority_fee_per_gas),
        }
    if kind == 4:
        shown["authorizationList"] = [
            {
                "chainId": hex(one.chain_id),
                "address": show(one.address),
                "nonce": hex(one.nonce),
                "yParity": hex(one.y_parity),
                "r": hex(one.r),
                "s": hex(one.s),
            }
            for one in transaction.authorization_list
        ]
    return shown


class Written(list[str]):
    """A list whose items are JSON already: to make objects of many rows first would take several times as long."""


def write_place(number: int, block_hash: bytes, timestamp: int) -> str:
    """What all logs of a block have in common, as members of a JSON object."""
    return (
        f'"blockNumber":"0x{number:x}","blockHash":"0x{block_hash.hex()}","blockTimestamp":"0x{timestamp:x}"'
    )


def write_log(row: tuple[Any, ...], place: str) -> str:
    """A log object from a row of the `logs` table, as JSON."""
    _, position, tx_hash, tx_position, address, first, second, third, fourth, data = row
    shown = ""
    if first is not None:
        shown = f'"0x{first.hex()}"'
        # those that are absent stand at the end
        for topic in (second, third, fourth):
            if topic is None:
                break
            shown += f',"0x{topic.hex()}"'
    return (
        f'{{"address":"0x{address.hex()}","topics":[{shown}],"data":"0x{data.hex()}",{place},'
        f'"transactionHash":"0x{tx_hash.hex()}","transactionIndex":"0x{tx_position:x}",'
        f'"logIndex":"0x{position:x}","removed":false}}'
    )


def show_log(row: tuple[Any, ...], block_hash: bytes, timestamp: int) -> dict[str, Any]:
    """The same, read."""
    shown: dict[str, Any] = json.loads(write_log(row, write_place(row[0], block_hash, timestamp)))
    return shown


def show_receipt(
    row: tuple[Any, ...], transaction: Any, block_hash: bytes, logs: list[dict[str, Any]]
) -> dict[str, Any]:
    """A receipt object from a row of the `transactions` table and its logs."""
    tx_hash, number, position, _, sender, created, status, gas_used, cumulative, price = row
    seen = [bytes.fromhex(item[2:]) for log in checked(logs) for item in (log["address"], *log["topics"])]
    return {
        "transactionHash": show(tx_hash),
        "transactionIndex": hex(position),
        "blockHash": show(block_hash),
        "blockNumber": hex(number),
        "from": show(sender),
        "to": show(transaction.to) if transaction.to else None,
        "contractAddress": show(created),
        "status": hex(status),
        "type": hex(transaction.type_id or 0),
        "gasUsed": hex(gas_used),
        "cumulativeGasUsed": hex(cumulative),
        "effectiveGasPrice": hex(int.from_bytes(price, "big")),
        "logs": logs,
        "logsBloom": f"0x{bloom_of(seen):0512x}",
    }


BRIEF, LONG, WRITING, SENDING, STEPPING = "brief", "long", "writing", "sending", "stepping"
"""Turns of methods: those that take moments, however much there is; those that may compute for long, and change
nothing before their end; those that wait for the ledger, which somebody's block may keep; those that compute as a long
one does how to put a transaction in line, which shares a block; those that write step by step, each at a turn."""


def method(name: str, turn: str = BRIEF) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Publish a method under its JSON-RPC name."""

    def publish(function: Callable[..., Any]) -> Callable[..., Any]:
        function.rpc_name, function.turn = name, turn  # type: ignore[attr-defined]
        return function

    return publish


class MethodGroup:
    """Methods over one ledger; nobody holds its lock."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def table(self) -> dict[str, Callable[..., Any]]:
        """The published methods by name."""
        return {
            found.rpc_name: found
            for _, found in inspect.getmembers(self, inspect.ismethod)
            if hasattr(found, "rpc_name")
        }

    def _numbered(self, number: int) -> Header:
        # SQLite knows no larger numbers
        header = self._ledger.header_at(number) if number < 2**63 else None
        if header is None:
            raise Fault(REFUSED, "block not found")
        return header

    def _hashed(self, block_hash: bytes) -> Header | None:
        rows = self._ledger.store.rows("SELECT number FROM blocks WHERE hash = ?", (block_hash,))
        return self._numbered(rows[0][0]) if rows else None

    def _header(self, block: Any) -> Header:
        """The header that names a block; the head for one that is pending."""
        named = read_block(block)
        if isinstance(named, str):
            return self._ledger.head
        header = self._hashed(named) if isinstance(named, bytes) else self._numbered(named)
        if header is None:
            raise Fault(REFUSED, "block not found")
        return header

    def _place(self, block: Any) -> Header:
        """The header of the block in which a call runs: of the one that would follow where it is pending."""
        return self._ledger.next_header() if read_block(block) == PENDING else self._header(block)

    def _state(self, block: Any) -> Any:
        return self._ledger.machine.state(self._header(block))

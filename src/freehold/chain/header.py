"""Block headers of any Ethereum network, from London on: RLP in, fields out, and back.

Forks only ever append fields (Shanghai the withdrawals root, Cancun three, Prague one), so a header
is read by position and what a later fork adds is kept, unread, in `rest`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import rlp
from eth_hash.auto import keccak

from freehold.chain.trie import EMPTY_ROOT, joined, number, string

EMPTY_UNCLES = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
EMPTY_REQUESTS = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
MOST_BYTES = 4_096
"""More than any network's header takes."""
_LEAST_FIELDS, _MOST_FIELDS = 16, 40
_SIZES = {"parent_hash": 32, "state_root": 32, "coinbase": 20, "bloom": 256}


@dataclass(frozen=True)
class Header:
    """One block header; the defaults are those of an empty block after the merge."""

    parent_hash: bytes
    uncles_hash: bytes = EMPTY_UNCLES
    coinbase: bytes = bytes(20)
    state_root: bytes = EMPTY_ROOT
    transaction_root: bytes = EMPTY_ROOT
    receipt_root: bytes = EMPTY_ROOT
    bloom: bytes = bytes(256)
    difficulty: int = 0
    block_number: int = 0
    gas_limit: int = 0
    gas_used: int = 0
    timestamp: int = 0
    extra_data: bytes = b""
    mix_hash: bytes = bytes(32)
    nonce: bytes = bytes(8)
    base_fee_per_gas: int = 0
    withdrawals_root: bytes | None = EMPTY_ROOT
    blob_gas_used: int | None = 0
    excess_blob_gas: int | None = 0
    parent_beacon_block_root: bytes | None = bytes(32)
    requests_hash: bytes | None = EMPTY_REQUESTS
    rest: tuple[bytes, ...] = ()
    """Fields of forks later than Prague, as they stand."""

    @cached_property
    def encoded(self) -> bytes:
        """RLP; absent trailing fields are left out."""
        values = [getattr(self, name) for name in _NAMES]
        shown = [number(one) if isinstance(one, int) else string(one) for one in values if one is not None]
        return joined(b"".join([*shown, *map(string, self.rest)]))

    @cached_property
    def hash(self) -> bytes:
        """The block hash."""
        return bytes(keccak(self.encoded))

    @classmethod
    def decode(cls, encoded: bytes) -> Header:
        """Read a header. Raises `ValueError` when the bytes are not one."""
        if len(encoded) > MOST_BYTES:
            raise ValueError("longer than any block header")
        try:
            items = rlp.decode(encoded)
        except (rlp.DecodingError, RecursionError) as error:
            raise ValueError(f"not RLP: {error}") from error
        if not isinstance(items, list) or not _LEAST_FIELDS <= len(items) <= _MOST_FIELDS:
            raise ValueError("not a list of as many fields as a block header has")
        if not all(isinstance(item, bytes) for item in items):
            raise ValueError("a header field is a list")
        known: dict[str, Any] = dict.fromkeys(_NAMES[_LEAST_FIELDS:]) | {
            name: _read(name, item) for name, item in zip(_NAMES, items, strict=False)
        }
        return cls(**known, rest=tuple(items[len(_NAMES) :]))


_NAMES = [one.name for one in fields(Header)][:-1]
NUMBERS = {one.name for one in fields(Header) if str(one.type).startswith("int")}
_JSON_OWN = {
    "uncles_hash": "sha3Uncles",
    "coinbase": "miner",
    "transaction_root": "transactionsRoot",
    "receipt_root": "receiptsRoot",
    "bloom": "logsBloom",
    "block_number": "number",
}
JSON_NAMES = {name: _JSON_OWN.get(name) or name[0] + name.title().replace("_", "")[1:] for name in _NAMES}
"""What JSON-RPC calls each field."""


def _read(name: str, item: bytes) -> Any:
    if name in NUMBERS:
        if item[:1] == b"\x00" or len(item) > 32:
            raise ValueError(f"{name} is not a canonical integer")
        return int.from_bytes(item, "big")
    if name in _SIZES and len(item) != _SIZES[name]:
        raise ValueError(f"{name} has {len(item)} bytes")
    return item

"""Proofs of what a chain stored, checked offline against nothing but a block hash.

A bundle holds a block header and, for each account, the trie nodes (EIP-1186) from the header's
state root to the account and on to its storage slots. `verify` recomputes every hash on the way;
what remains to trust is that the block hash is the chain's, which a reader compares with a source of
their choice. It reads headers of any network, the local one included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rlp
from eth_hash.auto import keccak

from freehold.chain.client import Chain
from freehold.chain.errors import ChainUnreachable
from freehold.chain.header import JSON_NAMES, MOST_BYTES, NUMBERS, Header
from freehold.chain.trie import EMPTY_ROOT, MalformedTrie, look_up
from freehold.core.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.chain.rpc import Rpc

_MOST_ACCOUNTS, _MOST_SLOTS, _MOST_NODES, _MOST_NODE_BYTES = 64, 1_024, 65, 1_024
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_FIELDS = ("header", "block_number", "block_hash", "accounts")


@dataclass(frozen=True)
class Proof:
    """What a bundle proves, if `block_hash` is a block of the chain."""

    block_hash: str
    block_number: int
    timestamp: int
    state: dict[tuple[str, int], int]
    """Value of each (lower-case account, slot); 0 is proven absence."""


def capture(
    chain: Chain | Rpc, wanted: Sequence[tuple[str, Sequence[int]]], block: int | str = "latest"
) -> dict[str, Any]:
    """Fetch a bundle for `(account, [slot, ...])` at a block; JSON-able.

    What the node gives is verified before it is returned. Raises `ChainUnreachable` when the node's
    header or proofs do not hold together.
    """
    rpc = chain.rpc if isinstance(chain, Chain) else chain
    shown = rpc.call("eth_getBlockByNumber", hex(block) if isinstance(block, int) else block, False)
    if not isinstance(shown, dict):
        raise ChainUnreachable(f"the chain has no block {block}")
    number = shown["number"]
    answers = rpc.batch(
        [
            # some nodes take slots as 32 bytes only
            ("eth_getProof", account, [f"0x{slot:064x}" for slot in slots], number)
            for account, slots in wanted
        ]
    )
    bundle = {
        "header": "0x" + _header(shown).encoded.hex(),
        "block_number": int(number, 16),
        "block_hash": shown["hash"].lower(),
        "accounts": [
            {
                "address": account.lower(),
                "proof": [node.lower() for node in answer["accountProof"]],
                "storage": [
                    {"slot": hex(slot), "proof": _without_empty_trie(one["proof"])}
                    for slot, one in zip(slots, answer["storageProof"], strict=True)
                ],
            }
            for (account, slots), answer in zip(wanted, answers, strict=True)
        ],
    }
    try:
        verify(bundle)
    except VerificationFailed as error:
        raise ChainUnreachable(
            f"the chain gave a proof that does not hold: {error.message}",
            hint="ask another node of the network",
        ) from error
    return bundle


def verify(bundle: Any) -> Proof:
    """Recompute a bundle. Raises `VerificationFailed` naming what broke; reads no network and no clock."""
    header = _read_header(bundle)
    accounts = _list(_only(bundle, _FIELDS, ""), "accounts", _MOST_ACCOUNTS)
    state: dict[tuple[str, int], int] = {}
    for index, account in enumerate(accounts):
        where = f"accounts[{index}]"
        address = _bytes(_only(account, ("address", "proof", "storage"), where), "address", where, 20)
        root = _storage_root(header.state_root, address, account, where)
        for position, one in enumerate(_list(account, "storage", _MOST_SLOTS, where)):
            at = f"{where}.storage[{position}]"
            slot = _quantity(_only(one, ("proof", "slot"), at), "slot", at)
            if ("0x" + address.hex(), slot) in state:
                raise _broken(at, "the slot is proven twice")
            leaf = _proven(root, keccak(slot.to_bytes(32, "big")), _nodes(one, at), at)
            state["0x" + address.hex(), slot] = _stored(leaf, at)
    return Proof(
        block_hash="0x" + header.hash.hex(),
        block_number=header.block_number,
        timestamp=header.timestamp,
        state=state,
    )


def _without_empty_trie(proof: Any) -> Any:
    """A storage proof; some nodes show the empty trie's one node, others, and `verify`, show none."""
    return [] if proof == ["0x80"] else [node.lower() for node in proof]


def _header(shown: dict[str, Any]) -> Header:
    """The header that a node's block object describes."""
    values: dict[str, Any] = {}
    try:
        for field, name in JSON_NAMES.items():
            value = shown.get(name)
            if value is None:
                values[field] = None
            elif field in NUMBERS:
                values[field] = int(value, 16)
            else:
                values[field] = bytes.fromhex(value[2:])
        header = Header(**values)
        if "0x" + header.hash.hex() == shown["hash"]:
            return header
    except (ValueError, TypeError, KeyError, rlp.EncodingError) as error:
        raise ChainUnreachable(f"the chain gave a block that is no header: {error}") from error
    raise ChainUnreachable(
        "the chain's block does not hash to its hash",
        hint="the network has header fields this version does not know",
    )


def _read_header(bundle: Any) -> Header:
    try:
        header = Header.decode(_bytes(bundle, "header", "", None, most=MOST_BYTES))
    except ValueError as error:
        raise _broken("header", str(error)) from error
    if _bytes(bundle, "block_hash", "", 32) != header.hash:
        raise _broken("block_hash", "the header has another hash")
    if bundle.get("block_number") != header.block_number or isinstance(bundle["block_number"], bool):
        raise _broken("block_number", "the header has another number")
    return header


def _storage_root(state_root: bytes, address: bytes, account: Any, where: str) -> bytes:
    """Storage root of an account; the empty trie's for an account proven absent."""
    leaf = _proven(state_root, keccak(address), _nodes(account, where), where)
    if leaf is None:
        return EMPTY_ROOT
    try:
        fields = rlp.decode(leaf)
    except rlp.DecodingError as error:
        raise _broken(where, "the account is not RLP") from error
    if (
        not isinstance(fields, list)
        or len(fields) != 4
        or not isinstance(fields[2], bytes)
        or len(fields[2]) != 32
    ):
        raise _broken(where, "the account has not the four fields of one")
    return bytes(fields[2])


def _proven(root: bytes, key: bytes, nodes: list[bytes], where: str) -> bytes | None:
    """The value under `key`, when the nodes prove it, in order, with none left over."""
    unread = iter(nodes)

    def fetch(digest: bytes) -> bytes:
        node = next(unread, None)
        if node is None:
            raise _broken(where, "the proof ends before the answer")
        if keccak(node) != digest:
            raise _broken(where, "a proof node does not hash to what its parent names")
        return node

    try:
        value, _ = look_up(root, key, fetch)
    except MalformedTrie as error:
        raise _broken(where, str(error)) from error
    if next(unread, None) is not None:
        raise _broken(where, "the proof holds nodes that prove nothing")
    return value


def _stored(leaf: bytes | None, where: str) -> int:
    """The integer in a storage leaf: RLP of its big-endian bytes without leading zeros."""
    if leaf is None:
        return 0
    try:
        value = rlp.decode(leaf)
    except rlp.DecodingError as error:
        raise _broken(where, "the stored value is not RLP") from error
    if not isinstance(value, bytes) or not 0 < len(value) <= 32 or value[0] == 0:
        raise _broken(where, "the stored value is not a canonical integer")
    return int.from_bytes(value, "big")


def _broken(where: str, why: str) -> VerificationFailed:
    return VerificationFailed(
        f"the chain proof fails at {where}: {why}",
        hint="the proof was altered or made for another block",
        check=where,
    )


def _member(holder: Any, name: str, where: str) -> Any:
    if not isinstance(holder, dict) or name not in holder:
        raise _broken(where or "bundle", f"{name} is missing")
    return holder[name]


def _only(holder: Any, names: tuple[str, ...], where: str) -> Any:
    if not isinstance(holder, dict) or set(holder) != set(names):
        raise _broken(where or "bundle", f"must hold {', '.join(names)} and nothing else")
    return holder


def _list(holder: Any, name: str, most: int, where: str = "") -> list[Any]:
    value = _member(holder, name, where)
    if not isinstance(value, list) or len(value) > most:
        raise _broken(where or name, f"{name} is not a list of at most {most}")
    return value


def _bytes(holder: Any, name: str, where: str, size: int | None, *, most: int = 32) -> bytes:
    return _hex(_member(holder, name, where), f"{where}.{name}".lstrip("."), size, most)


def _hex(value: Any, where: str, size: int | None, most: int) -> bytes:
    longest = 2 + 2 * (most if size is None else size)
    if isinstance(value, str) and len(value) <= longest and _HEX.fullmatch(value):
        data = bytes.fromhex(value[2:])
        if size in (None, len(data)):
            return data
    raise _broken(where, "not lower-case hex bytes of the expected size")


def _quantity(holder: Any, name: str, where: str) -> int:
    value = _member(holder, name, where)
    if isinstance(value, str) and value.startswith("0x") and 3 <= len(value) <= 66:
        try:
            number = int(value, 16)
        except ValueError:
            number = -1
        if hex(number) == value:
            return number
    raise _broken(where, f"{name} is not a canonical hex integer")


def _nodes(holder: Any, where: str) -> list[bytes]:
    nodes = _list(holder, "proof", _MOST_NODES, where)
    return [_hex(node, f"{where}.proof[{index}]", None, _MOST_NODE_BYTES) for index, node in enumerate(nodes)]

"""RLP of what is encoded often, and one walk down a Merkle-Patricia trie, for making proofs and for checking them.

Yellow Paper appendix D: a node is a branch (17 items), or a pair whose first item holds a nibble
path in hex-prefix form, odd length flagged 1 and leaf flagged 2. A child of 32 bytes is a hash; a
shorter one stands inside its parent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rlp
from eth_hash.auto import keccak

if TYPE_CHECKING:
    from collections.abc import Callable

EMPTY_ROOT = keccak(b"\x80")
_MOST_STEPS = 64
"""Nibbles in a hashed key; no honest path is longer."""


# the general library works out the type of every value anew, which takes longer than signing it


def number(value: int) -> bytes:
    """RLP of a number (Yellow Paper, appendix B): its bytes, without leading zeros."""
    return string(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def string(value: bytes) -> bytes:
    """A byte string."""
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _sized(0x80, len(value)) + value


def joined(payload: bytes) -> bytes:
    """A list, from its items' encodings in a row."""
    return _sized(0xC0, len(payload)) + payload


def _sized(kind: int, size: int) -> bytes:
    if size < 56:
        return bytes((kind + size,))
    width = (size.bit_length() + 7) // 8
    return bytes((kind + 55 + width,)) + size.to_bytes(width, "big")


class MalformedTrie(ValueError):
    """A node is not what a trie node can be."""


def look_up(root: bytes, key: bytes, fetch: Callable[[bytes], bytes]) -> tuple[bytes | None, list[bytes]]:
    """Value under `key` (None: proven absent) and the encoded nodes from the root down to the answer.

    `fetch(hash)` returns the encoding of the node with that keccak; the caller vouches for the match.
    Raises `MalformedTrie`.
    """
    if root == EMPTY_ROOT:
        return None, []
    path = [nibble for byte in key for nibble in (byte >> 4, byte & 15)]
    visited = [fetch(root)]
    node = _decode(visited[0])
    for _ in range(_MOST_STEPS + 1):
        if len(node) == 17:
            if not path:
                return _value(node[16]), visited
            child, path = node[path[0]], path[1:]
        else:
            prefix, is_leaf = _prefix(node[0])
            if is_leaf:
                return (_value(node[1]) if prefix == path else None), visited
            if path[: len(prefix)] != prefix:
                return None, visited
            child, path = node[1], path[len(prefix) :]
        if child == b"":
            return None, visited
        if isinstance(child, list):
            node = _checked(child)
            continue
        if len(child) != 32:
            raise MalformedTrie("a child is neither a hash nor a node")
        visited.append(fetch(child))
        node = _decode(visited[-1])
    raise MalformedTrie("a path is longer than its key")


def _decode(encoded: bytes) -> list[Any]:
    try:
        return _checked(rlp.decode(encoded))
    except (rlp.DecodingError, RecursionError) as error:
        raise MalformedTrie(f"a node is not RLP: {error}") from error


def _checked(node: Any) -> list[Any]:
    if not isinstance(node, list) or len(node) not in (2, 17):
        raise MalformedTrie("a node has neither 2 nor 17 items")
    return node


def _prefix(encoded: Any) -> tuple[list[int], bool]:
    """Nibbles and leaf flag of a hex-prefix path."""
    if not isinstance(encoded, bytes) or not encoded or encoded[0] >> 4 > 3:
        raise MalformedTrie("a path has no valid hex prefix")
    nibbles = [nibble for byte in encoded for nibble in (byte >> 4, byte & 15)]
    is_odd, is_leaf = nibbles[0] & 1, bool(nibbles[0] & 2)
    if not is_odd and nibbles[1]:
        raise MalformedTrie("an even path has a non-zero pad")
    return nibbles[1 if is_odd else 2 :], is_leaf


def _value(value: Any) -> bytes | None:
    if not isinstance(value, bytes):
        raise MalformedTrie("a value is a list")
    return value or None

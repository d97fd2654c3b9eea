"""Merkle-Patricia tries over stored nodes: reading a key, and applying all of a block's changes in one walk.

Yellow Paper, appendix D. A node is a tuple here: sixteen children (a branch; values never stand in
one, as no key may be a prefix of another), or `(path, is_leaf, payload)` with the path in hex digits.
A child is the RLP that stands for it inside its parent (the hash of 32 bytes as a string, or a short
node itself), or, while changes are being applied, a node that has no encoding yet. So a node is
encoded and hashed once a block, however many changes passed through it.
"""

from __future__ import annotations

import functools
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from eth_hash.auto import keccak

from freehold.chain.embedded.budget import checked, current
from freehold.chain.trie import EMPTY_ROOT, MalformedTrie, joined, string

if TYPE_CHECKING:
    from collections.abc import Mapping

    Node = tuple[Any, ...]
    Changes = list[tuple[str, bytes]]

_EMPTY = b"\x80"
"""The child that is not there; the RLP of an empty string."""
_HASHED = 0xA0
"""First byte of a child given by its hash."""
_DIGITS = "0123456789abcdef"


class Nodes(Protocol):
    """Where nodes are kept: by hash, each as decoded here."""

    def node(self, digest: bytes) -> Node:
        """The node with this hash; `KeyError` when it is not there."""

    def keep(self, digest: bytes, encoded: bytes, node: Node) -> None:
        """Add a node."""


@functools.lru_cache(maxsize=65_536)
def path_of(key: bytes) -> str:
    """Where a key of a state or storage trie stands: its keccak, in hex digits."""
    return keccak(key).hex()


def read(nodes: Nodes, root: bytes, path: str) -> bytes:
    """The value at a path, empty when there is none."""
    node = _root(nodes, root)
    at = 0
    while node is not None:
        if len(node) == 16:
            node, at = _load(nodes, node[int(path[at], 16)]), at + 1
            continue
        part, is_leaf, payload = node
        if is_leaf:
            return bytes(payload) if path[at:] == part else b""
        if not path.startswith(part, at):
            return b""
        node, at = _load(nodes, payload), at + len(part)
    return b""


def write(nodes: Nodes, root: bytes, changes: Mapping[str, bytes]) -> bytes:
    """The root after putting values at paths (an empty value removes); keeps the new nodes on the way."""
    if not changes:
        return root
    before = _root(nodes, root)
    after = _put(nodes, before, sorted(changes.items()), 0)
    if after is None:
        return EMPTY_ROOT
    if after == before:
        return root
    # a root is always hashed, however short
    return _kept(nodes, *_encoded(nodes, after))


def root_of(items: list[bytes]) -> bytes:
    """Root of the trie of a list (a block's transactions, its receipts): RLP of the index to item."""
    keys = (string(index.to_bytes((index.bit_length() + 7) // 8, "big")).hex() for index in range(len(items)))
    return write(_Nowhere(), EMPTY_ROOT, dict(zip(keys, items, strict=True)))


# -- applying changes


def _put(nodes: Nodes, node: Node | None, changes: Changes, depth: int) -> Node | None:
    """The node after changes below it; `changes` are sorted and share `depth` digits."""
    if node is None:
        return _built([(path, value) for path, value in changes if value], depth)
    if len(node) == 16:
        return _put_in_branch(nodes, node, changes, depth)
    part, is_leaf, payload = node
    if is_leaf:
        held = {changes[0][0][:depth] + part: payload} | dict(changes)
        return _built(sorted((path, value) for path, value in held.items() if value), depth)
    # removing what is not there changes nothing, and must not split the extension
    changes = [(path, value) for path, value in changes if value or path.startswith(part, depth)]
    if not changes:
        return node
    shared = part[: min(_shared(part, path[depth:]) for path, _ in (changes[0], changes[-1]))]
    below = depth + len(shared)
    if shared == part:
        child = _load(nodes, payload)
        after = _put(nodes, child, changes, below)
        return node if after == child else _prefixed(nodes, part, after)
    children: list[Any] = [_EMPTY] * 16
    rest = part[len(shared) :]
    children[int(rest[0], 16)] = (rest[1:], False, payload) if rest[1:] else payload
    return _prefixed(nodes, shared, _put_in_branch(nodes, tuple(children), changes, below))


def _put_in_branch(nodes: Nodes, branch: Node, changes: Changes, depth: int) -> Node | None:
    children, changed = list(branch), False
    for digit, group in checked(groupby(changes, key=lambda change: change[0][depth])):
        index = int(digit, 16)
        before = _load(nodes, children[index])
        after = _put(nodes, before, list(group), depth + 1)
        if after != before:
            children[index], changed = _EMPTY if after is None else after, True
    if not changed:
        return branch
    filled = [index for index, child in enumerate(children) if child != _EMPTY]
    if len(filled) > 1:
        return tuple(children)
    return _prefixed(nodes, _DIGITS[filled[0]], children[filled[0]]) if filled else None


def _built(items: Changes, depth: int) -> Node | None:
    """A new subtrie of sorted items that share `depth` digits."""
    if len(items) < 2:
        return (items[0][0][depth:], True, items[0][1]) if items else None
    first, last = items[0][0], items[-1][0]
    below = depth + _shared(first[depth:], last[depth:])
    children: list[Any] = [_EMPTY] * 16
    for digit, group in checked(groupby(items, key=lambda item: item[0][below])):
        children[int(digit, 16)] = _built(list(group), below + 1)
    return (first[depth:below], False, tuple(children)) if below > depth else tuple(children)


def _shared(one: str, other: str) -> int:
    """Digits two paths begin with alike."""
    at, most = 0, min(len(one), len(other))
    while at < most and one[at] == other[at]:
        at += 1
    return at


def _prefixed(nodes: Nodes, part: str, child: Node | bytes | None) -> Node | None:
    """A child moved down by a path: only a branch needs an extension, other nodes take the path in."""
    node = _load(nodes, child)
    if node is None or not part:
        return node
    if len(node) == 16:
        return (part, False, child)
    return (part + node[0], *node[1:])


# -- encoding


def _root(nodes: Nodes, root: bytes) -> Node | None:
    return None if root == EMPTY_ROOT else nodes.node(root)


def _load(nodes: Nodes, child: Node | bytes | None) -> Node | None:
    if child is None or isinstance(child, tuple):
        return child
    if child == _EMPTY:
        return None
    return nodes.node(child[1:]) if child[0] == _HASHED else decode(child)


def _kept(nodes: Nodes, encoded: bytes, node: Node) -> bytes:
    current().check()
    digest = bytes(keccak(encoded))
    nodes.keep(digest, encoded, node)
    return digest


def _child(nodes: Nodes, child: Node | bytes) -> bytes:
    """What stands for a child in its parent."""
    if isinstance(child, bytes):
        return child
    encoded, node = _encoded(nodes, child)
    return encoded if len(encoded) < 32 else b"\xa0" + _kept(nodes, encoded, node)


def _encoded(nodes: Nodes, node: Node) -> tuple[bytes, Node]:
    """RLP of a node, and the node with every child encoded."""
    if len(node) == 16:
        done = tuple([_child(nodes, child) for child in node])
        return joined(b"".join(done) + _EMPTY), done
    part, is_leaf, payload = node
    # hex-prefix form: a flag digit (1 odd, 2 leaf), padded to whole bytes
    path = bytes.fromhex(f"{2 * is_leaf + 1}{part}" if len(part) % 2 else f"{2 * is_leaf}0{part}")
    if is_leaf:
        return joined(string(path) + string(payload)), node
    payload = _child(nodes, payload)
    return joined(string(path) + payload), (part, False, payload)


def decode(encoded: bytes) -> Node:
    """A node from its RLP. Raises `MalformedTrie` when it cannot be one of a prefix-free trie."""
    items = split(encoded)
    if len(items) == 17 and items[16] == _EMPTY:
        return tuple(items[:16])
    if len(items) != 2:
        raise MalformedTrie("a node has neither 2 nor 17 items, or a branch has a value")
    digits = text(items[0]).hex()
    if digits[:1] not in ("0", "1", "2", "3"):
        raise MalformedTrie("a path has no valid hex prefix")
    is_leaf = digits[0] in "23"
    return (digits[1 if digits[0] in "13" else 2 :], is_leaf, text(items[1]) if is_leaf else items[1])


def split(encoded: bytes) -> list[bytes]:
    """The items of an RLP list, each still encoded."""
    at, end = _span(encoded, 0)
    if encoded[0] < 0xC0 or end != len(encoded):
        raise MalformedTrie("not one RLP list")
    items = []
    while at < end:
        _, following = _span(encoded, at)
        items.append(encoded[at:following])
        at = following
    if at != end:
        raise MalformedTrie("an item is longer than its list")
    return items


def text(item: bytes) -> bytes:
    """The bytes of an RLP string."""
    return item[_span(item, 0)[0] :]


def _span(encoded: bytes, at: int) -> tuple[int, int]:
    """Where the payload of the item at `at` begins and ends."""
    first = encoded[at]
    if first < 0x80:
        return at, at + 1
    size = (first - 0x80) % 0x40
    at += 1
    if size < 56:
        return at, at + size
    wide = size - 55
    return at + wide, at + wide + int.from_bytes(encoded[at : at + wide], "big")


class _Nowhere:
    """A store of no nodes, for a root that is all that is wanted."""

    def node(self, digest: bytes) -> Node:
        raise KeyError(digest)

    def keep(self, digest: bytes, encoded: bytes, node: Node) -> None:
        """Forget it."""

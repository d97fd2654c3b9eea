"""Merkle tree hashing and proofs: RFC 6962 section 2.1, verified as in RFC 9162 section 2.1.

Pure functions over 32-byte SHA-256 hashes. Proofs are made from *complete subtrees* only:
`node(level, index)` returns the hash of the leaves `index * 2**level` up to
`(index + 1) * 2**level`, which never changes once those leaves exist. That is why a store of
complete subtrees answers for every past size of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from freehold.core.errors import InvalidInput, VerificationFailed

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1
"""Largest tree: positions stay within a signed 64-bit integer, as in tlog-checkpoint readers."""

EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""`node(level, index)` gives the hash of one complete subtree of `2**level` leaves."""


class InclusionNotProven(VerificationFailed, code="log.inclusion"):
    """The proof does not place this leaf at this position of the tree with this root."""


class ConsistencyNotProven(VerificationFailed, code="log.consistency"):
    """The proof does not show that the newer tree only adds to the older one."""


class InvalidTreeRange(InvalidInput, code="log.range"):
    """A size or position lies outside the tree."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of one entry; the 0x00 prefix keeps an entry from passing for a node."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_from_leaves(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf *hashes* in order; O(n) hashes."""
    if not leaves:
        return EMPTY_ROOT
    row = list(leaves)
    while len(row) > 1:
        # An odd last node moves up unhashed: its sibling subtree does not exist yet.
        odd = row[-1:] if len(row) % 2 else []
        row = [node_hash(left, right) for left, right in zip(row[0::2], row[1::2], strict=False)] + odd
    return row[0]


def root_of(size: int, node: NodeReader) -> bytes:
    """Root of the first `size` leaves from complete subtrees; O(log size) reads."""
    if not 0 <= size <= MAX_SIZE:
        raise InvalidTreeRange("a tree cannot have this size", size=size)
    return _subtree(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Sibling hashes from the leaf up (RFC 6962 section 2.1.1, PATH)."""
    if not 0 <= index < size <= MAX_SIZE:
        raise InvalidTreeRange("the position is not in a tree of this size", index=index, size=size)
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_subtree(middle, end, node))
            end = middle
        else:
            proof.append(_subtree(start, middle, node))
            start = middle
    return proof[::-1]


def consistency_proof(old_size: int, new_size: int, node: NodeReader) -> list[bytes]:
    """Hashes that link two sizes of one tree (RFC 6962 section 2.1.2, PROOF).

    A proof from the empty tree does not exist: everything extends it, so it would say nothing.
    """
    if not 0 < old_size <= new_size <= MAX_SIZE:
        raise InvalidTreeRange(
            "a consistency proof needs 0 < old size <= new size", old_size=old_size, new_size=new_size
        )
    proof: list[bytes] = []
    start, end = 0, new_size
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_subtree(middle, end, node))
            end = middle
        else:
            proof.append(_subtree(start, middle, node))
            start = middle
    if start:
        # The verifier holds the old root itself only when the old tree was one complete subtree.
        proof.append(_subtree(start, end, node))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a leaf hash) stands at `index` of the tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size <= MAX_SIZE:
        raise InclusionNotProven("the position is not in a tree of this size", index=index, size=size)
    _check_hashes(InclusionNotProven, leaf, root, *proof)
    place, last, running = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InclusionNotProven("the proof has more hashes than the tree has levels")
        if place & 1 or place == last:
            running = node_hash(sibling, running)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            running = node_hash(running, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise InclusionNotProven("the proof has fewer hashes than the tree has levels")
    if running != root:
        raise InclusionNotProven("the proof leads to another root", index=index, size=size)


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the new tree starts with every entry of the old one (RFC 9162 section 2.1.4.2).

    An old size of 0 is refused, also against size 0: such a statement proves nothing.
    """
    if not 0 < old_size <= new_size <= MAX_SIZE:
        raise ConsistencyNotProven(
            "the sizes do not describe growth of one log",
            hint="A first checkpoint has no older one to be compared with; accept it by its signature.",
            old_size=old_size,
            new_size=new_size,
        )
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ConsistencyNotProven("trees of the same size have different roots", size=old_size)
        return
    _check_hashes(ConsistencyNotProven, old_root, new_root, *proof)
    whole = old_size & (old_size - 1) == 0
    hashes = [old_root, *proof] if whole else list(proof)
    if len(hashes) < (2 if whole else 1):
        raise ConsistencyNotProven("the proof is empty")
    _walk_consistency(old_size, new_size, old_root, new_root, hashes)


def _walk_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, hashes: list[bytes]
) -> None:
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_running = new_running = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ConsistencyNotProven("the proof has more hashes than the tree has levels")
        if place & 1 or place == last:
            old_running = node_hash(sibling, old_running)
            new_running = node_hash(sibling, new_running)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new_running = node_hash(new_running, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ConsistencyNotProven("the proof has fewer hashes than the tree has levels")
    if old_running != old_root:
        raise ConsistencyNotProven("the proof leads to another old root", old_size=old_size)
    if new_running != new_root:
        raise ConsistencyNotProven("the proof leads to another new root", new_size=new_size)


def _check_hashes(error: type[VerificationFailed], *hashes: bytes) -> None:
    for value in hashes:
        if not isinstance(value, bytes) or len(value) != HASH_BYTES:
            raise error("every hash must be 32 bytes")


def _split(size: int) -> int:
    """Largest power of two below `size` (RFC 6962 section 2.1, k), for `size` > 1."""
    return 1 << ((size - 1).bit_length() - 1)


def _subtree(start: int, end: int, node: NodeReader) -> bytes:
    """Hash of the leaves `start` to `end`, where `start` is a multiple of the enclosing power of two."""
    level = (end - start).bit_length() - 1
    if end - start == 1 << level:
        return node(level, start >> level)
    peaks = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append(node(level, start >> level))
        start += 1 << level
    running = peaks.pop()
    while peaks:
        running = node_hash(peaks.pop(), running)
    return running

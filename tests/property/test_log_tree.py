"""The tree against RFC 6962 section 2.1 written out naively, and proofs against every small change."""

import sqlite3
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_tables import log_tables

from freehold.log import tree
from freehold.log.store import LogStore
from freehold.log.tree import ConsistencyNotProven, InclusionNotProven


def mth(data):
    """MTH of RFC 6962 section 2.1, word for word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(m, data):
    """PATH(m, D[n]) of section 2.1.1."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m, data, whole):
    """SUBPROOF(m, D[n], b) of section 2.1.2."""
    if m == len(data):
        return [] if whole else [mth(data)]
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m <= k:
        return [*subproof(m, data[:k], whole), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


def reader(data):
    return lambda level, index: mth(data[index << level : (index + 1) << level])


LOGS = st.lists(st.binary(max_size=5), min_size=1, max_size=70)


@given(LOGS, st.data())
def test_roots_and_proofs_are_those_of_the_rfc(data, draw):
    size = draw.draw(st.integers(1, len(data)))
    index = draw.draw(st.integers(0, size - 1))
    old = draw.draw(st.integers(1, size))
    node = reader(data)
    root = tree.root_of(size, node)
    assert root == mth(data[:size]) == tree.root_from_leaves([tree.leaf_hash(entry) for entry in data[:size]])
    inclusion = tree.inclusion_proof(index, size, node)
    assert inclusion == path(index, data[:size])
    tree.verify_inclusion(tree.leaf_hash(data[index]), index, size, inclusion, root)
    consistency = tree.consistency_proof(old, size, node)
    assert consistency == subproof(old, data[:size], True)
    tree.verify_consistency(old, size, mth(data[:old]), root, consistency)


@given(st.lists(st.binary(min_size=4, max_size=6), min_size=2, max_size=40, unique=True), st.data())
def test_no_changed_inclusion_proof_is_accepted(data, draw):
    size = len(data)
    index = draw.draw(st.integers(0, size - 1))
    node = reader(data)
    leaf, root = tree.leaf_hash(data[index]), mth(data)
    proof = tree.inclusion_proof(index, size, node)
    wrong = sha256(b"wrong").digest()
    place = draw.draw(st.integers(0, len(proof) - 1))
    other = draw.draw(st.integers(0, size - 1).filter(lambda i: i != index))
    attempts = [
        (wrong, index, size, proof, root),
        (leaf, other, size, proof, root),
        (leaf, index, size, proof, wrong),
        (leaf, index, size, proof[:-1], root),
        (leaf, index, size, [*proof, wrong], root),
        (leaf, index, size, [*proof[:place], wrong, *proof[place + 1 :]], root),
        (leaf, index, size, [*proof[:place], proof[place][:-1], *proof[place + 1 :]], root),
        (leaf, size, size, proof, root),
        (leaf, -1, size, proof, root),
        (leaf, index, 0, proof, root),
        (leaf[:31], index, size, proof, root),
    ]
    for attempt in attempts:
        with pytest.raises(InclusionNotProven):
            tree.verify_inclusion(*attempt)


@given(st.lists(st.binary(min_size=4, max_size=6), min_size=2, max_size=40, unique=True), st.data())
def test_no_rewritten_history_is_accepted(data, draw):
    size = len(data)
    old = draw.draw(st.integers(1, size - 1))
    proof = tree.consistency_proof(old, size, reader(data))
    changed = draw.draw(st.integers(0, old - 1))
    rewritten = [*data[:changed], b"rewritten", *data[changed + 1 :]]
    other = tree.consistency_proof(old, size, reader(rewritten))
    wrong = sha256(b"wrong").digest()
    place = draw.draw(st.integers(0, len(proof) - 1))
    attempts = [
        (old, size, mth(data[:old]), mth(rewritten), proof),
        (old, size, mth(data[:old]), mth(rewritten), other),
        (old, size, mth(rewritten[:old]), mth(data), proof),
        (old, size, wrong, mth(data), proof),
        (old, size, mth(data[:old]), mth(data), proof[:-1]),
        (old, size, mth(data[:old]), mth(data), [*proof, wrong]),
        (old, size, mth(data[:old]), mth(data), [*proof[:place], wrong, *proof[place + 1 :]]),
        (size, old, mth(data), mth(data[:old]), proof),
        (0, size, mth([]), mth(data), []),
    ]
    for attempt in attempts:
        with pytest.raises(ConsistencyNotProven):
            tree.verify_consistency(*attempt)


@settings(max_examples=40)
@given(st.lists(st.lists(st.binary(max_size=4), max_size=20), max_size=8))
def test_the_store_agrees_however_the_entries_arrive(batches):
    connection = sqlite3.connect(":memory:")
    log_tables(connection)
    log = LogStore(connection)
    everything = []
    for batch in batches:
        assert log.extend(batch) == len(everything)
        everything += batch
        assert log.root() == mth(everything)
    assert log.verify() == (len(everything), mth(everything))
    for size in range(1, len(everything) + 1, 7):
        assert log.root(size) == mth(everything[:size])
        assert log.inclusion_proof(size - 1, size) == path(size - 1, everything[:size])
        assert log.consistency_proof(size) == subproof(size, everything, True)
    connection.close()


@given(st.integers(1, 2**62), st.data())
def test_proofs_in_huge_trees_stay_short_and_verify(size, draw):
    """A made-up reader gives every subtree of a level one hash, as if all leaves were equal."""
    levels = [tree.leaf_hash(b"same")]
    for _ in range(63):
        levels.append(tree.node_hash(levels[-1], levels[-1]))
    index = draw.draw(st.integers(0, size - 1))
    old = draw.draw(st.integers(1, size))

    def node(level, _):
        return levels[level]

    proof = tree.inclusion_proof(index, size, node)
    assert len(proof) <= 63
    tree.verify_inclusion(levels[0], index, size, proof, tree.root_of(size, node))
    link = tree.consistency_proof(old, size, node)
    tree.verify_consistency(old, size, tree.root_of(old, node), tree.root_of(size, node), link)


def test_bytes_cannot_be_moved_between_the_hashes_of_a_proof():
    """Two halves of another length hash alike: only their length tells them apart."""
    left, right = tree.leaf_hash(b"a"), tree.leaf_hash(b"b")
    root = tree.node_hash(left, right)
    tree.verify_inclusion(left, 0, 2, [right], root)
    for cut in (1, 31):
        whole = left + right
        with pytest.raises(InclusionNotProven):
            tree.verify_inclusion(whole[:cut], 0, 2, [whole[cut:]], root)
    grown = tree.node_hash(root, tree.leaf_hash(b"c"))
    tree.verify_consistency(2, 3, root, grown, [tree.leaf_hash(b"c")])
    whole = root + tree.leaf_hash(b"c")
    with pytest.raises(ConsistencyNotProven):
        tree.verify_consistency(2, 3, whole[:31], grown, [whole[31:]])

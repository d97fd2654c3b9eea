"""The node's tries and accounts against py-trie and py-evm's `AccountDB`: the same roots, the same answers."""

import pytest
import rlp
from eth.db.account import AccountDB
from eth.db.atomic import AtomicDB
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from freehold.chain.embedded import tries
from freehold.chain.embedded.accounts import Accounts
from freehold.chain.trie import EMPTY_ROOT, MalformedTrie, look_up

# digits of few kinds, so that paths share prefixes, extensions split and branches collapse
KEYS = st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x11, 0xFF]), min_size=4, max_size=4).map(bytes)
VALUES = st.one_of(st.binary(max_size=3), st.binary(min_size=30, max_size=60))
ADDRESSES = [bytes([number]) * 20 for number in range(1, 5)]


class Kept(dict):
    """Nodes as written; each is decoded anew, so that what is read is what was encoded."""

    def node(self, digest):
        return tries.decode(self[digest])

    def keep(self, digest, encoded, node):
        assert keccak(encoded) == digest
        assert tries.decode(encoded) == node
        self[digest] = encoded


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=1, max_size=12), min_size=1, max_size=4))
def test_a_walk_gives_the_root_of_one_change_at_a_time(rounds):
    nodes, root, reference, held = Kept(), EMPTY_ROOT, HexaryTrie({}), {}
    for changes in rounds:
        root = tries.write(nodes, root, {key.hex(): value for key, value in changes.items()})
        for key, value in changes.items():
            reference.set(key, value)
        held |= changes
        assert root == reference.root_hash
        for key, value in held.items():
            assert tries.read(nodes, root, key.hex()) == value
            assert look_up(root, key, nodes.__getitem__)[0] == (value or None)
    assert tries.write(nodes, root, {key.hex(): b"" for key in held}) == EMPTY_ROOT


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, VALUES.filter(bool), min_size=1), st.dictionaries(KEYS, VALUES))
def test_a_walk_keeps_only_nodes_of_the_new_trie(before, changes):
    nodes = Kept()
    first = tries.write(nodes, EMPTY_ROOT, {key.hex(): value for key, value in before.items()})
    had = set(nodes)
    root = tries.write(nodes, first, {key.hex(): value for key, value in changes.items()})
    after = {key: value for key, value in (before | changes).items() if value}
    reached = {keccak(one) for key in after for one in _hashed(root, key, nodes)}
    assert set(nodes) - had <= reached
    if root == first:
        assert set(nodes) == had


def _hashed(root, key, nodes):
    return look_up(root, key, nodes.__getitem__)[1]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 127, 128, 129, 250, 257])
def test_the_root_of_a_list(count):
    items = [rlp.encode([number, b"x" * number]) for number in range(count)]
    reference = HexaryTrie({})
    for index, item in enumerate(items):
        reference.set(rlp.encode(index), item)
    assert tries.root_of(items) == reference.root_hash


@pytest.mark.parametrize(
    "node",
    [
        rlp.encode([b""] * 16),
        rlp.encode([b""] * 16 + [b"value"]),
        rlp.encode([b"\x40", b"x"]),
        rlp.encode([b"", b"x"]),
        rlp.encode(b"string"),
        rlp.encode([b"\x20", b"x"]) + b"more",
        b"\xc3\x20\x82a",
    ],
)
def test_damaged_nodes_are_refused(node):
    with pytest.raises(MalformedTrie):
        tries.decode(node)


def numbers(bits):
    return st.one_of(st.sampled_from([0, 1, 2**bits - 1, 2**bits]), st.integers(0, 2**bits - 1))


SLOTS = st.sampled_from([0, 1, 2, 128, 2**256 - 1])
ACTS = st.one_of(
    st.tuples(st.just("set_balance"), numbers(256)),
    st.tuples(st.just("set_nonce"), numbers(64)),
    st.tuples(st.just("increment_nonce")),
    st.tuples(st.just("set_code"), st.sampled_from([b"", b"\x00", b"\xef\x01\x00" + bytes(20)])),
    st.tuples(st.just("delete_code")),
    st.tuples(st.just("touch_account")),
    st.tuples(st.just("delete_account")),
    st.tuples(st.just("delete_storage")),
    st.tuples(st.just("set_storage"), SLOTS, numbers(256)),
    st.tuples(st.just("mark_storage_warm"), SLOTS),
    st.tuples(st.just("mark_address_warm")),
)
STEPS = st.one_of(
    st.tuples(st.sampled_from(ADDRESSES), ACTS),
    st.tuples(st.just(None), st.sampled_from(["record", "discard", "commit", "lock_changes", "persist"])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_accounts_do_as_py_evms_do(steps):
    ours, theirs = Accounts(Kept(), EMPTY_ROOT), AccountDB(AtomicDB())
    checkpoints = []
    for address, act in steps:
        if address is not None:
            name, *rest = act
            if name == "delete_account" and checkpoints:
                continue  # as in py-evm: accounts go at the end of a transaction
            assert _done(ours, name, address, *rest) == _done(theirs, name, address, *rest)
        elif act == "record":
            checkpoints.append((ours.record(), theirs.record()))
        elif act in ("discard", "commit"):
            for database, checkpoint in zip(
                (ours, theirs), checkpoints.pop() if checkpoints else (), strict=False
            ):
                getattr(database, act)(checkpoint)
        elif not checkpoints:
            for database in (ours, theirs):
                getattr(database, act)()
                database.lock_changes()
        _agree(ours, theirs)
    ours.persist()
    theirs.persist()
    theirs.lock_changes()
    assert ours.state_root == theirs.state_root
    _agree(ours, theirs)


def _done(database, name, *given):
    try:
        getattr(database, name)(*given)
    except ValidationError:
        return "refused"
    return "done"


def _agree(ours, theirs):
    for address in ADDRESSES:
        for question in (
            "get_balance", "get_nonce", "get_code", "get_code_hash", "account_exists", "account_is_empty",
            "account_has_code_or_nonce", "is_address_warm",
        ):  # fmt: skip
            assert getattr(ours, question)(address) == getattr(theirs, question)(address), question
        for slot in (0, 1, 2, 128, 2**256 - 1):
            assert ours.get_storage(address, slot) == theirs.get_storage(address, slot)
            assert ours.is_storage_warm(address, slot) == theirs.is_storage_warm(address, slot)

"""The log in SQLite: it answers for every past size, and stands or falls with the transaction."""

import sqlite3
from hashlib import sha256

import pytest
from bundles import decode_bundle
from own_tables import log_tables

from freehold.log import tree
from freehold.log.store import InvalidEntry, LogCorrupt, LogStore, NotInLog


@pytest.fixture
def connection(tmp_path):
    link = sqlite3.connect(tmp_path / "node.db", timeout=0.2)
    log_tables(link)
    link.commit()
    yield link
    link.close()


def entries(count):
    return [b"entry %d" % number for number in range(count)]


def test_a_fresh_log_is_the_empty_tree(connection):
    log = LogStore(connection)
    assert (log.size(), log.root(), log.verify()) == (0, sha256(b"").digest(), (0, sha256(b"").digest()))


def test_appends_one_by_one_and_in_bulk_make_the_same_log(connection):
    one, many = LogStore(connection), sqlite3.connect(":memory:")
    log_tables(many)
    bulk = LogStore(many)
    assert [one.append(data) for data in entries(600)] == list(range(600))
    assert bulk.extend(entries(7)) == 0
    assert bulk.extend(entries(600)[7:]) == 7
    assert one.root() == bulk.root() == tree.root_from_leaves([tree.leaf_hash(data) for data in entries(600)])
    assert one.verify() == bulk.verify() == (600, one.root())
    many.close()


def test_bulk_chunks_join_without_a_seam(connection):
    log = LogStore(connection)
    log.append(b"first")
    log.extend(entries(9_001))
    leaves = [tree.leaf_hash(data) for data in [b"first", *entries(9_001)]]
    assert log.verify() == (9_002, tree.root_from_leaves(leaves))
    assert log.entry(5_000) == b"entry 4999"


def test_append_belongs_to_the_callers_transaction(connection, tmp_path):
    log = LogStore(connection)
    connection.execute("CREATE TABLE receipts (id TEXT)")
    connection.commit()
    log.append(b"kept")
    connection.execute("INSERT INTO receipts VALUES ('kept')")
    connection.commit()
    root = log.root()
    connection.execute("INSERT INTO receipts VALUES ('lost')")
    log.append(b"lost")
    with sqlite3.connect(tmp_path / "node.db") as other:
        assert LogStore(other).size() == 1
    other.close()
    connection.rollback()
    assert (log.size(), log.root()) == (1, root)
    assert connection.execute("SELECT id FROM receipts").fetchall() == [("kept",)]


def test_a_connection_in_autocommit_mode_still_gets_one_transaction(tmp_path):
    link = sqlite3.connect(tmp_path / "auto.db", isolation_level=None)
    log_tables(link)
    log = LogStore(link)
    log.append(b"one")
    assert link.in_transaction
    link.execute("ROLLBACK")
    assert log.size() == 0
    link.close()


def test_two_writers_never_share_a_position(connection, tmp_path):
    other = sqlite3.connect(tmp_path / "node.db", timeout=0.05)
    LogStore(connection).append(b"mine")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        LogStore(other).append(b"theirs")
    connection.commit()
    assert LogStore(other).append(b"theirs") == 1
    other.commit()
    other.close()
    assert LogStore(connection).verify()[0] == 2


def test_proofs_of_every_size_verify(connection):
    log = LogStore(connection)
    log.extend(entries(70))
    for size in range(1, 71):
        for index in (0, size // 2, size - 1):
            leaf = tree.leaf_hash(log.entry(index))
            tree.verify_inclusion(leaf, index, size, log.inclusion_proof(index, size), log.root(size))
        for old in {1, size // 3 or 1, size}:
            proof = log.consistency_proof(old, size)
            tree.verify_consistency(old, size, log.root(old), log.root(size), proof)


def test_tiles_hold_the_hashes_and_entries_of_their_range(connection):
    log = LogStore(connection)
    log.extend(entries(700))
    leaves = [tree.leaf_hash(data) for data in entries(700)]
    assert log.tile(0, 1) == b"".join(leaves[256:512])
    assert log.tile(0, 2, 188) == b"".join(leaves[512:])
    assert log.tile(1, 0, 2) == tree.root_from_leaves(leaves[:256]) + tree.root_from_leaves(leaves[256:512])
    assert decode_bundle(log.entries_tile(2, 188), 188) == entries(700)[512:]
    for level, index, width in ((0, 2, 189), (0, 3, 1), (1, 0, 3), (2, 0, 1)):
        with pytest.raises(NotInLog):
            log.tile(level, index, width)
    with pytest.raises(NotInLog):
        log.entries_tile(2, 189)


def test_what_is_not_in_the_log_is_said_so(connection):
    log = LogStore(connection)
    log.extend(entries(3))
    with pytest.raises(NotInLog):
        log.root(4)
    with pytest.raises(NotInLog):
        log.entry(3)
    with pytest.raises(NotInLog):
        log.entry(-1)
    with pytest.raises(tree.InvalidTreeRange):
        log.inclusion_proof(3, 3)
    with pytest.raises(tree.InvalidTreeRange):
        log.consistency_proof(0, 3)


@pytest.mark.parametrize("data", ["text", bytearray(b"x"), b"x" * 65_536, None])
def test_unusable_entries_are_refused_without_a_trace(connection, data):
    log = LogStore(connection)
    with pytest.raises(InvalidEntry):
        log.extend([b"fine", data])
    assert log.size() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_entries SET data = x'00' WHERE position = 2",
        "DELETE FROM log_entries WHERE position = 9",
        "UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 1 AND position = 0",
        "DELETE FROM log_nodes WHERE level = 0",
        "UPDATE log_entries SET position = 10 WHERE position = 9",
    ],
)
def test_rows_are_append_only_and_tampering_below_that_is_found(connection, statement):
    log = LogStore(connection)
    log.extend(entries(10))
    connection.commit()
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(statement)
    with pytest.raises(LogCorrupt):
        log.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO log_nodes VALUES (0, 10, zeroblob(32))",
        "INSERT INTO log_nodes VALUES (9, 0, zeroblob(32))",
        "INSERT INTO log_entries VALUES (11, x'00')",
    ],
)
def test_rows_that_do_not_belong_are_found(connection, statement):
    log = LogStore(connection)
    log.extend(entries(10))
    connection.execute(statement)
    with pytest.raises(LogCorrupt):
        log.verify()


def test_appending_costs_the_logarithm_of_the_size(connection):
    log = LogStore(connection)
    log.extend(entries(4_095))
    statements = []
    connection.set_trace_callback(statements.append)
    log.append(b"the 4096th completes twelve subtrees")
    connection.set_trace_callback(None)
    # One entry, thirteen nodes, twelve siblings read, and the size.
    assert len(statements) <= 30


def test_verifying_a_log_while_another_process_appends(connection, tmp_path):
    connection.execute("PRAGMA journal_mode=WAL")
    log = LogStore(connection)
    log.extend(entries(100))
    connection.commit()
    other = sqlite3.connect(tmp_path / "node.db")
    step = log._compare

    def grow_first(*arguments):
        if LogStore(other).size() == 100:
            LogStore(other).append(b"meanwhile")
            other.commit()
        step(*arguments)

    log._compare = grow_first
    assert log.verify()[0] == 100
    assert not connection.in_transaction
    del log._compare
    assert log.verify()[0] == 101
    other.close()

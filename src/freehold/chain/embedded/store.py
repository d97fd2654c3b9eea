"""The node's one SQLite database: trie nodes, blocks, transactions with receipts, logs, queue.

A block is written in ONE transaction: its trie nodes, header, transactions and logs appear together
or not at all, so a process killed at any instant reopens at the last committed block with the same
hashes. `synchronous = FULL`: a sender is answered only after the commit has reached the disk, so an
acknowledged transaction survives a power failure too; the cost is one fsync per *block*, shared by
every transaction in it. Readers have connections of their own and wait for no writer: what they read is
committed, and a trie node never changes.
"""

from __future__ import annotations

import functools
import os
import queue
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded import home
from freehold.chain.embedded.budget import OutOfTime, current
from freehold.chain.embedded.tries import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from freehold.chain.embedded.tries import Node

_SCHEMA = """
CREATE TABLE IF NOT EXISTS nodes (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, header BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
  hash BLOB PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL, raw BLOB NOT NULL,
  sender BLOB NOT NULL, created BLOB, status INTEGER NOT NULL, gas_used INTEGER NOT NULL,
  cumulative_gas INTEGER NOT NULL, gas_price BLOB NOT NULL, UNIQUE (block, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (
  block INTEGER NOT NULL, position INTEGER NOT NULL, tx_hash BLOB NOT NULL, tx_position INTEGER NOT NULL,
  address BLOB NOT NULL, topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB, data BLOB NOT NULL,
  PRIMARY KEY (block, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queued (hash BLOB PRIMARY KEY, raw BLOB NOT NULL) WITHOUT ROWID;
"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS logs_by_address ON logs (address, topic0, block);
CREATE INDEX IF NOT EXISTS logs_by_topic0 ON logs (topic0, block);
CREATE INDEX IF NOT EXISTS logs_by_topic1 ON logs (topic1, topic0, block);
CREATE INDEX IF NOT EXISTS logs_by_transaction ON logs (tx_hash);
CREATE INDEX IF NOT EXISTS logs_by_topic2 ON logs (topic2, topic0, block);
"""
"""Made at every opening, so that one added later speeds up the files there are."""
_MOST_READERS = 8
_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the budget, well below a millisecond."""
_MOST_BYTES_CACHED, _MOST_NODES_CACHED = 10_000, 40_000
"""Entries. A node takes at most about 2 KB, code at most 24 KB."""


class StateMissing(KeyError):
    """The database lacks a trie node or code that a block refers to."""


class Nodes:
    """Content-addressed bytes (trie nodes, code); writes wait for the block's commit."""

    def __init__(self, read: Callable[[bytes], bytes | None]) -> None:
        self.waiting: dict[bytes, bytes] = {}
        self._find = read
        # keys are hashes of values, so an entry of either cache can never go stale
        self._stored = functools.lru_cache(maxsize=_MOST_BYTES_CACHED)(self._read)
        self._young: dict[bytes, Node] = {}
        self._old: dict[bytes, Node] = {}

    def _read(self, key: bytes) -> bytes:
        found = self._find(key)
        if found is None:
            raise StateMissing(key)
        return found

    def __getitem__(self, key: bytes) -> bytes:
        found = self.waiting.get(key)
        return self._stored(key) if found is None else found

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.waiting[key] = value

    def __contains__(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def node(self, digest: bytes) -> Node:
        """The trie node with this hash, decoded. Raises `KeyError`."""
        found = self._young.get(digest)
        if found is None:
            found = self._old.get(digest)
            if found is None:
                encoded = self.waiting.get(digest)
                found = decode(self._read(digest) if encoded is None else encoded)
            self._remember(digest, found)
        return found

    def keep(self, digest: bytes, encoded: bytes, node: Node) -> None:
        """Add a trie node."""
        self.waiting[digest] = encoded
        self._remember(digest, node)

    def _remember(self, digest: bytes, node: Node) -> None:
        if len(self._young) >= _MOST_NODES_CACHED // 2:
            # two halves: what was not asked for while one filled is dropped with the other
            self._old, self._young = self._young, {}
        self._young[digest] = node


class Store:
    """Rows of the chain. Any thread may read; the ledger's lock guards what writes."""

    def __init__(self, directory: Path) -> None:
        home.prepare(directory)
        self._held = home.hold(directory)
        self._free: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        self._readers: list[sqlite3.Connection] = []
        try:
            self._path = home.find(directory, _SCHEMA)
            self._connection = _open(self._path)
        except BaseException:
            os.close(self._held)
            raise
        for _ in range(_MOST_READERS):
            self._free.put(None)
        self.nodes = Nodes(self._node)

    def close(self) -> None:
        """Fold the write-ahead log back and release the lock."""
        for one in self._readers:
            one.close()
        self._connection.close()
        os.close(self._held)

    def select(self, sql: str, parameters: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query as they are found, within the thread's budget; sees what is committed."""
        connection = self._free.get()
        budget = current()
        try:
            if connection is None:
                connection = self._reader()
            connection.set_progress_handler(lambda: budget.is_spent, _STEPS)
            cursor = connection.execute(sql, tuple(parameters))
            try:
                yield from cursor
            finally:
                cursor.close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise OutOfTime from error
            raise
        finally:
            self._free.put(connection)

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return list(self.select(sql, parameters))

    def _node(self, key: bytes) -> bytes | None:
        for (value,) in self.rows("SELECT value FROM nodes WHERE key = ?", (key,)):
            return bytes(value)
        return None

    def _reader(self) -> sqlite3.Connection:
        made = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=5)
        made.execute("PRAGMA query_only = 1")
        self._readers.append(made)
        return made

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite itself rolls back on some errors (a full disk), and then refuses a second time
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def add_block(
        self,
        number: int,
        block_hash: bytes,
        header: bytes,
        transactions: Iterable[tuple[Any, ...]] = (),
        logs: Iterable[tuple[Any, ...]] = (),
    ) -> None:
        """Commit a block with everything it changed; column order as in the schema."""
        with self.transaction():
            execute = self._connection.execute
            many = self._connection.executemany
            many("INSERT OR IGNORE INTO nodes VALUES (?, ?)", self.nodes.waiting.items())
            execute("INSERT INTO blocks VALUES (?, ?, ?)", (number, block_hash, header))
            rows = list(transactions)
            many("INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            many("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", logs)
            many("DELETE FROM queued WHERE hash = ?", [(row[0],) for row in rows])
        self.nodes.waiting.clear()

    def drop_after(self, number: int) -> None:
        """Forget every block above `number` (its trie nodes stay: they are only content)."""
        with self.transaction():
            for table, column in (("logs", "block"), ("transactions", "block"), ("blocks", "number")):
                self._connection.execute(f"DELETE FROM {table} WHERE {column} > ?", (number,))  # noqa: S608 - constants
            self._connection.execute("DELETE FROM queued")

    def queue(self, tx_hash: bytes, raw: bytes) -> None:
        """Keep a transaction whose nonce is not due yet."""
        self._connection.execute("INSERT OR IGNORE INTO queued VALUES (?, ?)", (tx_hash, raw))

    def unqueue(self, tx_hash: bytes) -> None:
        """Forget a queued transaction."""
        self._connection.execute("DELETE FROM queued WHERE hash = ?", (tx_hash,))


_WAL_BYTES = 4 * 1024 * 1024


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.2)
    try:
        home.require_ours(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # however long the write-ahead log grew while somebody read
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        home.require_whole(connection, path)
        connection.executescript(f"BEGIN IMMEDIATE; {_INDEXES} COMMIT;")
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise home.ChainHeld(
                f"the chain database {path.name} cannot be opened: {error}",
                hint="another process uses it; stop that or choose another --home",
            ) from error
        raise home.damaged(error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def log_row(
    number: int, position: int, tx_hash: bytes, tx_position: int, entry: tuple[bytes, Sequence[int], bytes]
) -> tuple[Any, ...]:
    """A row of the `logs` table from what a transaction logged: (address, topics, data)."""
    address, topics, data = entry
    words = [topic.to_bytes(32, "big") for topic in topics]
    padded = [*words, *[None] * (4 - len(words))]
    return number, position, tx_hash, tx_position, bytes(address), *padded, bytes(data)

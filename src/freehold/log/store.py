"""The log in a database, inside a transaction that the caller owns.

An append and the rows it records stand or fall together, so nothing here commits. Two tables:
the entries, and the hash of every *complete* subtree (about two per entry), which is all that any
root, proof or tile of any past size needs. Rows are never changed; triggers refuse it.

A log counts entries up to the newest one in *this connection's* view: an uncommitted append is
visible to its own transaction only, so a checkpoint must be signed after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice, pairwise

from freehold.core.connection import Connection
from freehold.core.errors import InvalidInput, NotFound, VerificationFailed
from freehold.log import tiles, tree

TABLES = (
    "CREATE TABLE IF NOT EXISTS log_entries (position INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS log_nodes (level INTEGER NOT NULL, position INTEGER NOT NULL,"
        " hash BLOB NOT NULL, PRIMARY KEY (level, position)) WITHOUT ROWID"
    ),
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_keep_{act.lower()} BEFORE {act} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        for table in ("log_entries", "log_nodes")
        for act in ("UPDATE", "DELETE")
    ),
)
"""For SQLite; where a node has another database, that has the like."""
_CHUNK = 4096


class InvalidEntry(InvalidInput, code="log.entry"):
    """An entry cannot be logged: not bytes, or longer than 65,535 bytes."""


class NotInLog(NotFound, code="log.not_found"):
    """The log has no such entry, tile or size."""


class LogCorrupt(VerificationFailed, code="log.corrupt"):
    """The stored hashes do not follow from the stored entries."""


class LogStore:
    """One party's log. Thread use follows that of the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, data: bytes) -> int:
        """Add one entry and return its position; O(log n)."""
        return self.extend((data,))

    def extend(self, entries: Iterable[bytes]) -> int:
        """Add entries in order and return the position of the first; two hashes an entry.

        Begins a transaction if none is open. When this raises, roll the transaction back.
        """
        if not self._connection.in_transaction:
            # Taking the write lock before reading the size keeps two writers from using one position.
            self._connection.execute("BEGIN IMMEDIATE")
        first = position = self.size()
        source = iter(entries)
        while chunk := list(islice(source, _CHUNK)):
            for data in chunk:
                if not isinstance(data, bytes) or len(data) > tiles.MAX_ENTRY_BYTES:
                    raise InvalidEntry("a log entry must be at most 65,535 bytes")
            self._write(position, chunk)
            position += len(chunk)
        return first

    def _write(self, position: int, chunk: list[bytes]) -> None:
        self._connection.executemany("INSERT INTO log_entries VALUES (?, ?)", enumerate(chunk, position))
        for level, start, hashes in _grow(position, chunk, self._node):
            self._connection.executemany(
                "INSERT INTO log_nodes VALUES (?, ?, ?)",
                [(level, place, value) for place, value in enumerate(hashes, start)],
            )

    def size(self) -> int:
        """Number of entries."""
        (last,) = self._connection.execute("SELECT max(position) FROM log_entries").fetchone()
        return 0 if last is None else int(last) + 1

    def entry(self, index: int) -> bytes:
        """The entry at `index`."""
        row = self._connection.execute("SELECT data FROM log_entries WHERE position = ?", (index,)).fetchone()
        if row is None:
            raise NotInLog("the log has no entry at this position", index=index)
        return bytes(row[0])

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` entries, by default of all."""
        return tree.root_of(self._checked(size), self._node)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Proof that the entry at `index` is in the tree of `size` entries."""
        return tree.inclusion_proof(index, self._checked(size), self._node)

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the tree of `new` entries only adds to the tree of `old` (at least 1) entries."""
        return tree.consistency_proof(old, self._checked(new), self._node)

    def tile(self, level: int, index: int, width: int = tiles.TILE_WIDTH) -> bytes:
        """`width` hashes of 32 bytes: tile `index` of tile level `level`."""
        tiles.TileAddress(level, index, width)
        rows = self._range(
            "SELECT hash FROM log_nodes WHERE level = ? AND position >= ? AND position < ? ORDER BY position",
            (level * tiles.TILE_HEIGHT,),
            index,
            width,
        )
        return b"".join(rows)

    def entries_tile(self, index: int, width: int = tiles.TILE_WIDTH) -> bytes:
        """The entry bundle under level-0 tile `index`."""
        tiles.TileAddress(None, index, width)
        return tiles.encode_bundle(
            self._range(
                "SELECT data FROM log_entries WHERE position >= ? AND position < ? ORDER BY position",
                (),
                index,
                width,
            )
        )

    def verify(self) -> tuple[int, bytes]:
        """Recompute every hash from the entries; returns (size, root) or raises `LogCorrupt`.

        Reads one snapshot once in order, with memory independent of its length.
        """
        own = not self._connection.in_transaction
        if own:
            # Without it an append by another process, between two reads here, would look like damage.
            self._connection.execute("BEGIN")
        try:
            return self._recompute()
        finally:
            if own:
                self._connection.rollback()

    def verify_newest(self, entries: int = 256) -> None:
        """Recompute the hashes above the newest entries, in a time that does not grow with the log.

        Raises `LogCorrupt`: also where entries or hashes are missing at the end.
        """
        size = self.size()
        (leaves,) = self._connection.execute(
            "SELECT coalesce(max(position) + 1, 0) FROM log_nodes WHERE level = 0"
        ).fetchone()
        if leaves != size:
            raise LogCorrupt("the log has not as many entries as hashes", size=size, hashes=leaves)
        first = max(0, size - entries)
        for level in range(size.bit_length()):
            low, high = first >> level, size >> level
            for position in range(low, high):
                if level == 0:
                    expected = tree.leaf_hash(self.entry(position))
                else:
                    left, right = (self._node(level - 1, 2 * position + side) for side in (0, 1))
                    expected = tree.node_hash(left, right)
                if self._node(level, position) != expected:
                    raise _wrong(level, position)
        self.root(size)

    def _recompute(self) -> tuple[int, bytes]:
        stored: dict[int, Iterator[tuple[int, bytes]]] = {}
        # The left sibling of a chunk's first node is always the newest node of its level.
        newest: dict[int, bytes] = {}
        size = 0
        while chunk := self._connection.execute(
            "SELECT position, data FROM log_entries WHERE position >= ? ORDER BY position LIMIT ?",
            (size, _CHUNK),
        ).fetchall():
            for (place, _), expected in zip(chunk, range(size, size + len(chunk)), strict=True):
                if place != expected:
                    raise LogCorrupt("an entry is missing", index=expected)
            entries = [bytes(data) for _, data in chunk]
            for level, start, hashes in _grow(size, entries, lambda level, _: newest[level]):
                self._compare(stored.setdefault(level, self._level(level)), level, start, hashes)
                newest[level] = hashes[-1]
            size += len(chunk)
        (nodes,) = self._connection.execute("SELECT count(*) FROM log_nodes").fetchone()
        if nodes != sum(size >> level for level in range(size.bit_length())):
            raise LogCorrupt("the log holds hashes that belong to no entry", size=size)
        return size, self.root(size)

    def _compare(
        self, rows: Iterator[tuple[int, bytes]], level: int, start: int, hashes: list[bytes]
    ) -> None:
        for place, value in enumerate(hashes, start):
            if next(rows, None) != (place, value):
                raise _wrong(level, place)

    def _level(self, level: int) -> Iterator[tuple[int, bytes]]:
        start = 0
        while rows := self._connection.execute(
            "SELECT position, hash FROM log_nodes WHERE level = ? AND position >= ? ORDER BY position LIMIT ?",
            (level, start, _CHUNK),
        ).fetchall():
            yield from rows
            start = rows[-1][0] + 1

    def _node(self, level: int, index: int) -> bytes:
        row = self._connection.execute(
            "SELECT hash FROM log_nodes WHERE level = ? AND position = ?", (level, index)
        ).fetchone()
        if row is None:
            raise LogCorrupt("a hash is missing from the log", level=level, position=index)
        return bytes(row[0])

    def _range(self, query: str, key: tuple[int, ...], index: int, width: int) -> list[bytes]:
        start = index * tiles.TILE_WIDTH
        rows = self._connection.execute(query, (*key, start, start + width)).fetchall()
        if len(rows) != width:
            raise NotInLog("the log has not grown to this tile", index=index, width=width)
        return [bytes(row[0]) for row in rows]

    def _checked(self, size: int | None) -> int:
        present = self.size()
        if size is None:
            return present
        if not 0 <= size <= present:
            raise NotInLog("the log does not have this size yet", size=size, present=present)
        return size


def _wrong(level: int, position: int) -> LogCorrupt:
    return LogCorrupt(
        "a stored hash does not follow from the entries",
        hint="Restore the database from a backup; do not sign a checkpoint of this log.",
        level=level,
        position=position,
    )


def _grow(
    position: int, entries: list[bytes], node: tree.NodeReader
) -> Iterator[tuple[int, int, list[bytes]]]:
    """New complete subtrees, `(level, first position, hashes)` from the leaves up.

    `node` is asked for the left sibling of the first new node of a level, when that is older.
    """
    level, start = 0, position
    row = [sha256(b"\x00" + data).digest() for data in entries]
    while row:
        older = [node(level, start - 1)] if start & 1 else []
        yield level, start, row
        pairs = islice(pairwise(older + row), 0, None, 2)
        row = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level, start = level + 1, start >> 1

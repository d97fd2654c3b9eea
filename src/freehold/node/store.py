"""The node's SQLite database: documents, the log, and the few counters that are not derivable.

Everything that must stand or fall together is written in one `transaction()`: a receipt, its log
entry and the use it counts. After `kill -9` at any moment the database holds whole transactions only.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Document, Receipt
from freehold.core.errors import NotFound, Unavailable
from freehold.core.ids import resolve
from freehold.core.signing import Envelope, read_envelope
from freehold.log.store import LogStore
from freehold.vault.vault import Vault

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE documents (
  id TEXT PRIMARY KEY, type TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL, signer TEXT NOT NULL,
  complete INTEGER NOT NULL, public INTEGER NOT NULL, position INTEGER, envelope BLOB NOT NULL
);
CREATE INDEX documents_by_type ON documents (type, kind);
CREATE INDEX documents_by_about ON documents (about, type, kind);
CREATE INDEX documents_unsigned ON documents (type, about) WHERE NOT complete;
CREATE TABLE uses (grant_id TEXT PRIMARY KEY, uses INTEGER NOT NULL, spent_units INTEGER NOT NULL);
CREATE TABLE answers (key TEXT PRIMARY KEY, request TEXT NOT NULL, answer BLOB NOT NULL);
CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE nonces (nonce TEXT PRIMARY KEY, expires_at INTEGER NOT NULL);
CREATE INDEX nonces_by_expiry ON nonces (expires_at);
"""


class StorageFailed(Unavailable):
    """The disk is full or the database cannot be written; nothing of the transaction was kept."""

    code = "store.failed"


class Transaction:
    """What may be done inside `Store.transaction()`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.log = LogStore(connection)

    def put(self, envelope: Envelope, *, public: bool = False, logged: bool = True) -> int | None:
        """Keep an envelope (one that is complete is not replaced by one that is not) and log its id once.

        Returns:
            The document's position in this party's log, None if it is not logged here.
        """
        document = envelope.document
        known = self.connection.execute(
            "SELECT position, public FROM documents WHERE id = ?", (document.id,)
        ).fetchone()
        position = known[0] if known else None
        if logged and position is None:
            position = self.log.append(canonical_bytes({"id": document.id, "type": document.body["type"]}))
        kind = (
            document.body.get("claim_kind")
            or document.body.get("asset_kind")
            or document.body.get("action")
            or ""
        )
        self.connection.execute(
            # updated in place, so that order of keeping stays; a signature once held is never lost
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " public = excluded.public, position = excluded.position,"
            " envelope = CASE WHEN complete > excluded.complete THEN envelope ELSE excluded.envelope END,"
            " complete = max(complete, excluded.complete)",
            (
                document.id, document.body["type"], kind, document.subject(),
                next(iter(document.signers().values())), envelope.is_complete,
                public or bool(known and known[1]), position, envelope.to_bytes(),
            ),
        )  # fmt: skip
        return position

    def count_use(self, grant_id: str, price_units: int) -> None:
        """One more use of a grant, at its price."""
        self.connection.execute(
            "INSERT INTO uses VALUES (?, 1, ?) ON CONFLICT (grant_id) DO UPDATE"
            " SET uses = uses + 1, spent_units = spent_units + excluded.spent_units",
            (grant_id, price_units),
        )

    def answer(self, key: str, request: str, answer: bytes) -> None:
        """Remember what was answered, so that a retry gets the same and costs nothing.

        Raises:
            sqlite3.IntegrityError: the key was answered before.
        """
        self.connection.execute("INSERT INTO answers VALUES (?, ?, ?)", (key, request, answer))

    def set(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self.connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, canonical_bytes(value)))

    def delete(self, name: str) -> None:
        """Forget a value."""
        self.connection.execute("DELETE FROM state WHERE name = ?", (name,))

    def next_number(self, name: str) -> int:
        """0, 1, 2, ... never twice."""
        row = self.connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        number = json.loads(row[0]) if row else 0
        self.set(name, number + 1)
        return int(number)


class Store:
    """One database, one connection, one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=10
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            # FULL: an answer that was given (and may have been paid) must survive power loss too
            self._connection.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except sqlite3.Error as error:
            raise StorageFailed(
                f"cannot open {path.name}: {error}", hint="Check disk space and permissions."
            ) from error

    def _migrate(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StorageFailed(
                "the database was written by a newer Freehold", hint="Upgrade this installation."
            )
        if version == 0:
            with self.transaction() as tx:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    tx.connection.execute(statement)
                LogStore.create_tables(tx.connection)
                Vault.create_tables(tx.connection)
                tx.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing; exclusive.

        Raises:
            StorageFailed: the disk is full or failing. Nothing was kept.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield Transaction(self._connection)
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._rollback()
                raise StorageFailed(
                    f"cannot write: {error}", hint="Free some disk space, then retry."
                ) from error
            except BaseException:
                self._rollback()
                raise

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def get(self, document_id: str) -> Envelope:
        """One envelope.

        Raises:
            NotFound: it is not here.
        """
        rows = self._rows("SELECT envelope FROM documents WHERE id = ?", document_id)
        if not rows:
            raise NotFound(
                f"no document {document_id[:80]}", hint="List what is here, or ask the node that made it."
            )
        return read_envelope(rows[0][0])

    def has(self, document_id: str) -> bool:
        """Whether a document is here."""
        return bool(self._rows("SELECT 1 FROM documents WHERE id = ?", document_id))

    def position(self, document_id: str) -> int | None:
        """Where this party's log holds the document."""
        rows = self._rows("SELECT position FROM documents WHERE id = ?", document_id)
        return rows[0][0] if rows else None

    def find(
        self, type_: str, kind: str = "", about: str = "", *, public: bool = False, limit: int = 100_000
    ) -> list[Envelope]:
        """Envelopes of a type, where given of a kind and subject, in the order they were kept."""
        wanted = {"type": type_, "kind": kind, "about": about}
        given = {name: value for name, value in wanted.items() if value}
        where = " AND ".join(f"{name} = ?" for name in given) + (" AND public" if public else "")
        rows = self._rows(
            f"SELECT envelope FROM documents WHERE {where} ORDER BY rowid LIMIT ?",  # noqa: S608 - fixed names
            *given.values(),
            limit,
        )
        return [read_envelope(row[0]) for row in rows]

    def count(self, type_: str, *, about: str) -> int:
        """How many documents of a type are about a subject."""
        rows = self._rows("SELECT count(*) FROM documents WHERE about = ? AND type = ?", about, type_)
        return int(rows[0][0])

    def resolve(self, prefix: str, type_: str) -> str:
        """The full id of a shortened one."""
        text = prefix.lower().removeprefix("0x")
        rows = self._rows(
            "SELECT id FROM documents WHERE type = ? AND id LIKE ? LIMIT 100", type_, f"0x{text[:64]}%"
        )
        return resolve(prefix, (row[0] for row in rows), type_)

    def is_public(self, document_id: str) -> bool:
        """Whether anyone may read the document here."""
        return bool(self._rows("SELECT 1 FROM documents WHERE id = ? AND public", document_id))

    def unsigned_receipts(self, holder: str, grant_id: str = "") -> list[Receipt]:
        """Receipts that lack the holder's signature, of one grant where it is given."""
        found = self._rows(
            "SELECT envelope FROM documents WHERE type = 'receipt' AND NOT complete AND (about = ? OR ? = '')",
            grant_id,
            grant_id,
        )
        documents: list[Document] = [read_envelope(row[0]).document for row in found]
        return [item for item in documents if isinstance(item, Receipt) and item.holder == holder]

    def uses(self, grant_id: str) -> tuple[int, int]:
        """(uses, spent units) of a grant so far."""
        rows = self._rows("SELECT uses, spent_units FROM uses WHERE grant_id = ?", grant_id)
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def answered(self, key: str) -> tuple[str, bytes] | None:
        """(request hash, answer) given under a key before."""
        rows = self._rows("SELECT request, answer FROM answers WHERE key = ?", key)
        return (rows[0][0], rows[0][1]) if rows else None

    def state(self, name: str, default: Any = None) -> Any:
        """The JSON value kept under a name."""
        rows = self._rows("SELECT value FROM state WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else default

    def states(self, prefix: str) -> dict[str, Any]:
        """All values whose name starts with `prefix`."""
        rows = self._rows("SELECT name, value FROM state WHERE substr(name, 1, ?) = ?", len(prefix), prefix)
        return {name: json.loads(value) for name, value in rows}

    def seen_nonce(self, nonce: str, expires_at: int, now: int) -> bool:
        """Remember a nonce; True if it was here already."""
        with self.transaction() as tx:
            tx.connection.execute("DELETE FROM nonces WHERE expires_at < ?", (now,))
            added = tx.connection.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?)", (nonce, expires_at))
            return added.rowcount == 0

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for rooms that keep tables of their own here."""
        with self._lock:
            yield self._connection

    @contextmanager
    def log(self) -> Iterator[LogStore]:
        """The log, for reading."""
        with self._lock:
            yield LogStore(self._connection)

    def close(self) -> None:
        """Close the database; further use fails."""
        with self._lock:
            self._connection.close()

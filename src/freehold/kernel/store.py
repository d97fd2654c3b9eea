"""The node's database: documents, the log, and the few counters that are not derivable.

Everything that must stand or fall together is written in one `transaction()`: a receipt, its log
entry and the use it counts. After `kill -9` at any moment the database holds whole transactions only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.connection import Connection
from freehold.core.documents import Document, Party, Receipt
from freehold.core.errors import Conflict, FreeholdError, NotFound, Unavailable
from freehold.core.ids import prefix_range, resolve
from freehold.core.signing import Envelope, read_envelope
from freehold.kernel.databases import listing
from freehold.kernel.databases.errors import DatabaseLocked, StorageFailed
from freehold.kernel.databases.opening import Database, SqliteDatabase
from freehold.kernel.databases.steps import end_of
from freehold.log.store import LogStore

MOST_FOUND = 10_000
"""Documents that are read at once, where nobody says how many are wanted."""
OFF_OFFER = "withdrawn:"
"""How names in `state` begin that say of an asset that no new grants are given on it, as far as is known here."""
UNSOLD = "unsold:"
"""How names in `state` begin that say of another's model that its seller answers for it no longer, or not yet."""
OWN_PARTY, PEERS, ANCHORED, REVOCATIONS = "party", "peers", "anchored", "revocation_index"
"""Names in `state` that several files ask for: the id of the own party document, nodes that were added and who answers
there, how much of the log is known to be anchored, how many grants were numbered."""


class NoncesFull(Unavailable, code="store.nonces_full"):
    """Strangers sent more requests that are dated ahead than are remembered; `fields` say when to come back."""


class TooMany(Unavailable, code="store.too_many"):
    """More documents than are read at once; a list that leaves some out would not say so."""


class AlreadyAnswered(Conflict, code="store.answered"):
    """An answer is kept under this key already."""


class MustWait(Exception):
    """Inside `Store.together`: this is to be done by itself, where it may wait; nothing was done."""


class Transaction:
    """What may be done inside `Store.transaction()`."""

    def __init__(self, connection: Connection, before_append: Callable[[], None]) -> None:
        self.connection = connection
        self.log = LogStore(connection)
        self._before_append = before_append

    def put(self, envelope: Envelope, *, public: bool = False, logged: bool = True) -> int | None:
        """Keep an envelope (one that is complete is not replaced by one that is not) and log its id once.

        Gives the document's position in this party's log, None if it is not logged here.
        """
        document = envelope.document
        known = self.connection.execute(
            "SELECT position, public FROM documents WHERE id = ?", (document.id,)
        ).fetchone()
        position = known[0] if known else None
        if logged and position is None:
            self._before_append()
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
            " envelope = CASE WHEN documents.complete > excluded.complete"
            " THEN documents.envelope ELSE excluded.envelope END,"
            " complete = CASE WHEN documents.complete > excluded.complete"
            " THEN documents.complete ELSE excluded.complete END",
            (
                document.id, document.body["type"], kind, document.subject(),
                next(iter(document.signers().values())), envelope.is_complete,
                public or bool(known and known[1]), position, envelope.to_bytes(),
            ),
        )  # fmt: skip
        if known is None:
            listing.count(self.connection, document.body["type"], kind, 1)
        listing.put(self.connection, document, public=public or bool(known and known[1]), position=position)
        return position

    def count_use(self, grant_id: str, price_units: int) -> None:
        """One more use of a grant, at its price."""
        self.connection.execute(
            "INSERT INTO uses VALUES (?, 1, ?) ON CONFLICT (grant_id) DO UPDATE"
            " SET uses = uses.uses + 1, spent_units = uses.spent_units + excluded.spent_units",
            (grant_id, price_units),
        )

    def answer(self, key: str, request: str, answer: bytes) -> None:
        """Remember what was answered, so that a retry gets the same and costs nothing.

        Raises `AlreadyAnswered`: the key was answered before.
        """
        kept = self.connection.execute(
            "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING", (key, request, answer)
        )
        if kept.rowcount != 1:
            raise AlreadyAnswered("another answer was given under this key", hint="Ask for that one.")

    def set(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self.connection.execute(
            "INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, canonical_bytes(value)),
        )

    def introduce(self, party: Party) -> None:
        """This is the party of its account from now on."""
        listing.put_party(self.connection, party)
        listing.sort_party(self.connection, party.account, party.name)

    def delete(self, name: str) -> None:
        """Forget a value."""
        self.connection.execute("DELETE FROM state WHERE name = ?", (name,))

    def forget(self, document_id: str) -> None:
        """Let go of another's document; one that is logged or public here stays."""
        known = self.connection.execute(
            "SELECT type, kind FROM documents WHERE id = ? AND position IS NULL AND NOT public",
            (document_id,),
        ).fetchone()
        if known is not None:
            self.connection.execute("DELETE FROM documents WHERE id = ?", (document_id,))
            listing.forget(self.connection, document_id, str(known[0]), str(known[1]))

    def next_number(self, name: str) -> int:
        """0, 1, 2, ... never twice."""
        row = self.connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        number = json.loads(row[0]) if row else 0
        self.set(name, number + 1)
        return int(number)


class _Together:
    """The one commit of several transactions, which begins with the first of them."""

    def __init__(self, database: Database, stack: ExitStack) -> None:
        self.thread = threading.get_ident()
        self._database, self._stack = database, stack
        self._connection: Connection | None = None
        self._inside, self._broken = False, False
        self._locked: DatabaseLocked | None = None
        self.begun = 0
        """Transactions so far."""

    @contextmanager
    def part(self) -> Iterator[Connection]:
        """One transaction: what it raises undoes it alone, but for what the database itself refuses.

        That may have taken others with it, or come again for each: a lock would be waited for one after the other.
        """
        if self._inside:
            raise RuntimeError("a transaction is open already")
        self.begun += 1
        self.require_sound()
        self._inside = self._broken = True
        try:
            connection = self._begun()
            try:
                yield connection
            except StorageFailed:
                raise
            except (FreeholdError, MustWait):
                connection.execute("ROLLBACK TO part")
                connection.execute("RELEASE part")
                self._broken = False
                raise
            connection.execute("RELEASE part")
            self._broken = False
        except DatabaseLocked as error:
            self._locked = error
            raise
        finally:
            self._inside = False

    def _begun(self) -> Connection:
        if self._connection is None:
            self._connection = self._stack.enter_context(self._database.transaction())
        if not self._connection.in_transaction:
            # ended by a reading that failed; a savepoint would begin another, and its end keep this part alone
            raise MustWait
        self._connection.execute("SAVEPOINT part")
        return self._connection

    def require_sound(self) -> None:
        """No part took others with it. Raises `MustWait`; `DatabaseLocked`, where waiting would be for the same again."""
        if self._locked:
            raise self._locked
        if self._broken:
            raise MustWait


class Store:
    """One database, one connection, one writer at a time."""

    def __init__(self, database: Database | Path) -> None:
        """A path stands for a SQLite file."""
        self._lock = threading.RLock()
        self.before_append: Callable[[], None] = lambda: None
        """Raises where the log must not grow."""
        self._together: _Together | None = None
        self._database = SqliteDatabase(database) if isinstance(database, Path) else database

    def __str__(self) -> str:
        with self._lock:
            return str(self._database)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing; exclusive.

        Raises `StorageFailed`: the database cannot be written; nothing was kept. `StorageUncertain`, one of these:
        whether it was kept is seen at the next reading, as after a crash.
        """
        with self._lock:
            opened = self._together.part() if self._together else self._database.transaction()
            with opened as connection:
                yield Transaction(connection, self.before_append)

    @contextmanager
    def together(self) -> Iterator[Callable[[], int]]:
        """Transactions of this thread are parts of one commit meanwhile: each all or nothing by itself.

        Yields what tells how many there were so far.

        None is kept before the end, so nothing of them may be told before. Others wait, so nothing in it may. What a
        part raises that is no refusal undoes all.
        Raises `MustWait`: that came; do each by itself. `StorageFailed`, `StorageUncertain`: of all parts.
        """
        with self._lock, ExitStack() as stack:
            self._together = together = _Together(self._database, stack)
            stack.callback(setattr, self, "_together", None)
            yield lambda: together.begun
            together.require_sound()

    @property
    def is_together(self) -> bool:
        """Whether this thread is inside `together`."""
        # another thread may end its own meanwhile
        together = self._together
        return together is not None and together.thread == threading.get_ident()

    def may_wait(self) -> None:
        """Something that may take long comes now. Raises `MustWait`: this thread is inside `together`."""
        if self.is_together:
            raise MustWait

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query finds, for features that keep tables of their own here."""
        with self._lock:
            return self._database.connection.execute(query, values).fetchall()

    def get(self, document_id: str) -> Envelope:
        """One envelope. Raises `NotFound`: it is not here."""
        rows = self.rows("SELECT envelope FROM documents WHERE id = ?", document_id)
        if not rows:
            raise NotFound(
                f"no document {document_id[:80]}", hint="List what is here, or ask the node that made it."
            )
        return read_envelope(rows[0][0])

    def has(self, document_id: str) -> bool:
        """Whether a document is here."""
        return bool(self.rows("SELECT 1 FROM documents WHERE id = ?", document_id))

    def position(self, document_id: str) -> int | None:
        """Where this party's log holds the document."""
        rows = self.rows("SELECT position FROM documents WHERE id = ?", document_id)
        return rows[0][0] if rows else None

    def find(
        self, type_: str, kind: str = "", about: str = "", *, public: bool = False, limit: int | None = None
    ) -> list[Envelope]:
        """Envelopes of a type, where given of a kind and subject, in the order they were kept; at most `limit`.

        Raises `TooMany`: there are more than are read at once, and nobody said that fewer do.
        """
        wanted = {"type": type_, "kind": kind, "about": about}
        given = {name: value for name, value in wanted.items() if value}
        where = " AND ".join(f"{name} = ?" for name in given) + (" AND public" if public else "")
        rows = self.rows(
            f"SELECT envelope FROM documents WHERE {where} ORDER BY rowid LIMIT ?",  # noqa: S608 - fixed names
            *given.values(),
            MOST_FOUND + 1 if limit is None else limit,
        )
        if limit is None and len(rows) > MOST_FOUND:
            raise TooMany(
                f"there are more than {MOST_FOUND:,} documents of type {type_}", hint="Ask for fewer."
            )
        return [read_envelope(row[0]) for row in rows]

    def count(self, type_: str, *, about: str) -> int:
        """How many documents of a type are about a subject."""
        rows = self.rows("SELECT count(*) FROM documents WHERE about = ? AND type = ?", about, type_)
        return int(rows[0][0])

    def counted(self, type_: str, kind: str = "") -> int:
        """How many documents of a type, where given of a kind, are here."""
        rows = self.rows(
            "SELECT coalesce(sum(documents), 0) FROM counts WHERE type = ? AND (kind = ? OR ? = '')",
            type_,
            kind,
            kind,
        )
        return int(rows[0][0])

    def resolve(self, prefix: str, type_: str, kind: str = "") -> str:
        """The full id of a shortened one, where given of a kind."""
        # nothing is left out of what was found, so that many others of that beginning hide none; the type is
        # written so that no index of types is taken, which would go through all of the type
        query = (
            "SELECT id FROM documents WHERE id >= ? AND id < ? AND type || '' = ? AND (kind = ? OR ? = '')"
            " ORDER BY id LIMIT 1000"
        )
        rows = self.rows(query, *prefix_range(prefix), type_, kind, kind)
        return resolve(prefix, (row[0] for row in rows), kind or type_)

    def party(self, account: str) -> tuple[str, str] | None:
        """(id of the party document, name) of an account; None where nobody introduced it."""
        rows = self.rows("SELECT id, name FROM parties WHERE account = ?", account)
        return (str(rows[0][0]), str(rows[0][1])) if rows else None

    def parties(self) -> list[tuple[str, str]]:
        """(account, name) of every party that was introduced."""
        rows = self.rows("SELECT account, name FROM parties ORDER BY account")
        return [(str(account), str(name)) for account, name in rows]

    def is_public(self, document_id: str) -> bool:
        """Whether anyone may read the document here."""
        return bool(self.rows("SELECT 1 FROM documents WHERE id = ? AND public", document_id))

    def unsigned_receipts(self, holder: str, grant_id: str = "") -> list[Receipt]:
        """Receipts that lack the holder's signature, of one grant where it is given."""
        found = self.rows(
            "SELECT envelope FROM documents WHERE type = 'receipt' AND NOT complete AND (about = ? OR ? = '')"
            " ORDER BY rowid",
            grant_id,
            grant_id,
        )
        documents: list[Document] = [read_envelope(row[0]).document for row in found]
        return [item for item in documents if isinstance(item, Receipt) and item.holder == holder]

    def uses(self, grant_id: str) -> tuple[int, int]:
        """(uses, spent units) of a grant so far."""
        rows = self.rows("SELECT uses, spent_units FROM uses WHERE grant_id = ?", grant_id)
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def answered(self, key: str) -> tuple[str, bytes] | None:
        """(request hash, answer) given under a key before."""
        rows = self.rows("SELECT request, answer FROM answers WHERE key = ?", key)
        return (rows[0][0], rows[0][1]) if rows else None

    def state(self, name: str, default: Any = None) -> Any:
        """The JSON value kept under a name."""
        rows = self.rows("SELECT value FROM state WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else default

    def states(self, prefix: str) -> dict[str, Any]:
        """All values whose name starts with `prefix`."""
        # the names stand together in the key's index
        rows = self.rows(
            "SELECT name, value FROM state WHERE name >= ? AND name < ? ORDER BY name", prefix, end_of(prefix)
        )
        return {name: json.loads(value) for name, value in rows}

    def seen_nonce(self, nonce: str, expires_at: int, now: int, *, most: int | None = None) -> bool:
        """Remember a nonce; True if it was here already.

        Raises `NoncesFull`: `most` are kept. None is forgotten early to make room: its request would count again.
        """
        with self.transaction() as tx:
            tx.connection.execute("DELETE FROM nonces WHERE expires_at < ?", (now,))
            kept = tx.connection.execute("SELECT count(*) FROM nonces").fetchone()[0] if most else 0
            if most and kept >= most:
                raise NoncesFull(
                    "too many requests are dated ahead", hint="Set your clock.", retry_after_seconds=60
                )
            added = tx.connection.execute(
                "INSERT INTO nonces VALUES (?, ?) ON CONFLICT (nonce) DO NOTHING", (nonce, expires_at)
            )
            return added.rowcount == 0

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection, for rooms that keep tables of their own here."""
        with self._lock:
            yield self._database.connection

    @contextmanager
    def log(self) -> Iterator[LogStore]:
        """The log, for reading."""
        with self._lock:
            yield LogStore(self._database.connection)

    def tidy(self) -> None:
        """Give back room on the disk that no row fills any more."""
        with self._lock:
            self._database.tidy()

    def close(self) -> None:
        """Close the database; further use fails."""
        with self._lock:
            self._database.close()

"""The database that a home's settings name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from freehold.core import extras
from freehold.core.connection import Connection
from freehold.core.errors import NotFound
from freehold.kernel.databases import address, copying, migrations
from freehold.kernel.databases.commits import Commits
from freehold.kernel.databases.errors import UNREADABLE, DatabaseLocked, StorageFailed, StorageUncertain
from freehold.kernel.databases.soundness import read_only, require_sound

FILE = copying.FILE
PAGES_AT_ONCE = 10_000
"""Free pages given back at a time: the database is locked meanwhile."""
BUSY_SECONDS = 10
"""That a transaction waits for another program which writes."""
WAL_BYTES = 4 * 1024 * 1024
"""To which the write-ahead log shrinks at a checkpoint, however long it was."""


class SqliteDatabase:
    """One file, one connection."""

    def __init__(self, path: Path) -> None:
        self._commits = Commits(path)
        require_sound(path)
        with _said(path, "open", "Check disk space and permissions."):
            self.connection = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=BUSY_SECONDS
            )
            with _closed_on_failure(self.connection):
                self._begin(path)

    def _begin(self, path: Path) -> None:
        # before the first table: a database made earlier reuses free pages and keeps its size
        self.connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        # FULL: an answer that was given (and may have been paid) must survive power loss too
        self.connection.execute("PRAGMA synchronous = FULL")
        if not migrations.is_current(self.connection):
            with self._transaction(counted=False) as connection:
                made = copying.before_upgrade(path.parent, connection)
                migrations.migrate(connection)
            copying.prune(path.parent, made)
        # what savepoints can go back to: in a file it is written once more than the change itself
        self.connection.execute("PRAGMA temp_store = MEMORY")
        self._commits.begin(self.connection)

    def __str__(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """All or nothing; the only writer. Raises `StorageFailed`: the disk is full or failing. Nothing was kept."""
        return self._transaction(counted=True)

    @contextmanager
    def _transaction(self, *, counted: bool) -> Iterator[sqlite3.Connection]:
        committing = False
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
            number = self._commits.count(self.connection) if counted else 0
            committing = True
            self.connection.execute("COMMIT")
            if counted:
                self._commits.note(number)
        except sqlite3.DatabaseError as error:
            self._rollback()
            if (found := _failed(error, committing=committing)) is None:
                raise
            raise found from error
        except BaseException:
            self._rollback()
            raise

    def _rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def tidy(self) -> None:
        """Give free pages back to the disk, and empty the write-ahead log.

        Raises `StorageFailed`: it stays as it is.
        """
        try:
            # each step frees one page, and `execute` makes one step of a statement without columns
            self.connection.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
            # not for a reader either, who would hold up everybody: the next time will do
            self.connection.execute("PRAGMA busy_timeout = 0")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise StorageFailed(f"cannot tidy: {error}", hint="Free some disk space.") from error
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1_000}")

    def close(self) -> None:
        """Further use fails."""
        self.connection.close()
        self._commits.close()


def _failed(error: sqlite3.DatabaseError, *, committing: bool) -> StorageFailed | None:
    """What an error of SQLite's means for whoever wanted to keep something; None where its caller asked what is wrong."""
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind in UNREADABLE:
        return StorageFailed(f"cannot read what is kept: {error}", hint="Run freehold doctor.")
    if not isinstance(error, sqlite3.OperationalError):
        return None
    if kind == sqlite3.SQLITE_BUSY:
        return DatabaseLocked(
            f"cannot write: {error}",
            hint="Another program holds the database file, such as a copy tool or a shell: end it.",
        )
    if committing and kind == sqlite3.SQLITE_IOERR:
        # written and not flushed: after a crash it may be found as if it had been kept
        return StorageUncertain(
            f"cannot write: {error}",
            hint="Look whether it was kept before repeating anything; the disk may be failing.",
        )
    return StorageFailed(f"cannot write: {error}", hint="Free some disk space, then retry.")


class Database(Protocol):
    """A node's database, open for writing. Prints as kind, version and place."""

    @property
    def connection(self) -> Connection:
        """For reading, outside any transaction."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """All or nothing; the only writer."""

    def tidy(self) -> None:
        """Give back room that no row fills any more."""

    def close(self) -> None:
        """End it."""


def for_writing(home: Path, url: str) -> Database:
    """The database at `url` (empty: SQLite in the home), brought to the newest version.

    Raises `StorageFailed`, `InvalidInput`. `DatabaseInUse`: another node runs on it. `DatabaseMismatch`: the home
    wrote to another, which kept more.
    """
    if not url:
        return SqliteDatabase(home / FILE)
    with extras.needed("postgres"):
        from freehold.kernel.databases.postgresql import PostgresDatabase  # noqa: PLC0415 - only who uses it pays

    return PostgresDatabase(address.parse(url), home)


def for_reading(home: Path, url: str, *, timeout: float = 10) -> Connection:
    """A connection that cannot write, beside a running node.

    Raises `NotFound`: no database was made yet. `StorageFailed`: it cannot be opened.
    """
    if not url:
        return read_file(home / FILE, timeout=timeout)
    with extras.needed("postgres"):
        from freehold.kernel.databases.session import Session  # noqa: PLC0415 - as above

    return Session(address.parse(url), writer=False)


def require_whole(home: Path, url: str) -> None:
    """That the database at `url` has all that its home, whose node is stopped, noted of it.

    Raises `DatabaseDamaged`, `DatabaseMismatch`, `StorageFailed`.
    """
    if not url:
        require_sound(home / FILE)
        return
    with extras.needed("postgres"):
        from freehold.kernel.databases.postgresql import noted  # noqa: PLC0415 - as above
        from freehold.kernel.databases.session import Session  # noqa: PLC0415

    with closing(Session(address.parse(url), writer=False)) as session:
        noted(home, session).require(session if migrations.applied(session) else None)


def read_file(path: Path, *, timeout: float = 10) -> sqlite3.Connection:
    """As `soundness.read_only`. Raises `NotFound`: no such file. `StorageFailed`: it cannot be opened."""
    if not path.exists():
        raise NotFound(f"there is no database {path}", hint="Start the node once: freehold up.")
    with _said(path, "read", "Check its permissions; restore a backup if it is damaged."):
        connection = read_only(path, timeout=timeout)
        with _closed_on_failure(connection):
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    return connection


@contextmanager
def _said(path: Path, act: str, hint: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageFailed(f"cannot {act} {path.name}: {error}", hint=hint) from error


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise

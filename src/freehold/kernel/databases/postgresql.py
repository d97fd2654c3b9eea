"""A node's database on a Postgres server (13 or newer)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from freehold.core.errors import FreeholdError
from freehold.kernel.databases import copying, migrations
from freehold.kernel.databases.address import Address
from freehold.kernel.databases.commits import COUNT_ON_SERVER, Commits
from freehold.kernel.databases.errors import DatabaseLocked, StorageFailed, StorageUncertain
from freehold.kernel.databases.session import Session

RESOLVE_SECONDS = 10.0
"""How long a commit whose answer was lost is asked about; a server restarts in less."""


class PostgresDatabase:
    """One session, which holds the database's lock: no two nodes write to it, not even for a moment."""

    def __init__(self, address: Address, home: Path) -> None:
        """`home` keeps a copy of what is upgraded, and the note of what was kept."""
        self.address = address
        self.connection = Session(address, writer=True)
        self._commits = noted(home, self.connection)
        try:
            self._commits.begin(self.connection if migrations.applied(self.connection) else None)
            if not migrations.is_current(self.connection):
                made = copying.before_upgrade(home, self.connection)
                with self._transaction(counted=False) as connection:
                    migrations.migrate(connection)
                copying.prune(home, made)
        except BaseException:
            self.close()
            raise

    def __str__(self) -> str:
        return f"PostgreSQL {self.connection.server} at {self.address}"

    def transaction(self) -> AbstractContextManager[Session]:
        """All or nothing; the only writer.

        Raises `StorageFailed`: nothing was kept. `StorageUncertain`: the server went away while it committed and did
        not come back in time to be asked.
        """
        return self._transaction(counted=True)

    @contextmanager
    def _transaction(self, *, counted: bool) -> Iterator[Session]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.rollback()
            raise
        self._commit(COUNT_ON_SERVER if counted else "")

    def _commit(self, count: str) -> None:
        """A lost answer is not repeated blindly: the server knows what became of a transaction."""
        number = self.connection.transaction_id
        try:
            found = self.connection.commit(count).fetchone()
        except DatabaseLocked:
            # before it was kept: the count waited for somebody
            self.connection.rollback()
            raise
        except BaseException as error:
            self.connection.rollback()
            outcome = self._outcome(number) if isinstance(error, StorageFailed) else "unknown"
            if outcome == "committed":
                return
            if outcome == "aborted":
                raise StorageFailed(
                    "the database could not keep the transaction; nothing of it was kept",
                    hint="Look into the log of the database server, then retry.",
                ) from error
            raise StorageUncertain(
                "the database went away while it kept a transaction",
                hint="Start the database server, then look whether it was kept before repeating anything.",
            ) from error
        if found:
            self._commits.note(int(found[0]))

    def _outcome(self, number: int) -> str:
        """What became of a transaction.

        Asked in a session that holds the lock, so the session that committed has ended.
        """
        deadline = time.monotonic() + RESOLVE_SECONDS
        while time.monotonic() < deadline:
            try:
                (found,) = self.connection.execute(
                    "SELECT pg_xact_status(?::text::xid8)", (str(number),)
                ).fetchone()
            except FreeholdError:
                found = None
            if found in ("committed", "aborted"):
                return str(found)
            time.sleep(0.2)
        return "unknown"

    def tidy(self) -> None:
        """Nothing: the server's autovacuum lets new rows fill the room of old ones."""

    def close(self) -> None:
        """Further use fails."""
        self.connection.close()
        self._commits.close()


def noted(home: Path, session: Session) -> Commits:
    """What a home noted of the database that a session is with."""
    return Commits(home / copying.FILE, f"{session.address}, schema {session.schema}")

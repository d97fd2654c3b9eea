"""A node's database on a Postgres server (13 or newer)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.core.errors import FreeholdError
from freehold.kernel.databases import copying, migrations
from freehold.kernel.databases.address import Address
from freehold.kernel.databases.errors import StorageFailed, StorageUncertain
from freehold.kernel.databases.session import Session

RESOLVE_SECONDS = 10.0
"""How long a commit whose answer was lost is asked about; a server restarts in less."""


class PostgresDatabase:
    """One session, which holds the database's lock: no two nodes write to it, not even for a moment."""

    def __init__(self, address: Address, home: Path) -> None:
        """`home` keeps a copy of what is upgraded."""
        self.address = address
        self.connection = Session(address, writer=True)
        try:
            if not migrations.is_current(self.connection):
                made = copying.before_upgrade(home, self.connection)
                with self.transaction() as connection:
                    migrations.migrate(connection)
                copying.prune(home, made)
        except BaseException:
            self.close()
            raise

    def __str__(self) -> str:
        return f"PostgreSQL {self.connection.server} at {self.address}"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """All or nothing; the only writer.

        Raises `StorageFailed`: nothing was kept. `StorageUncertain`: the server went away while it committed and did
        not come back in time to be asked.
        """
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.rollback()
            raise
        self._commit()

    def _commit(self) -> None:
        """A lost answer is not repeated blindly: the server knows what became of a transaction."""
        number = self.connection.transaction_id
        try:
            self.connection.commit()
        except BaseException as error:
            self.connection.rollback()
            found = self._outcome(number) if isinstance(error, StorageFailed) else "unknown"
            if found == "committed":
                return
            if found == "aborted":
                raise StorageFailed(
                    "the database could not keep the transaction; nothing of it was kept",
                    hint="Look into the log of the database server, then retry.",
                ) from error
            raise StorageUncertain(
                "the database went away while it kept a transaction",
                hint="Start the database server, then look whether it was kept before repeating anything.",
            ) from error

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

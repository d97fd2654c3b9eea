"""The database that a home's settings name."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from freehold.core.connection import Connection
from freehold.core.errors import NotFound
from freehold.kernel.databases import address
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.databases.soundness import read_only
from freehold.kernel.databases.sqlite import FILE, SqliteDatabase


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

    Raises `StorageFailed`, `InvalidInput`. `DatabaseInUse`: another node runs on it.
    """
    if not url:
        return SqliteDatabase(home / FILE)
    from freehold.kernel.databases.postgresql import PostgresDatabase  # noqa: PLC0415 - only who uses it pays

    return PostgresDatabase(address.parse(url), home)


def for_reading(home: Path, url: str, *, timeout: float = 10) -> Connection:
    """A connection that cannot write, beside a running node.

    Raises `NotFound`: no database was made yet. `StorageFailed`: it cannot be opened.
    """
    if not url:
        return read_file(home / FILE, timeout=timeout)
    from freehold.kernel.databases.session import Session  # noqa: PLC0415 - as above

    return Session(address.parse(url), writer=False)


def read_file(path: Path, *, timeout: float = 10) -> sqlite3.Connection:
    """As `soundness.read_only`. Raises `NotFound`: no such file. `StorageFailed`: it cannot be opened."""
    if not path.exists():
        raise NotFound(f"there is no database {path}", hint="Start the node once: freehold up.")
    try:
        connection = read_only(path, timeout=timeout)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise StorageFailed(
            f"cannot read {path.name}: {error}",
            hint="Check its permissions; restore a backup if it is damaged.",
        ) from error
    return connection

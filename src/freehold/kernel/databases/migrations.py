"""Bringing a database to the newest step, in one transaction."""

from __future__ import annotations

import sqlite3
import time

from freehold.core.connection import Connection
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.databases.tables import STEPS

NEWEST = len(STEPS)


def version(connection: Connection) -> int:
    """The last step that was applied; 0 for an empty database."""
    if isinstance(connection, sqlite3.Connection):
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    known = connection.execute(
        "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'migrations'"
    ).fetchone()
    return int(connection.execute("SELECT max(number) FROM migrations").fetchone()[0]) if known[0] else 0


def is_current(connection: Connection) -> bool:
    """Whether nothing is to be done.

    Raises:
        StorageFailed: the database is ahead of this program.
    """
    found = version(connection)
    if found > NEWEST:
        raise StorageFailed(
            f"the database was written by a newer Freehold (version {found}, this one knows {NEWEST})",
            hint="Upgrade this installation.",
        )
    return found == NEWEST


def migrate(connection: Connection) -> None:
    """Apply the steps that are missing; inside a writing transaction of the caller.

    Raises:
        StorageFailed: the database is ahead of this program.
    """
    if is_current(connection):
        return
    plain = isinstance(connection, sqlite3.Connection)
    found = version(connection)
    for step in STEPS[found:]:
        for statement in step.sqlite if plain else step.postgresql:
            connection.execute(statement)
    now = int(time.time())
    for number, step in enumerate(STEPS, start=1):
        # the step that made this table comes after the first, which is recorded with it
        connection.execute(
            "INSERT INTO migrations VALUES (?, ?, ?) ON CONFLICT (number) DO NOTHING",
            (number, step.name, now),
        )
    if plain:
        connection.execute(f"PRAGMA user_version = {NEWEST}")

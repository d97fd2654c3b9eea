"""Before a database of an earlier version is brought to this one: a copy of it, whole and on the disk.

The copy is a SQLite database of that version in the home, also where the rows lie on a server: the release that
wrote them opens it as its own.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from operator import itemgetter
from pathlib import Path

from freehold import durable
from freehold.core.connection import Connection
from freehold.kernel.databases import copying, migrations
from freehold.kernel.databases.errors import StorageFailed

FILE = "node.sqlite"
"""A node's database as one file in its home."""
KEEP = 3
"""Copies that stay, the newest: the next upgrade lets go of the oldest."""
_COPY = re.compile(rf"{re.escape(FILE)}-version-\d+-before-\d+")
_BEGUN = re.compile(rf"\.{_COPY.pattern}\.part")
_LOG = logging.getLogger(__name__)


def copies(home: Path) -> list[Path]:
    """Databases as they were before upgrades, oldest first."""
    found = [path for path in home.iterdir() if _COPY.fullmatch(path.name)]
    # nothing that somebody else put there under such a name is let go of
    kept = [(path, path.lstat()) for path in found]
    plain = [(path, status.st_mtime_ns) for path, status in kept if stat.S_ISREG(status.st_mode)]
    return [path for path, _ in sorted(plain, key=itemgetter(1))]


def prune(home: Path) -> None:
    """Let go of the oldest copies, and of what killed upgrades left; the upgrade stands, so a failure only warns."""
    try:
        for old in copies(home)[:-KEEP]:
            old.unlink()
        for begun in home.iterdir():
            if _BEGUN.fullmatch(begun.name) and stat.S_ISREG(begun.lstat().st_mode):
                begun.unlink()
    except OSError as error:
        _LOG.warning("copies of the database as it was before upgrades stay in %s: %s", home, error)


def before(home: Path, connection: Connection) -> Path | None:
    """Keep the database as it is, if it is to be changed; says where.

    The caller lets nobody write to it meanwhile.
    Raises `StorageFailed`: it cannot be kept, so it must not be changed. The database is ahead of this program.
    """
    if migrations.is_current(connection) or not migrations.applied(connection):
        return None
    fill = _pages if isinstance(connection, sqlite3.Connection) else _rows
    path = home / f"{FILE}-version-{migrations.version(connection)}-before-{migrations.newest()}"
    try:
        _keep(path, connection, fill)
    except (OSError, sqlite3.Error) as error:
        raise StorageFailed(
            f"the database is of an earlier version, and no copy of it can be kept beside it: {error}",
            hint=f"Free as much disk space in {home} as the database takes, then start again. Nothing was changed.",
        ) from error
    return path


def _keep(path: Path, source: Connection, fill: Callable[[Connection, sqlite3.Connection], None]) -> None:
    begun = path.with_name(f".{path.name}.part")
    # what a killed one left behind
    begun.unlink(missing_ok=True)
    try:
        os.close(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, durable.PRIVATE_MODE))
        with closing(sqlite3.connect(begun, isolation_level=None)) as copy:
            fill(source, copy)
            # without it every reader of the copy would need a write-ahead log beside it
            copy.execute("PRAGMA journal_mode = DELETE")
        with begun.open("rb") as file:
            durable.sync(file)
        durable.place(begun, path, replace=True)
    finally:
        begun.unlink(missing_ok=True)


def _pages(source: Connection, copy: sqlite3.Connection) -> None:
    # through a connection of its own: the one that is about to write cannot be read from
    (path,) = source.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()
    with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True)) as beside:
        beside.backup(copy)


def _rows(source: Connection, copy: sqlite3.Connection) -> None:
    # one view of it all; the session's lock keeps other nodes away
    source.execute("BEGIN")
    try:
        copying.copy_as_it_is(source, copy)
    finally:
        source.rollback()

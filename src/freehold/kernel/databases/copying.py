"""Copies of a database: every row into another, whichever they are; and of one that is to be upgraded, as it was."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from freehold import durable
from freehold.core.connection import Connection
from freehold.kernel.databases import migrations
from freehold.kernel.databases.errors import StorageFailed

FILE = "node.sqlite"
"""A node's database as one file in its home."""
KEEP = 3
"""Copies that stay, the newest: the next upgrade lets go of the oldest."""
_COPY = re.compile(rf"{re.escape(FILE)}-version-(\d+)-before-(\d+)")
_BEGUN = re.compile(rf"\.{_COPY.pattern}\.part")
_LOG = logging.getLogger(__name__)
_ROWS = 200
_RECORD = "migrations"
_KEPT_ORDER = re.compile(r"CREATE TABLE (\w+) \(.*\browid BIGINT GENERATED", re.DOTALL)


class Layout(NamedTuple):
    """One table."""

    name: str
    key: tuple[str, ...]
    """Which is also the order of its rows."""
    columns: tuple[str, ...]


@cache
def layouts(keys: frozenset[migrations.Key]) -> tuple[Layout, ...]:
    """Every table of a database with these steps but the record of them."""
    ordered = {
        found.group(1)
        for one in migrations.known()
        for statement in one.step.postgresql
        if (found := _KEPT_ORDER.match(statement))
    }
    with closing(migrations.empty(keys)) as empty:
        names = [
            row[0]
            for row in empty.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
        ]
        return tuple(_layout(empty, name, name in ordered) for name in names if name != _RECORD)


def _layout(empty: sqlite3.Connection, name: str, ordered: bool) -> Layout:
    rows = empty.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
    key = [column for column, place in sorted(rows, key=lambda row: row[1]) if place]
    return Layout(name, ("rowid",) if ordered else tuple(key), tuple(row[0] for row in rows))


def is_empty(connection: Connection) -> bool:
    """Whether no table holds a row; of a database of this program's version."""
    return not any(
        connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]  # noqa: S608 - names of steps
        for table in layouts(_all())
    )


def _all() -> frozenset[migrations.Key]:
    return frozenset(one.key for one in migrations.known())


def copy(source: Connection, target: Connection) -> None:
    """Write all rows of one moment of `source` into the empty tables of `target`.

    Both are inside a transaction of the caller. A SQLite file of an earlier version is brought to this one on the
    way, in a copy that the disk forgets. Documents keep their order, and memory does not grow with them.
    """
    if isinstance(source, sqlite3.Connection) and not migrations.is_current(source):
        with closing(sqlite3.connect("", isolation_level=None)) as brought:
            source.backup(brought)
            brought.execute("BEGIN IMMEDIATE")
            migrations.migrate(brought)
            _copy(brought, target, _all())
        return
    _copy(source, target, _all())


def _copy(source: Connection, target: Connection, keys: frozenset[migrations.Key]) -> None:
    for table in layouts(keys):
        columns = ", ".join(table.columns)
        rows = _rows(source, table)
        while batch := list(islice(rows, _ROWS)):
            places = ", ".join(["(" + ", ".join("?" * len(table.columns)) + ")"] * len(batch))
            target.execute(
                f"INSERT INTO {table.name} ({columns}) VALUES {places}",  # noqa: S608 - names of steps
                [value for row in batch for value in row],
            )


def _rows(source: Connection, table: Layout) -> Iterator[tuple[Any, ...]]:
    names, width = ", ".join(table.key), len(table.key)
    wanted = f"SELECT {names}, {', '.join(table.columns)} FROM {table.name}"  # noqa: S608 - names of steps
    end = f"ORDER BY {names} LIMIT {_ROWS}"
    rows = source.execute(f"{wanted} {end}").fetchall()
    while rows:
        for row in rows:
            yield tuple(row[width:])
        rows = source.execute(
            f"{wanted} WHERE ({names}) > ({', '.join('?' * width)}) {end}", rows[-1][:width]
        ).fetchall()


def copies(home: Path) -> list[Path]:
    """Databases as they were before upgrades, oldest first: by their versions, for clocks may have been wrong."""
    found = [(path, _COPY.fullmatch(path.name)) for path in home.iterdir()]
    # nothing that somebody else put there under such a name is let go of
    plain = [
        ([int(one) for one in name.groups()], path)
        for path, name in found
        if name and stat.S_ISREG(path.lstat().st_mode)
    ]
    return [path for _, path in sorted(plain)]


def prune(home: Path, made: Path | None) -> None:
    """Let go of the oldest copies but never of that just `made`, and of what killed upgrades left.

    The upgrade stands, so a failure only warns.
    """
    try:
        for old in copies(home)[:-KEEP]:
            if old != made:
                old.unlink()
        for begun in home.iterdir():
            if _BEGUN.fullmatch(begun.name) and stat.S_ISREG(begun.lstat().st_mode):
                begun.unlink()
    except OSError as error:
        _LOG.warning("copies of the database as it was before upgrades stay in %s: %s", home, error)


def before_upgrade(home: Path, connection: Connection) -> Path | None:
    """Keep the database as it is, if it is to be changed, whole and on the disk; says where.

    The copy is a SQLite database of that version in the home, also where the rows lie on a server: the release that
    wrote them opens it as its own. The caller lets nobody write to it meanwhile.
    Raises `StorageFailed`: it cannot be kept, so it must not be changed. The database is ahead of this program.
    """
    if migrations.is_current(connection) or not migrations.applied(connection):
        return None
    fill = _pages if isinstance(connection, sqlite3.Connection) else _all_rows
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


def _all_rows(source: Connection, copy: sqlite3.Connection) -> None:
    # one view of it all; the session's lock keeps other nodes away
    source.execute("BEGIN")
    try:
        keys = migrations.applied(source)
        copy.execute("BEGIN IMMEDIATE")
        for one in migrations.known():
            if one.key in keys:
                migrations.run(copy, one.step)
        _copy(source, copy, keys)
        rows = source.execute("SELECT * FROM migrations").fetchall()
        copy.executemany(f"INSERT INTO migrations VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608 - question marks
        copy.execute(f"PRAGMA user_version = {migrations.version(source)}")
        copy.execute("COMMIT")
    finally:
        source.rollback()

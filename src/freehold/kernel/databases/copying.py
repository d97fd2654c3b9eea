"""Every row of a node from one database into another, whichever they are."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from freehold.core.connection import Connection
from freehold.kernel.databases import migrations

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


def copy_as_it_is(source: Connection, target: sqlite3.Connection) -> None:
    """Make `target`, which is new, a SQLite database of the same version with the same rows."""
    keys = migrations.applied(source)
    target.execute("BEGIN IMMEDIATE")
    for one in migrations.known():
        if one.key in keys:
            migrations.run(target, one.step)
    _copy(source, target, keys)
    rows = source.execute("SELECT * FROM migrations").fetchall()
    target.executemany(f"INSERT INTO migrations VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608 - question marks
    target.execute(f"PRAGMA user_version = {migrations.version(source)}")
    target.execute("COMMIT")


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

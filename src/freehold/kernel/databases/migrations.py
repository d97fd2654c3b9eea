"""Bringing a database to the newest step of every owner of tables, in one transaction."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from freehold.core.connection import Connection
from freehold.kernel import installed
from freehold.kernel.databases import tables
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.databases.steps import Step

COUNTED = 6
"""Steps that were counted together, before each owner's were."""
_MADE = re.compile(r"CREATE (?:UNIQUE )?(?:TABLE|INDEX) (?:IF NOT EXISTS )?(\w+)")
Key = tuple[str, int]
"""(owner, number) of a step, as `migrations` records it."""


@dataclass(frozen=True)
class Numbered:
    """A step and the name it is recorded under."""

    owner: str
    number: int
    """From 1."""
    step: Step

    @property
    def key(self) -> Key:
        """As `migrations` records it."""
        return self.owner, self.number


def owners() -> dict[str, tuple[Step, ...]]:
    """The steps of all who own tables, the kernel first."""
    return {installed.KERNEL: tables.STEPS, **dict(installed.said("tables", "STEPS"))}


@cache
def known() -> tuple[Numbered, ...]:
    """Every step in the order in which a new database takes them: those counted together first, as they were.

    Raises `FeaturesClash`: two owners make one table.
    """
    found = [
        Numbered(owner, number, step)
        for owner, steps in owners().items()
        for number, step in enumerate(steps, 1)
    ]
    # an owner may make its own anew
    made = {(one.owner, name) for one in found for said in one.step.sqlite for name in _MADE.findall(said)}
    installed.require_once("table or index", sorted(made))
    return tuple(sorted(found, key=lambda one: one.step.released or COUNTED + 1))


def newest() -> int:
    """The version that this program brings a database to."""
    return len(known())


def version(connection: Connection) -> int:
    """How far a database is; 0 where it is empty. Grows with every step, whoever's it is."""
    found = _counted(connection)
    return found if found is not None else len(_recorded(connection))


def applied(connection: Connection) -> frozenset[Key]:
    """The steps that a database has."""
    together = _counted(connection)
    if together is None:
        return frozenset(_recorded(connection))
    return frozenset(one.key for one in known() if 0 < one.step.released <= together)


def has(connection: Connection, name: str) -> bool:
    """Whether a database has the step of a name."""
    found = applied(connection)
    return any(one.key in found for one in known() if one.step.name == name)


def _counted(connection: Connection) -> int | None:
    """The number of a database whose steps were counted together; None where each owner's are."""
    columns = _columns(connection)
    if "owner" in columns:
        return None
    if isinstance(connection, sqlite3.Connection):
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    return int(connection.execute("SELECT max(number) FROM migrations").fetchone()[0]) if columns else 0


def _columns(connection: Connection) -> set[str]:
    if isinstance(connection, sqlite3.Connection):
        rows = connection.execute("SELECT name FROM pragma_table_info('migrations')").fetchall()
    else:
        rows = connection.execute(
            "SELECT column_name::text FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = 'migrations'"
        ).fetchall()
    return {str(row[0]) for row in rows}


def _recorded(connection: Connection) -> set[Key]:
    return {
        (str(row[0]), int(row[1]))
        for row in connection.execute("SELECT owner, number FROM migrations").fetchall()
    }


def missing(connection: Connection) -> list[Numbered]:
    """The steps that a database lacks, in order. Raises `StorageFailed`: the database is ahead of this program."""
    found, ours = applied(connection), {one.key for one in known()}
    ahead = sorted(found - ours)
    counted = _counted(connection) or 0
    if ahead or counted > COUNTED:
        which = f"step {ahead[0][1]} of {ahead[0][0]}" if ahead else f"version {counted}"
        raise StorageFailed(
            f"the database was written by a newer Freehold ({which} is not known here)",
            hint="Upgrade this installation.",
        )
    return [one for one in known() if one.key not in found]


def is_known(connection: Connection) -> bool:
    """Whether this program can read the database, perhaps after bringing it to the newest step."""
    try:
        missing(connection)
    except StorageFailed:
        return False
    return version(connection) > 0


def is_current(connection: Connection) -> bool:
    """Whether nothing is to be done. Raises `StorageFailed`: the database is ahead of this program."""
    return not missing(connection)


def migrate(connection: Connection) -> None:
    """Apply the steps that are missing; inside a writing transaction of the caller.

    Raises `StorageFailed`: the database is ahead of this program.
    """
    wanted = missing(connection)
    if not wanted:
        return
    before = _times(connection)
    for one in wanted:
        run(connection, one.step)
    now = int(time.time())
    for one in known():
        connection.execute(
            "INSERT INTO migrations VALUES (?, ?, ?, ?) ON CONFLICT (owner, number) DO NOTHING",
            (one.owner, one.number, one.step.name, before.get(one.step.released, now)),
        )
    if isinstance(connection, sqlite3.Connection):
        # an earlier program reads this alone, and leaves a database alone that is ahead of it
        connection.execute(f"PRAGMA user_version = {newest()}")


def _times(connection: Connection) -> dict[int, int]:
    """When the steps that were counted together were applied, by that number."""
    columns = _columns(connection)
    if not columns or "owner" in columns:
        return {}
    rows = connection.execute("SELECT number, applied_at FROM migrations").fetchall()
    return {int(row[0]): int(row[1]) for row in rows}


def run(connection: Connection, step: Step) -> None:
    """Apply one step."""
    for statement in step.sqlite if isinstance(connection, sqlite3.Connection) else step.postgresql:
        connection.execute(statement)
    if step.fill is not None:
        step.fill(connection)


def empty(keys: Iterable[Key]) -> sqlite3.Connection:
    """A new SQLite database in memory that has just these steps and no rows."""
    made, chosen = sqlite3.connect(":memory:", isolation_level=None), set(keys)
    for one in known():
        if one.key in chosen:
            run(made, one.step)
    return made

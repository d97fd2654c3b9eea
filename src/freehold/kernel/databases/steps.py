"""A numbered step: what takes an owner's tables from one version to the next.

Whoever owns tables owns their steps: the kernel's stand in `databases.tables`, a feature's in its `tables.py`,
which imports nothing but this. A step that was released is never changed. Both forms of a step say the same in
their database's words; columns and their order are equal, so every other statement is written once. Rows of
`state` that get a table of their own are `moved` into it in the step that makes it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from freehold.core.connection import Connection


@dataclass(frozen=True)
class Step:
    """What takes a database from one version to the next; its number is its place among its owner's."""

    name: str
    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]
    fill: Callable[[Connection], None] | None = None
    """Fills what was just made out of what stood there before, where one statement cannot."""
    released: int = 0
    """The number that it bore while all steps were counted together; 0 for a later one."""


_WORDS = {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "BLOB": "BYTEA"}


def step(name: str, *statements: str, fill: Callable[[Connection], None] | None = None) -> Step:
    """A step in SQLite's words, and in those of Postgres that follow from them.

    On Postgres text is ordered by its bytes, and a table that is not WITHOUT ROWID has a `rowid`, which is the order
    of keeping; an index that ends in `rowid` there is without it here, where each index ends so unasked.
    """
    plain = tuple(statement.replace(", rowid)", ")") for statement in statements)
    return Step(name, plain, tuple(map(_postgresql, statements)), fill)


def _postgresql(statement: str) -> str:
    if not statement.startswith("CREATE TABLE"):
        return statement
    words = re.sub(r"\b(TEXT|INTEGER|BLOB)\b", lambda found: _WORDS[found.group()], statement)
    if words.endswith(" WITHOUT ROWID"):
        return words.removesuffix(" WITHOUT ROWID")
    return (
        words.rstrip().removesuffix(")").rstrip() + ",\n  rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE\n)"
    )


def end_of(prefix: str) -> str:
    """The first name after all that begin with `prefix`; both databases order names by their bytes."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else chr(sys.maxunicode)


def moved(connection: Connection, prefix: str) -> Iterator[tuple[str, Any]]:
    """(name without the prefix, value) of each, which is no longer in `state` afterwards."""
    between = (prefix, end_of(prefix))
    rows = connection.execute(
        "SELECT name, value FROM state WHERE name >= ? AND name < ? ORDER BY name", between
    ).fetchall()
    connection.execute("DELETE FROM state WHERE name >= ? AND name < ?", between)
    for name, value in rows:
        # one that cannot be read was never read as anything either
        with suppress(ValueError):
            yield str(name).removeprefix(prefix), json.loads(value)

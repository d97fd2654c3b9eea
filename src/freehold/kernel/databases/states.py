"""Rows of `state` on their way into a table of their own, in the step that makes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from freehold.core.connection import Connection


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

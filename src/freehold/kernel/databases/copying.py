"""Every row of a node from one database into another, whichever they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

from freehold.core.connection import Connection
from freehold.kernel.databases import migrations
from freehold.kernel.databases.tables import FILL_RECEIPTS

_ROWS = 200
_TABLES = {
    "documents": (("rowid",), "id, type, kind, about, signer, complete, public, position, envelope"),
    "uses": (("grant_id",), "grant_id, uses, spent_units"),
    "answers": (("key",), "key, request, answer"),
    "state": (("name",), "name, value"),
    "nonces": (("nonce",), "nonce, expires_at"),
    "log_entries": (("position",), "position, data"),
    "log_nodes": (("level", "position"), "level, position, hash"),
    "vault_epochs": (("asset", "epoch"), "asset, epoch, recipient, wrapped"),
    "privacy_terms": (("number",), "number, line, epsilon_life_micro, delta_exponent, reveals"),
    "privacy_lines": (("asset", "line"), "asset, line"),
    "privacy_rows": (("fingerprint",), "fingerprint, line"),
    "privacy_spent": (("line", "run"), "line, run, rho_nano, epsilon_micro, holder, asset, at"),
    "privacy_reserved": (("line", "run"), "line, run, rho_nano, until"),
    "pending": (("rowid",), "kind, name, party, bytes, known"),
    "partners": (("account",), "account"),
    "sold": (("rowid",), "key, buyer, receipt, bytes"),
    "payments": (("nonce",), "nonce, act, purpose, about, units, at, until, state"),
    "served": (("model", "buyer", "at"), "model, buyer, at, calls, answered_rows"),
}
"""By table: its key, which is also the order of its rows, and its columns. What is derived from these is not copied."""

_SINCE = {
    **{table: 4 for table in _TABLES if table.startswith("privacy_")},
    **dict.fromkeys(("pending", "partners", "sold"), 5),
    **dict.fromkeys(("payments", "served"), 6),
}
"""By table that the first version lacks: the step that made it."""


def is_empty(connection: Connection) -> bool:
    """Whether no table holds a row."""
    return not any(
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - fixed names
        for table in _TABLES
    )


def copy(source: Connection, target: Connection) -> None:
    """Write all rows of one moment of `source`, which may be of an earlier version, into the empty tables of `target`.

    Both are inside a transaction of the caller. Documents keep their order, and memory does not grow with them.
    """
    version = migrations.version(source)
    for table, (key, columns) in _TABLES.items():
        if _SINCE.get(table, 1) > version:
            continue
        width = columns.count(",") + 1
        rows = _rows(source, table, key, columns)
        while batch := list(islice(rows, _ROWS)):
            places = ", ".join(["(" + ", ".join("?" * width) + ")"] * len(batch))
            target.execute(
                f"INSERT INTO {table} ({columns}) VALUES {places}",  # noqa: S608 - fixed names
                [value for row in batch for value in row],
            )
    target.execute(
        FILL_RECEIPTS.sqlite if isinstance(target, sqlite3.Connection) else FILL_RECEIPTS.postgresql
    )


def _rows(source: Connection, table: str, key: tuple[str, ...], columns: str) -> Iterator[tuple[Any, ...]]:
    names = ", ".join(key)
    wanted = f"SELECT {names}, {columns} FROM {table}"  # noqa: S608 - fixed names
    end = f"ORDER BY {names} LIMIT {_ROWS}"
    rows = source.execute(f"{wanted} {end}").fetchall()
    while rows:
        for row in rows:
            yield tuple(row[len(key) :])
        rows = source.execute(
            f"{wanted} WHERE ({names}) > ({', '.join('?' * len(key))}) {end}", rows[-1][: len(key)]
        ).fetchall()

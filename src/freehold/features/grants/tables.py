"""Requests that came in and wait for their owner's word, and what this party asked of others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.connection import Connection
from freehold.core.ids import document_id
from freehold.kernel.databases.steps import moved, step


def _fill(connection: Connection) -> None:
    index: dict[str, Any] = next((kept for name, kept in moved(connection, "requests") if not name), {})
    records = dict(moved(connection, "request:"))
    for request in sorted(index, key=lambda one: (index[one].get("place", 0), one)):
        record, entry = records.get(request), index[request]
        if record is not None:
            connection.execute(
                "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?)",
                (
                    request, entry["holder"], record["state"], entry["until"], entry.get("bytes", 0),
                    canonical_bytes(record),
                ),
            )  # fmt: skip
    connection.execute("DELETE FROM state WHERE name = 'request_places'")
    for name, kept in moved(connection, "wanted:"):
        wish = kept if isinstance(kept, dict) else _spelled_out(name, kept)
        connection.execute(
            "INSERT INTO asked VALUES (?, ?, ?)",
            (name, wish["state"] not in ("asked", "dropped"), canonical_bytes(wish)),
        )


def _spelled_out(name: str, nonce: str) -> dict[str, Any]:
    """A wish of which earlier versions kept the nonce alone."""
    once_for, asset, action, purpose, uses, cap = name.rsplit(":", 5)
    return {
        "nonce": nonce,
        "state": "asked",
        "asset": asset,
        "action": action,
        "purpose": purpose or None,
        "max_uses": int(uses) or None,
        "spend_cap_units": int(cap),
        "once_for": once_for,
        "asked_at": 0,
        "offer": None,
        "taken": "",
        "reason": "",
        "ask_again_at": 0,
    }


def _fill_looked_up(connection: Connection) -> None:
    own = _own(connection)
    for request, record in _records(connection, "SELECT id, record FROM requests"):
        connection.execute(
            "UPDATE requests SET asset = ?, asked_at = ? WHERE id = ?",
            (record["asset"], record["asked_at"], request),
        )
    for key, wish in _records(connection, "SELECT wish, record FROM asked"):
        named = document_id({"asset": wish["asset"], "holder": own, "nonce": wish["nonce"]})
        connection.execute(
            "UPDATE asked SET request = ?, asset = ?, state = ?, asked_at = ? WHERE wish = ?",
            (named, wish["asset"], wish["state"], wish["asked_at"], key),
        )


def _own(connection: Connection) -> str:
    """The account of this party; empty where it has no document yet, and so asked for nothing."""
    party = connection.execute("SELECT value FROM state WHERE name = 'party'").fetchone()
    found = (
        party
        and connection.execute(
            "SELECT signer FROM documents WHERE id = ?", (json.loads(party[0]),)
        ).fetchone()
    )
    return str(found[0]) if found else ""


def _records(connection: Connection, query: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, kept in connection.execute(query).fetchall():
        # one that cannot be read was never read as anything either
        with suppress(ValueError, LookupError, TypeError):
            yield str(key), json.loads(kept)


_LOOKED_UP = (
    "ALTER TABLE requests ADD COLUMN asset TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX requests_by_asset ON requests (asset, state)",
    "ALTER TABLE requests ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX requests_decided ON requests (asked_at) WHERE state <> 'waiting'",
    "ALTER TABLE asked ADD COLUMN request TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE asked ADD COLUMN asset TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE asked ADD COLUMN state TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE asked ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX asked_by_request ON asked (request) WHERE open",
    "CREATE INDEX asked_by_asset ON asked (asset, asked_at) WHERE open",
    "CREATE INDEX asked_by_state ON asked (state, asked_at)",
    "CREATE INDEX asked_by_time ON asked (asked_at) WHERE open",
)
STEPS = (
    step(
        "requests in and out",
        """CREATE TABLE requests (
  id TEXT PRIMARY KEY, holder TEXT NOT NULL, state TEXT NOT NULL, lapses_at INTEGER NOT NULL, bytes INTEGER NOT NULL,
  record BLOB NOT NULL
)""",
        "CREATE INDEX requests_by_time ON requests (lapses_at)",
        "CREATE INDEX requests_by_state ON requests (state, lapses_at)",
        "CREATE TABLE asked (wish TEXT PRIMARY KEY, open BOOLEAN NOT NULL, record BLOB NOT NULL) WITHOUT ROWID",
        "CREATE INDEX asked_open ON asked (wish) WHERE open",
        fill=_fill,
    ),
    replace(
        step("what requests are looked up by", *_LOOKED_UP, fill=_fill_looked_up),
        postgresql=tuple(one.replace("TEXT", 'TEXT COLLATE "C"') for one in _LOOKED_UP),
    ),
)

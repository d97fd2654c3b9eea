"""Requests that came in and wait for their owner's word, and what this party asked of others."""

from __future__ import annotations

from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.connection import Connection
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
)

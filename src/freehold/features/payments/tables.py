"""Channels that this party pays from, and the newest voucher of each channel that it is paid by."""

from __future__ import annotations

from freehold.core.canonical import canonical_bytes
from freehold.core.connection import Connection
from freehold.kernel.databases.steps import moved, step


def _fill(connection: Connection) -> None:
    current = {channel for _, channel in moved(connection, "spending_on:")}
    for channel, record in moved(connection, "spending:"):
        model, units = record.pop("model"), record.pop("cumulative_units")
        del record["channel"]
        connection.execute(
            "INSERT INTO channels VALUES (?, ?, ?, ?, ?)",
            (channel, model, channel in current, units, canonical_bytes(record)),
        )
    unsettled = {channel for channel, _ in moved(connection, "unsettled:")}
    lost = dict(moved(connection, "lost:"))
    for channel, one in moved(connection, "voucher:"):
        gone = lost.get(channel, {"units": 0, "at": 0})
        connection.execute(
            "INSERT INTO vouchers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                channel, one["model"], one["grant"], one["cumulative_units"], one["signature"],
                channel not in unsettled, gone["units"], gone["at"],
            ),
        )  # fmt: skip


STEPS = (
    step(
        "channels and vouchers",
        """CREATE TABLE channels (
  channel TEXT PRIMARY KEY, model TEXT NOT NULL, in_use BOOLEAN NOT NULL, cumulative_units INTEGER NOT NULL,
  record BLOB NOT NULL
) WITHOUT ROWID""",
        "CREATE UNIQUE INDEX channels_in_use ON channels (model) WHERE in_use",
        """CREATE TABLE vouchers (
  channel TEXT PRIMARY KEY, model TEXT NOT NULL, grant_id TEXT NOT NULL, cumulative_units INTEGER NOT NULL,
  signature TEXT NOT NULL, settled BOOLEAN NOT NULL, lost_units INTEGER NOT NULL, lost_at INTEGER NOT NULL
) WITHOUT ROWID""",
        "CREATE INDEX vouchers_unsettled ON vouchers (model, channel) WHERE NOT settled",
        "CREATE INDEX vouchers_lost ON vouchers (lost_at, channel) WHERE lost_at > 0",
        fill=_fill,
    ),
)

"""Where notifications are sent, sealed, and a row for each thing that was, or is to be, told."""

from __future__ import annotations

from freehold.kernel.databases.steps import step

STEPS = (
    step(
        "notifications",
        "CREATE TABLE notification_channels (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID",
        """CREATE TABLE notifications (
  id TEXT PRIMARY KEY, channel TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
  waits BOOLEAN NOT NULL, message TEXT NOT NULL, kept_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  tried_at INTEGER NOT NULL
) WITHOUT ROWID""",
        "CREATE INDEX notifications_waiting ON notifications (channel, kept_at) WHERE waits",
        "CREATE INDEX notifications_tried ON notifications (channel, state, tried_at)",
        "CREATE INDEX notifications_kept ON notifications (kept_at)",
    ),
)

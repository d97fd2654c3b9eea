"""The table of notes. A step that was released is never changed: what comes later is a further step."""

from __future__ import annotations

from freehold.kernel.databases.steps import Step

_BY_ABOUT = "CREATE INDEX notes_by_about ON notes (about, number)"

STEPS = (
    Step(
        "notes",
        (
            "CREATE TABLE notes (number INTEGER PRIMARY KEY, about TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL)",
            _BY_ABOUT,
        ),
        (
            "CREATE TABLE notes (number BIGINT PRIMARY KEY, about TEXT NOT NULL, text TEXT NOT NULL, at BIGINT NOT NULL)",
            _BY_ABOUT,
        ),
    ),
)

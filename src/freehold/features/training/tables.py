"""Training jobs, the rounds that a builder ran, the runs that an owner takes part in, tests kept for others."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.connection import Connection
from freehold.core.look_alikes import folded
from freehold.kernel.databases.steps import moved, step

ENDED = ("done", "withheld")
"""Steps after which a job goes on only by its owner's word."""
_OF_RUN = {"plan": "planned", **{name: name for name in ("start", "agreed", "disputed", "two_histories")}}
_OF_ROUND = {"claim": "seen", "revealed": "followed", "given": "given"}


def _fill(connection: Connection) -> None:
    _fill_jobs(connection)
    _fill_rounds_made(connection)
    _fill_runs(connection)
    _fill_rounds_followed(connection)
    for commitment, kept in moved(connection, "held_test:"):
        connection.execute(
            "INSERT INTO tests_held VALUES (?, ?, ?, ?, ?, ?)",
            (
                commitment, kept["builder"], kept["claim"], kept["run"], kept.get("opening", ""), kept["at"],
            ),
        )  # fmt: skip


def _fill_jobs(connection: Connection) -> None:
    held = {job for job, _ in moved(connection, "held:")}
    for job, kept in moved(connection, "job:"):
        ended = "step" in kept and kept["step"] in ENDED
        connection.execute(
            "INSERT INTO jobs VALUES (?, ?, ?, ?)", (job, ended, job in held, canonical_bytes(kept))
        )


def _fill_rounds_made(connection: Connection) -> None:
    def keep(run: str, number: int, kept: dict[str, Any]) -> None:
        revealed = canonical_bytes(kept["revealed"]) if "revealed" in kept else None
        connection.execute(
            "INSERT INTO rounds_made VALUES (?, ?, ?, ?, ?) ON CONFLICT (run, number) DO NOTHING",
            (run, number, kept["claim"], canonical_bytes(kept["receipts"]), revealed),
        )

    for name, kept in moved(connection, "round:"):
        run, number = name.split(":")
        keep(run, int(number), kept)
    # the last one that was begun; it may be over
    for run, kept in moved(connection, "opened:"):
        keep(run, kept["number"], kept)


def _fill_runs(connection: Connection) -> None:
    for column, prefix in _OF_RUN.items():
        for run, value in moved(connection, f"{prefix}:"):
            connection.execute(
                f"INSERT INTO runs (run, {column}, put_aside, judge, opened_at) VALUES (?, ?, ?, '', 0)"  # noqa: S608 - one of those
                f" ON CONFLICT (run) DO UPDATE SET {column} = excluded.{column}",
                (run, canonical_bytes(value), False),
            )
    for run, _ in moved(connection, "dispute_seen:"):
        connection.execute("UPDATE runs SET put_aside = ? WHERE run = ?", (True, run))
    for run, to in moved(connection, "opened_to:"):
        connection.execute(
            "UPDATE runs SET judge = ?, opened_at = ? WHERE run = ?", (to["judge"], to["at"], run)
        )


def _fill_rounds_followed(connection: Connection) -> None:
    for column, prefix in _OF_ROUND.items():
        for name, value in moved(connection, f"{prefix}:"):
            run, _, number = name.partition(":")
            connection.execute(
                f"INSERT INTO rounds_followed (run, number, {column}) VALUES (?, ?, ?)"  # noqa: S608 - one of those
                f" ON CONFLICT (run, number) DO UPDATE SET {column} = excluded.{column}",
                (run, int(number), value if column == "claim" else canonical_bytes(value)),
            )


def _fill_listed(connection: Connection) -> None:
    found = []
    for job, kept in connection.execute("SELECT id, record FROM jobs ORDER BY id").fetchall():
        # one that cannot be read was never shown either
        with suppress(ValueError, LookupError, TypeError, AttributeError):
            record = json.loads(kept)
            found.append(
                (int(record.get("started_at", 0)), str(job), str(record["step"]), str(record.get("name", "")))
            )
    for number, (_, job, at, name) in enumerate(sorted(found), start=1):
        connection.execute(
            "UPDATE jobs SET number = ?, step = ?, words = ? WHERE id = ?", (number, at, words(name), job)
        )


def _fill_folded(connection: Connection) -> None:
    for job, said in connection.execute("SELECT id, words FROM jobs").fetchall():
        connection.execute("UPDATE jobs SET words = ? WHERE id = ?", (words(said), job))


def words(name: str) -> str:
    """What a search of jobs looks through."""
    return folded(name.replace("\0", ""))


_LISTED = (
    "ALTER TABLE jobs ADD COLUMN number BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN step TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN words TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX jobs_by_number ON jobs (number)",
    "CREATE INDEX jobs_by_step ON jobs (step, number)",
    "CREATE INDEX jobs_undone ON jobs (number) WHERE step <> 'done'",
)
STEPS = (
    step(
        "jobs, rounds and runs",
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, ended BOOLEAN NOT NULL, held BOOLEAN NOT NULL, record BLOB NOT NULL)"
        " WITHOUT ROWID",
        "CREATE INDEX jobs_going_on ON jobs (id) WHERE NOT ended",
        """CREATE TABLE rounds_made (
  run TEXT NOT NULL, number INTEGER NOT NULL, claim TEXT NOT NULL, receipts BLOB NOT NULL, revealed BLOB,
  PRIMARY KEY (run, number)
) WITHOUT ROWID""",
        """CREATE TABLE runs (
  run TEXT PRIMARY KEY, plan BLOB, start BLOB, agreed BLOB, disputed BLOB, two_histories BLOB,
  put_aside BOOLEAN NOT NULL, judge TEXT NOT NULL, opened_at INTEGER NOT NULL
) WITHOUT ROWID""",
        "CREATE INDEX runs_disputed ON runs (run)"
        " WHERE (disputed IS NOT NULL OR two_histories IS NOT NULL) AND NOT put_aside",
        """CREATE TABLE rounds_followed (
  run TEXT NOT NULL, number INTEGER NOT NULL, claim TEXT, revealed BLOB, given BLOB, PRIMARY KEY (run, number)
) WITHOUT ROWID""",
        """CREATE TABLE tests_held (
  test TEXT PRIMARY KEY, builder TEXT NOT NULL, claim TEXT NOT NULL, run TEXT NOT NULL, opening TEXT NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID""",
        "CREATE INDEX tests_held_by_time ON tests_held (at, test)",
        fill=_fill,
    ),
    replace(
        step("jobs as a list", *_LISTED, fill=_fill_listed),
        postgresql=tuple(one.replace("TEXT", 'TEXT COLLATE "C"') for one in _LISTED),
    ),
    step("jobs are found without accents", fill=_fill_folded),
)

"""Models that were released here, and models of others in which this party has a share."""

from __future__ import annotations

from freehold.core.canonical import canonical_bytes
from freehold.core.connection import Connection
from freehold.kernel.databases.steps import moved, step


def _fill(connection: Connection) -> None:
    jobs, untold = dict(moved(connection, "run_of:")), dict(moved(connection, "untold:"))
    for model, weights in moved(connection, "model:"):
        owners = canonical_bytes(untold[model]) if model in untold else None
        connection.execute(
            "INSERT INTO models VALUES (?, ?, ?, ?)",
            (model, jobs.get(model, ""), canonical_bytes(weights), owners),
        )
    runs = {model: run for run, models in moved(connection, "released:") for model in models}
    for model, share in moved(connection, "share:"):
        connection.execute(
            "INSERT INTO shares VALUES (?, ?, ?, ?)",
            (model, runs.get(model, ""), share["claim"], share["shares"]),
        )


STEPS = (
    step(
        "models and shares",
        "CREATE TABLE models (id TEXT PRIMARY KEY, job TEXT NOT NULL, weights BLOB NOT NULL, untold BLOB) WITHOUT ROWID",
        "CREATE INDEX models_untold ON models (id) WHERE untold IS NOT NULL",
        "CREATE TABLE shares (model TEXT PRIMARY KEY, run TEXT NOT NULL, claim TEXT NOT NULL, shares INTEGER NOT NULL)"
        " WITHOUT ROWID",
        "CREATE INDEX shares_by_run ON shares (run, model)",
        fill=_fill,
    ),
)

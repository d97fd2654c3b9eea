"""Answers that were sold, kept for a retry, and what one buyer asked of one model lately."""

from __future__ import annotations

from freehold.core.connection import Connection
from freehold.kernel.databases.steps import Step, moved, step

_SOLD_BY_BUYER = "CREATE INDEX sold_by_buyer ON sold (buyer)"
_SOLD = Step(
    "answers kept for a retry",
    (
        """CREATE TABLE sold (
  key TEXT PRIMARY KEY, buyer TEXT NOT NULL, receipt TEXT NOT NULL, bytes INTEGER NOT NULL
)""",
        _SOLD_BY_BUYER,
    ),
    (
        """CREATE TABLE sold (
  key TEXT COLLATE "C" PRIMARY KEY, buyer TEXT COLLATE "C" NOT NULL, receipt TEXT NOT NULL, bytes BIGINT NOT NULL,
  rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE
)""",
        _SOLD_BY_BUYER,
    ),
    released=5,
)
_SERVED_TABLE = """CREATE TABLE served (
  model TEXT NOT NULL, buyer TEXT NOT NULL, at BIGINT NOT NULL, calls BIGINT NOT NULL, answered_rows BIGINT NOT NULL,
  PRIMARY KEY (model, buyer, at)
)"""
_SERVED = Step("answers by buyer", (_SERVED_TABLE,), (_SERVED_TABLE,), released=6)


def _fill(connection: Connection) -> None:
    rations = dict(moved(connection, "ration:"))
    for model in (serving := dict(moved(connection, "serving:"))) | rations:
        ration = rations.get(model, {"calls": 0, "rows": 0})
        connection.execute(
            "INSERT INTO on_sale VALUES (?, ?, ?, ?)",
            (model, model in serving, ration["calls"], ration["rows"]),
        )


_ON_SALE = step(
    "models that are answered for",
    """CREATE TABLE on_sale (
  model TEXT PRIMARY KEY, answered BOOLEAN NOT NULL, calls INTEGER NOT NULL, answered_rows INTEGER NOT NULL
) WITHOUT ROWID""",
    "CREATE INDEX on_sale_answered ON on_sale (model) WHERE answered",
    fill=_fill,
)
STEPS = (_SOLD, _SERVED, _ON_SALE)

"""Answers that were sold, kept for a retry, and what one buyer asked of one model lately."""

from __future__ import annotations

from freehold.kernel.databases.steps import Step

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

STEPS = (_SOLD, _SERVED)

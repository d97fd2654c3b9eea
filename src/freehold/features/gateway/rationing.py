"""Models that are answered for, and how much of one a buyer gets in 24 hours: to use it, not to copy it.

Counted by account, durably, in hours that overlap the last 24: never more, sometimes a little less. Who has
many accounts gets that many rations.
"""

from __future__ import annotations

from dataclasses import dataclass

from freehold.core.connection import Connection
from freehold.core.errors import InvalidInput, NotAllowed
from freehold.core.texts import said
from freehold.core.times import DAY_SECONDS
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

HOUR_SECONDS = 3_600


class RationSpent(NotAllowed, code="answers.ration"):
    """The buyer had as many answers of the model today as its seller gives one buyer."""


@dataclass(frozen=True)
class Ration:
    """Most that one buyer account gets of a model in 24 hours; 0 is no bound."""

    calls: int = 0
    rows: int = 0

    def __post_init__(self) -> None:
        if self.calls < 0 or self.rows < 0:
            raise InvalidInput(said("a ration is a whole number"), hint=said("0 is no bound."))


def sell(tx: Transaction, model: str, *, on: bool) -> None:
    """Answer for a model, or no longer; its ration stays."""
    tx.connection.execute(
        "INSERT INTO on_sale VALUES (?, ?, 0, 0) ON CONFLICT (model) DO UPDATE SET answered = excluded.answered",
        (model, on),
    )


def keep(tx: Transaction, model: str, ration: Ration) -> None:
    """Set the ration of a model."""
    tx.connection.execute(
        "INSERT INTO on_sale VALUES (?, ?, ?, ?) ON CONFLICT (model) DO UPDATE"
        " SET calls = excluded.calls, answered_rows = excluded.answered_rows",
        (model, False, ration.calls, ration.rows),
    )


def is_on_sale(node: Node, model: str) -> bool:
    """Whether this node answers for a model."""
    return bool(node.store.rows("SELECT 1 FROM on_sale WHERE model = ? AND answered", model))


def on_sale(node: Node) -> list[str]:
    """Models that this node answers for."""
    return [str(row[0]) for row in node.store.rows("SELECT model FROM on_sale WHERE answered ORDER BY model")]


def of(node: Node, model: str) -> Ration:
    """The ration of a model."""
    rows = node.store.rows("SELECT calls, answered_rows FROM on_sale WHERE model = ?", model)
    return Ration(*rows[0]) if rows else Ration()


def buyers(node: Node, model: str, most: int) -> list[tuple[str, int, int, int]]:
    """(account, calls, rows, hour of the last call) of those who asked it lately, the latest first."""
    rows = node.store.rows(
        "SELECT buyer, sum(calls), sum(answered_rows), max(at) FROM served WHERE model = ?"
        " GROUP BY buyer ORDER BY max(at) DESC LIMIT ?",
        model,
        most,
    )
    return [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows]


def require(node: Node, connection: Connection, model: str, buyer: str, rows: int) -> None:
    """A buyer's ration has room for one more call of so many rows. Raises RationSpent."""
    ration = of(node, model)
    if ration == Ration():
        return
    now = node.now()
    calls, answered = connection.execute(
        "SELECT coalesce(sum(calls), 0), coalesce(sum(answered_rows), 0) FROM served"
        " WHERE model = ? AND buyer = ? AND at > ?",
        (model, buyer, now - DAY_SECONDS - HOUR_SECONDS),
    ).fetchone()
    for what, had, more, most in (
        ("calls", int(calls), 1, ration.calls),
        ("rows", int(answered), rows, ration.rows),
    ):
        if most and had + more > most:
            raise RationSpent(
                f"one buyer gets {most} {what} of this model in 24 hours; {had} were answered",
                hint="Nothing was charged. Ask for fewer rows, or again tomorrow.",
                most=most,
                had=had,
            )


def take(node: Node, tx: Transaction, model: str, buyer: str, rows: int) -> int:
    """Count one call, in the transaction that answers it: in which hour, 0 where none counts. Raises RationSpent."""
    if of(node, model) == Ration():
        return 0
    require(node, tx.connection, model, buyer, rows)
    now = node.now()
    tx.connection.execute(
        "DELETE FROM served WHERE model = ? AND buyer = ? AND at <= ?",
        (model, buyer, now - DAY_SECONDS - HOUR_SECONDS),
    )
    tx.connection.execute(
        "INSERT INTO served VALUES (?, ?, ?, 1, ?) ON CONFLICT (model, buyer, at) DO UPDATE"
        " SET calls = served.calls + 1, answered_rows = served.answered_rows + excluded.answered_rows",
        (model, buyer, now - now % HOUR_SECONDS, rows),
    )
    return now - now % HOUR_SECONDS


def give_back(tx: Transaction, model: str, buyer: str, rows: int, hour: int) -> None:
    """A call that was counted in that hour is not answered after all."""
    tx.connection.execute(
        "UPDATE served SET calls = calls - 1, answered_rows = answered_rows - ?"
        " WHERE model = ? AND buyer = ? AND at = ?",
        (rows, model, buyer, hour),
    )

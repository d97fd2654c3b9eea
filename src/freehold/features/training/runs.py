"""Runs that this owner takes part in, as the database keeps them; nobody else asks these tables.

Of a run: the plan that was agreed to, who takes part, the account that was signed for, and what the builder
signed that does not fit. Of each of its rounds: the builder's claim, what was revealed, what this owner gave.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from freehold.core.canonical import canonical_bytes
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

Fact = Literal["plan", "start", "agreed", "disputed", "two_histories"]
OfRound = Literal["revealed", "given"]


def get(node: Node, run: str, fact: Fact) -> Any:
    """What is kept of a run; None where nothing is."""
    rows = node.store.rows(f"SELECT {fact} FROM runs WHERE run = ?", run)  # noqa: S608 - one of `Fact`
    return json.loads(rows[0][0]) if rows and rows[0][0] is not None else None


def keep(tx: Transaction, run: str, fact: Fact, value: Any) -> None:
    """Keep it of a run."""
    tx.connection.execute(
        f"INSERT INTO runs (run, {fact}, put_aside, judge, opened_at) VALUES (?, ?, ?, '', 0)"  # noqa: S608 - one of `Fact`
        f" ON CONFLICT (run) DO UPDATE SET {fact} = excluded.{fact}",
        (run, canonical_bytes(value), False),
    )


def forget_plan(tx: Transaction, run: str) -> None:
    """Nobody came with the grant."""
    tx.connection.execute("DELETE FROM runs WHERE run = ? AND start IS NULL", (run,))
    tx.connection.execute("UPDATE runs SET plan = NULL WHERE run = ?", (run,))


def opened_to(tx: Transaction, run: str, judge: str, at: int) -> None:
    """The table was opened to the run's judge."""
    tx.connection.execute("UPDATE runs SET judge = ?, opened_at = ? WHERE run = ?", (judge, at, run))


def disputed(node: Node, most: int) -> list[str]:
    """Runs with a dispute that their owner has not put aside, so many of them."""
    return [
        str(row[0])
        for row in node.store.rows(
            "SELECT run FROM runs WHERE (disputed IS NOT NULL OR two_histories IS NOT NULL) AND NOT put_aside"
            " ORDER BY run LIMIT ?",
            most,
        )
    ]


def put_aside(tx: Transaction, run: str) -> None:
    """The owner has seen the dispute."""
    tx.connection.execute("UPDATE runs SET put_aside = ? WHERE run = ?", (True, run))


def claim(node: Node, run: str, number: int) -> str | None:
    """The builder's claim of a round, as it was first seen here."""
    rows = node.store.rows("SELECT claim FROM rounds_followed WHERE run = ? AND number = ?", run, number)
    return rows[0][0] if rows else None


def see(tx: Transaction, run: str, number: int, claim_id: str) -> None:
    """Keep it."""
    tx.connection.execute(
        "INSERT INTO rounds_followed VALUES (?, ?, ?, NULL, NULL) ON CONFLICT (run, number) DO UPDATE"
        " SET claim = excluded.claim",
        (run, number, claim_id),
    )


def get_round(node: Node, run: str, number: int, what: OfRound) -> Any:
    """What was revealed in a round, or given by this owner: `salt` and `update`."""
    rows = node.store.rows(
        f"SELECT {what} FROM rounds_followed WHERE run = ? AND number = ?",  # noqa: S608 - one of `OfRound`
        run,
        number,
    )
    return json.loads(rows[0][0]) if rows and rows[0][0] is not None else None


def keep_round(tx: Transaction, run: str, number: int, what: OfRound, value: Any) -> None:
    """Keep it."""
    tx.connection.execute(
        f"INSERT INTO rounds_followed (run, number, {what}) VALUES (?, ?, ?)"  # noqa: S608 - one of `OfRound`
        f" ON CONFLICT (run, number) DO UPDATE SET {what} = excluded.{what}",
        (run, number, canonical_bytes(value)),
    )


def followed(node: Node, run: str) -> list[tuple[str, Any]]:
    """(claim, what was revealed) of each round that this owner followed."""
    return [
        (str(claim_id), json.loads(revealed))
        for claim_id, revealed in node.store.rows(
            "SELECT claim, revealed FROM rounds_followed WHERE run = ? AND revealed IS NOT NULL ORDER BY number",
            run,
        )
    ]

"""Rounds of a run as its builder kept them: for going on, for owners that lack some, and for evidence.

A row begins as who committed to what; once it is shown, what was revealed is there too.
"""

from __future__ import annotations

import json
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Claim
from freehold.features.training.rules import record
from freehold.features.training.rules.record import Round, RunPlan
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction


def begun(node: Node, run: str, number: int) -> dict[str, Any] | None:
    """`claim` and `receipts` of a round that was committed to."""
    rows = node.store.rows(
        "SELECT claim, receipts FROM rounds_made WHERE run = ? AND number = ?", run, number
    )
    return {"claim": rows[0][0], "receipts": json.loads(rows[0][1])} if rows else None


def begin(tx: Transaction, run: str, number: int, opened: dict[str, Any]) -> None:
    """A round was committed to."""
    tx.connection.execute(
        "INSERT INTO rounds_made VALUES (?, ?, ?, ?, NULL)",
        (run, number, opened["claim"], canonical_bytes(opened["receipts"])),
    )


def end(tx: Transaction, run: str, made: Round) -> None:
    """What was committed to in a round was revealed."""
    tx.connection.execute(
        "UPDATE rounds_made SET revealed = ? WHERE run = ? AND number = ?",
        (canonical_bytes(made.to_json()), run, made.number),
    )


def rounds_of(node: Node, plan: RunPlan) -> list[Round]:
    """Every round of a run that is over."""
    rows = node.store.rows(
        "SELECT claim, revealed FROM rounds_made WHERE run = ? AND revealed IS NOT NULL ORDER BY number",
        plan.run_id,
    )
    return [
        record.parse_round(plan, node.typed(claim, Claim).statement, json.loads(revealed))
        for claim, revealed in rows
    ]


def claims_of(node: Node, run: str) -> list[Claim]:
    """What the builder signed of each of them."""
    rows = node.store.rows(
        "SELECT claim FROM rounds_made WHERE run = ? AND revealed IS NOT NULL ORDER BY number", run
    )
    return [node.typed(row[0], Claim) for row in rows]


def records_of(node: Node, run: str, first: int, beyond: int) -> list[dict[str, Any]]:
    """Rounds `first` to `beyond` - 1 as owners and evidence get them: claim, receipts, what was revealed."""
    rows = node.store.rows(
        "SELECT claim, receipts, revealed FROM rounds_made"
        " WHERE run = ? AND number >= ? AND number < ? AND revealed IS NOT NULL ORDER BY number",
        run,
        first,
        beyond,
    )
    return [
        {
            "claim": node.store.get(claim).to_json(),
            "receipts": [node.store.get(receipt).to_json() for receipt in json.loads(receipts)],
            "revealed": json.loads(revealed),
        }
        for claim, receipts, revealed in rows
    ]

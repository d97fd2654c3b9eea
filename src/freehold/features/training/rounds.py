"""Rounds of a run as its builder kept them: for going on, for owners that lack some, and for evidence."""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Claim
from freehold.features.training.rules import record
from freehold.features.training.rules.record import Round, RunPlan
from freehold.kernel.node import Node


def rounds_of(node: Node, plan: RunPlan) -> list[Round]:
    """Every round of a run that this builder kept."""
    found = []
    for _, kept in sorted(node.store.states(f"round:{plan.run_id}:").items()):
        statement = node.typed(kept["claim"], Claim).statement
        found.append(record.parse_round(plan, statement, kept["revealed"]))
    return found


def records_of(node: Node, run: str, first: int, beyond: int) -> list[dict[str, Any]]:
    """Rounds `first` to `beyond` - 1 as owners and evidence get them: claim, receipts, what was revealed."""
    found = []
    for name, kept in sorted(node.store.states(f"round:{run}:").items()):
        if first <= int(name.rsplit(":", 1)[1]) < beyond:
            receipts = [node.store.get(receipt).to_json() for receipt in kept["receipts"]]
            claim = node.store.get(kept["claim"]).to_json()
            found.append({"claim": claim, "receipts": receipts, "revealed": kept["revealed"]})
    return found

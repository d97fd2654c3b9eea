"""What an order would come to, shown to the builder before anything is asked, committed to or paid."""

from __future__ import annotations

from typing import Any

from freehold.node.admitting import uses_of
from freehold.node.node import Node
from freehold.node.peers import Peers
from freehold.node.planning import Order, check, plan, require_allowed
from freehold.training import expected, privacy

MOST_MICRO = 100_000_000
"""Epsilon at which noise hardly shows: for runs without any."""


def preview(node: Node, peers: Peers, order: Order) -> dict[str, Any]:
    """The plan's numbers, and what a public simulation says its noise costs.

    Raises:
        What `planning.check` and `planning.plan` raise.
    """
    assets, test, _ = check(node, peers, order)
    made = plan(node, order, assets, test)
    require_allowed(assets, order, made)
    rows = tuple(owner.rows for owner in made.owners)
    loss = expected.expected_loss(
        rows, len(made.columns), made.epsilon_micro or MOST_MICRO, made.delta_exponent, made.rows_each
    )
    return {
        "rounds": made.recipe.rounds,
        "uses": uses_of(made),
        "level": made.level,
        "epsilon_micro": made.epsilon_micro,
        "delta_exponent": made.delta_exponent,
        "guess_ppm": privacy.guess_ppm(made.epsilon_micro) if made.epsilon_micro else 1_000_000,
        "compared": bool(made.sketch.buckets),
        "accuracy_without_bps": loss.accuracy_without_bps,
        "accuracy_with_bps": loss.accuracy_with_bps if made.epsilon_micro else loss.accuracy_without_bps,
        "share_error_bps": loss.share_error_bps if made.epsilon_micro else 0,
        "test_rows": test.rows,
        "positives": test.positives,
        "total_units": sum(asset.terms.price_units for asset in assets if asset.terms.price_per == "grant"),
    }

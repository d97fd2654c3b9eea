"""What an order would come to, shown to the builder before anything is asked, committed to or paid."""

from __future__ import annotations

from typing import Any

from freehold.features.data.publishing import NoiseCost
from freehold.features.training.planning import check, grants_units, plan, require_allowed, require_releasable
from freehold.features.training.rules import expected
from freehold.features.training.rules.updates import TooLittleBudget
from freehold.features.training.wire import Order
from freehold.kernel import ceiling
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers

MOST_MICRO = 100_000_000
"""Epsilon at which noise hardly shows: for runs without any."""


def preview(node: Node, peers: Peers, order: Order) -> dict[str, Any]:
    """The plan's numbers, and what a public simulation says its noise costs.

    Raises what `planning.check` and `planning.plan` raise.
    """
    assets, test, _ = check(node, peers, order)
    made = plan(node, order, assets, test)
    require_allowed(assets, order, made)
    require_releasable(node, assets, order, made)
    rows, known = tuple(owner.rows for owner in made.owners), ceiling.overview(node)
    loss = expected.expected_loss(
        rows, len(made.columns), made.epsilon_micro or MOST_MICRO, made.delta_exponent, made.rows_each
    )
    return {
        "rounds": made.recipe.rounds,
        "uses": made.uses,
        **made.cost(),
        "compared": bool(made.sketch.buckets),
        "accuracy_without_bps": loss.accuracy_without_bps,
        "accuracy_with_bps": loss.accuracy_with_bps if made.epsilon_micro else loss.accuracy_without_bps,
        "share_error_bps": loss.share_error_bps if made.epsilon_micro else 0,
        "test_rows": made.test.rows,
        "positives": made.test.positives,
        "total_units": grants_units(assets),
        "gas": ceiling.gas(node, "purchase") * sum(1 for asset in assets if grants_units([asset])),
        **{name: known[name] for name in ("spend_per_act_micro", "spend_per_day_micro", "spent_units")},
    }


def noise_cost(_: Node, asked: NoiseCost) -> int | None:
    """What the noise of a run on one table alone costs; None where no noise of the sampler is enough."""
    try:
        found = expected.expected_loss(
            (asked.rows,), asked.columns, asked.epsilon_micro, asked.delta_exponent, asked.rows_each
        )
    except TooLittleBudget:
        return None
    return found.loss_bps

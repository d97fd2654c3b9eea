"""A run that an owner is asked to take part in, as its plan says it, beside what its rows have cost so far."""

from __future__ import annotations

from typing import Any

from freehold.features.privacy import budget
from freehold.features.privacy.rules import privacy
from freehold.features.training.rules.record import RunPlan
from freehold.kernel.node import Node
from freehold.kernel.people import known_as


class Requested:
    """Describes plans; what their rows have cost is looked up once for each dataset of a list."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lines: dict[str, list[tuple[int, int]]] = {}
        self._earlier: dict[str, list[str]] = {}

    def run(self, asset_id: str, plan: RunPlan) -> dict[str, Any]:
        """What a plan says to the owner of a dataset."""
        return {
            "run": plan.run_id,
            "level": plan.level,
            "epsilon_micro": plan.epsilon_micro,
            "delta_exponent": plan.delta_exponent,
            "rows_each": plan.rows_each,
            "rounds": plan.recipe.rounds,
            "owners": [
                {"account": one.account, "name": known_as(self._node, one.account), "rows": one.rows}
                for one in plan.owners
            ],
            "test_rows": plan.test.rows,
            "test_positives": plan.test.positives,
            "test_holder": plan.test.holder,
            "earlier_runs": self._earlier_runs(asset_id),
            "left_micro": self._left_micro(asset_id, plan.rho_nano),
        }

    def _earlier_runs(self, asset_id: str) -> list[str]:
        if asset_id not in self._earlier:
            self._earlier[asset_id] = budget.earlier_runs(self._node, asset_id)
        return self._earlier[asset_id]

    def _left_micro(self, asset_id: str, rho_nano: int) -> int:
        """Largest epsilon that the tightest budget would still allow after a run of that cost."""
        if asset_id not in self._lines:
            self._lines[asset_id] = [_left(line) for line in budget.overview(self._node, asset_id=asset_id)]
        left = [
            privacy.epsilon_micro(max(0, rho - rho_nano), exponent) for rho, exponent in self._lines[asset_id]
        ]
        return min(left, default=0)


def _left(line: dict[str, Any]) -> tuple[int, int]:
    """Rho that is left of a line, and the exponent of its delta."""
    exponent = line["delta_exponent"]
    whole, spent = (
        privacy.rho_nano_for(line[name], exponent) for name in ("epsilon_life_micro", "spent_micro")
    )
    return whole - spent, exponent

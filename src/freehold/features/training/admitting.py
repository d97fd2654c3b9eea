"""What an owner's node asks of a training plan before it grants anything, and remembers of it afterwards.

The functions that `kernel.feature.Plans` names are how grants read the plans of training.

The plan is the whole of what the owner agrees to: who takes part, with which rows, by which recipe, under how
much noise, measured on which committed table. A grant names its hash, so nothing of it can change later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import REVEALS, Asset, Terms
from freehold.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from freehold.core.ids import hash_bytes
from freehold.core.texts import said
from freehold.features.data.rules.names import difference
from freehold.features.privacy import budget
from freehold.features.privacy.rules import privacy
from freehold.features.training import runs
from freehold.features.training.rules.record import RunPlan
from freehold.kernel import custody
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.store import Transaction

MAX_ROUND_OPERATIONS = 2 * 10**11
"""Most multiply-adds an owner spends on one round: some minutes of one core."""


class PlanRefused(NotAllowed, code="training.plan_refused"):
    """The plan is not one that this owner's terms allow; `fields["field"]` says where."""


class NotStamped(Conflict, code="training.not_stamped"):
    """The plan, and with it the test table's commitment, does not stand on chain yet."""


class RunGranted(Conflict, code="training.run_granted"):
    """This run has its grant already."""


def read(value: Any) -> RunPlan:
    """A plan as a builder sends it. Raises InvalidInput: there is none, or it is malformed."""
    if value is None:
        raise InvalidInput(
            said("training is granted for one run, by its plan"),
            hint=said("Order it: freehold train. It sends the plan."),
        )
    return RunPlan.from_json(value)


def admit(node: Node, asset: Asset, holder: str, plan: RunPlan) -> None:
    """The plan fits this owner's data, terms and budget. Raises PlanRefused, NotStamped, BudgetSpent, DataLost."""
    mine = next((owner for owner in plan.owners if owner.account == node.account), None)
    schema, terms = asset.schema_, asset.terms
    columns, label = schema.get("columns") or [], schema.get("label") or ""
    differs, _ = difference(columns, plan.columns, label, plan.label)
    rows, rows_each, most = schema.get("rows"), schema.get("rows_each", 1), terms.epsilon_run_micro
    least_delta, work = privacy.delta_exponent_for(int(rows or 0)), 2 * plan.width * max(plan.rows.values())
    wrong = (
        ("builder", plan.builder != holder, "it is another's plan"),
        ("owners", mine is None or mine.asset != asset.id, "it does not name this dataset"),
        ("rows", mine is not None and mine.rows != rows, f"this dataset has {rows} distinct rows"),
        ("columns", bool(differs), f"this dataset has other columns: it {differs}"),
        ("rows_each", plan.rows_each < rows_each, f"one subject has up to {rows_each} rows here"),
        ("level", _exceeds(plan.level, terms.reveals), f"this owner reveals {terms.reveals}, no more"),
        ("epsilon_micro", plan.epsilon_micro > most, f"a run may cost an epsilon of {most / 1e6:g} here"),
        ("delta_exponent", plan.delta_exponent < least_delta, "delta is too large for so many rows"),
        ("judge", plan.judge not in ("", *terms.judges), "this owner does not open to that judge"),
        ("recipe", work > MAX_ROUND_OPERATIONS, "a round would cost this owner too much work"),
    )
    for field, broken, reason in wrong:
        if broken:
            raise PlanRefused(
                said("the plan is refused: {reason}", reason=reason), hint=_HINT, field=field, asset=asset.id
            )
    custody.require_there(node, asset.id)
    if not node.chain.read("Timestamps", "stampedAt", hash_bytes(plan.run_id)):
        raise NotStamped(
            said("the plan does not stand on chain"),
            hint=said("Stamp it, so that all can see the test came first."),
        )
    budget.require_room(node, asset.id, plan.rho_nano, plan.run_id)


_HINT = "Look at the asset's terms (freehold search) and order within them."


def narrow(terms: Terms, plan: RunPlan) -> dict[str, Any]:
    """A run makes as many uses as its plan says, and reveals and costs what it says."""
    return {
        "max_uses": plan.uses,
        "reveals": plan.level,
        "epsilon_run_micro": plan.epsilon_micro,
        "epsilon_life_micro": terms.epsilon_life_micro,
        "judges": [plan.judge] if plan.judge else [],
    }


def remember(node: Node, tx: Transaction, asset: Asset, plan: RunPlan) -> tuple[str, ...]:
    """Keep an agreed plan, and room for it in the budget for a while; the runs before it on the same rows.

    Raises RunGranted: by an earlier grant. BudgetSpent.
    """
    if runs.get(node, plan.run_id, "plan") is not None:
        raise RunGranted(
            said("this run was granted before"), hint=said("Use that grant, or plan another run.")
        )
    earlier = tuple(budget.earlier_runs(node, asset.id))
    budget.require_room(node, asset.id, plan.rho_nano)
    recall(tx, plan)
    budget.reserve(node, tx, asset.id, plan.run_id, plan.rho_nano)
    return earlier


def recall(tx: Transaction, plan: RunPlan) -> None:
    """Keep an agreed plan; the budget decides when the run begins, as for every grant."""
    runs.keep(tx, plan.run_id, "plan", plan.to_json())


def size(node: Node, run: str) -> int:
    """Bytes of an agreed plan."""
    plan = runs.get(node, run, "plan")
    return len(canonical_bytes(plan)) if plan else 0


def forget(tx: Transaction, run: str) -> None:
    """Nobody came with the grant."""
    runs.forget_plan(tx, run)
    budget.release(tx, run)


def plan_of(node: Node, run: str) -> RunPlan:
    """The plan that this owner agreed to. Raises NotFound."""
    stored = runs.get(node, run, "plan")
    if stored is None:
        raise NotFound(
            said("this node has not agreed to such a run"), hint=said("Ask for a grant with its plan.")
        )
    return RunPlan.from_json(stored)


def describing(node: Node) -> Callable[[str, RunPlan], dict[str, Any]]:
    """What says plans to the owner of a dataset; what its rows have cost is looked up once for a list of plans."""
    charged = cache(lambda asset_id: budget.earlier_runs(node, asset_id))
    lines = cache(lambda asset_id: [_left(line) for line in budget.overview(node, asset_id=asset_id)])

    def earlier(asset_id: str, run: str) -> list[str]:
        found = charged(asset_id)
        # a run that was granted stands there itself
        return found[: found.index(run)] if run in found else found

    def describe(asset_id: str, plan: RunPlan) -> dict[str, Any]:
        # of each budget, the largest epsilon that it would still allow after this run
        left = [
            privacy.epsilon_micro(max(0, rho - plan.rho_nano), exponent) for rho, exponent in lines(asset_id)
        ]
        return {
            "run": plan.run_id,
            "level": plan.level,
            "epsilon_micro": plan.epsilon_micro,
            "delta_exponent": plan.delta_exponent,
            "rows_each": plan.rows_each,
            "rounds": plan.recipe.rounds,
            "owners": [
                {"account": one.account, "name": known_as(node, one.account), "rows": one.rows}
                for one in plan.owners
            ],
            "test_rows": plan.test.rows,
            "test_positives": plan.test.positives,
            "test_holder": plan.test.holder,
            "judge": plan.judge,
            "earlier_runs": earlier(asset_id, plan.run_id),
            "left_micro": min(left, default=0),
        }

    return describe


def _left(line: dict[str, Any]) -> tuple[int, int]:
    """Rho that is left of a line, and the exponent of its delta."""
    exponent = line["delta_exponent"]
    whole, spent = (
        privacy.rho_nano_for(line[name], exponent) for name in ("epsilon_life_micro", "spent_micro")
    )
    return whole - spent, exponent


def _exceeds(level: str, allowed: str) -> bool:
    return REVEALS.index(level) > REVEALS.index(allowed)

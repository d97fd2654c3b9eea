"""What this node knows of the run that a model came from, as its builder or as an owner that agreed to it."""

from __future__ import annotations

from freehold.core.errors import InvalidInput
from freehold.features.models.releasing import Granted, GrantedRun
from freehold.features.models.shown import KnownRun, RunOf
from freehold.features.training import kept, runs
from freehold.features.training.rules.record import RunPlan
from freehold.kernel.node import Node


def known_run(node: Node, question: RunOf) -> KnownRun:
    """Its plan where it was shown here, and how it went where it was run here."""
    asset = question.asset
    job = kept.job_of(node, asset.id) or {}
    plan = _plan(node, str(asset.schema_.get("run")))
    away = {account: len(one["rounds"]) for account, one in job.get("absent", {}).items()}
    return KnownRun(plan.cost() if plan else None, away, job.get("without", {}))


def granted_run(node: Node, question: GrantedRun) -> Granted:
    """What this party, as an owner, granted and agreed to of a run."""
    plan, agreed = runs.get(node, question.run, "plan"), runs.get(node, question.run, "agreed")
    return Granted(
        builder=plan["builder"] if plan else "",
        contribution=agreed["contribution"] if agreed else "",
        two_histories=runs.get(node, question.run, "two_histories") is not None,
    )


def _plan(node: Node, run: str) -> RunPlan | None:
    """The plan of a run, where this node made it or agreed to it."""
    claims = node.store.find("claim", "training_plan", run)
    stored = claims[0].document.body["statement"].get("plan") if claims else runs.get(node, run, "plan")
    try:
        return RunPlan.from_json(stored) if stored else None
    except InvalidInput:
        return None

"""What this node knows of the run that a model came from: for its page, its release, and its evidence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import InvalidInput
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data.publishing import open_table
from freehold.features.models.releasing import Granted, GrantedRun
from freehold.features.models.shown import KnownRun, RunOf
from freehold.features.training import kept, runs
from freehold.features.training.checks import run
from freehold.features.training.checks.replaying import table_json
from freehold.features.training.rules.record import RunPlan
from freehold.kernel.evidence.parts import Collected
from freehold.kernel.evidence.state import pool_id
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


def evidence_of(node: Node, asset: Asset) -> Callable[[], Collected] | None:
    """What collects it; None where the model was not trained here."""
    job = kept.job_of(node, asset.id)
    if job is None or "plan" not in job:
        return None
    return partial(_collect, node, asset, job)


def _collect(node: Node, asset: Asset, job: dict[str, Any]) -> Collected:
    plan, grants = job["plan"], dict(sorted(job["grants"].items()))
    rounds = kept.records_of(node, job["run"], 0, plan["recipe"]["rounds"] + 1)
    test, _ = open_table(node, job["id"])
    return Collected(
        envelopes={one.document.id: one for one in _documents(node, asset, job)},
        shown={one.document.id: one for one in map(parse_envelope, run.envelopes(rounds))},
        files={run.PLAN: plan, run.START: {"grants": grants}, run.ROUNDS: rounds, run.TEST: table_json(test)},
        needed=frozenset({plan["test"]["holder"]}),
        others=frozenset(grants),
        pools=(pool_id(asset.owner, asset.id),),
    )


def _documents(node: Node, asset: Asset, job: dict[str, Any]) -> list[Envelope]:
    """Those that stand in files of their own; those of rounds stand in the record of rounds."""
    store, run = node.store, str(job["run"])
    found = store.find("claim", "test_commitment", job["plan"]["test"]["commitment"])
    for kind in ("training_plan", "training_start", "test_opening", "contribution"):
        found += store.find("claim", kind, run)
    found += [store.get(agreement) for agreement in job["agreements"].values()]
    found += store.find("claim", "release", asset.id)
    for owner in job["plan"]["owners"]:
        if owner["account"] in job["grants"]:
            grant_id = job["grants"][owner["account"]]
            found += [store.get(owner["asset"]), store.get(grant_id)]
            found += store.find("claim", "revocation", grant_id)
    return found

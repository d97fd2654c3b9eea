"""What belongs to the evidence of a model that was trained here: its documents, the record of its run, whose logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freehold.core.documents import Asset
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data.publishing import open_table
from freehold.features.training import kept
from freehold.features.training.checks import run
from freehold.features.training.checks.replaying import table_json
from freehold.features.training.checks.rounds import envelopes
from freehold.features.training.rounds import records_of
from freehold.kernel.evidence.parts import Collected
from freehold.kernel.evidence.state import pool_id
from freehold.kernel.node import Node


def evidence_of(node: Node, asset: Asset) -> Callable[[], Collected] | None:
    """What collects it; None where the model was not trained here."""
    job = kept.job_of(node, asset.id)
    if job is None or "plan" not in job:
        return None
    known = job
    return lambda: _collect(node, asset, known)


def _collect(node: Node, asset: Asset, job: dict[str, Any]) -> Collected:
    plan, grants = job["plan"], dict(sorted(job["grants"].items()))
    rounds = records_of(node, job["run"], 0, plan["recipe"]["rounds"] + 1)
    test, _ = open_table(node, job["id"])
    return Collected(
        envelopes={one.document.id: one for one in _documents(node, asset, job)},
        shown={one.document.id: one for one in map(parse_envelope, envelopes(rounds))},
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

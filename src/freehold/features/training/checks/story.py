"""What the parties to a run said about it, one claim of each kind, and in which order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Claim, Document
from freehold.core.ids import sha256_hex
from freehold.core.texts import said
from freehold.features.training.checks.run import PLAN, ROUNDS, START, Run, Story
from freehold.kernel.evidence.reading import Broken, Evidence, same

_DOMAIN = b"freehold/training-plan/v2\0"


def told(evidence: Evidence) -> str:
    """There is one claim of each kind about the run, by who must make it, and the files say the same."""
    model = evidence.asset()
    run = model.schema_.get("run")
    evidence.file = evidence.place(model)
    if not isinstance(run, str):
        raise Broken(evidence.file, said("does not name the run that made it"))
    planned = _only(evidence, "training_plan", model.owner, run, model)
    plan = _plan(evidence, planned, run)
    if plan["builder"] != model.owner:
        raise Broken(evidence.place(planned), said("is the plan of another builder than the model's owner"))
    committed = _only(
        evidence, "test_commitment", plan["test"]["holder"], plan["test"]["commitment"], planned
    )
    announced = {name: plan["test"][name] for name in ("commitment", "rows", "positives")}
    announced |= {"columns": plan["columns"], "label": plan["label"]}
    if not same(committed.statement, announced):
        raise Broken(evidence.place(committed), said("commits to another test table than the plan says"))
    started = _only(evidence, "training_start", model.owner, run, model)
    if not same(started.statement, {"start": evidence.json(START)}):
        raise Broken(START, said("is not the start in the builder's log"))
    evidence.of(Story).run = Run(
        id=run,
        model=model,
        plan=plan,
        rounds=_rounds(evidence, plan, model.owner, run),
        committed=committed,
        planned=planned,
        started=started,
        opening=_only(evidence, "test_opening", plan["test"]["holder"], run, model),
        contribution=_only(evidence, "contribution", model.owner, run, model),
        release=_only(evidence, "release", model.owner, model.id, model),
    )
    return said("run {run} with {n} rounds", run=run[:10], n=len(evidence.of(Story).run.rounds))


def untold(evidence: Evidence) -> str:
    """Where the model names no run, no record of one is shown either: nothing would be checked in it."""
    for path in sorted(evidence.bundle.files):
        if path.startswith("training/"):
            raise Broken(path, said("is of a training run, and the model names none"))
    return said("no training is shown")


def order(evidence: Evidence) -> str:
    """Test commitment, plan, start, rounds, opening, contribution and release follow one another in the log."""
    run = evidence.of(Story).run
    rounds = [one.claim for one in run.rounds]
    story = [run.committed, run.planned, run.started, *rounds, run.opening, run.contribution, run.release]
    builder = run.model.owner
    for account in {builder, run.opening.issuer}:
        for earlier, later in pairwise(claim for claim in story if claim.issuer == account):
            if evidence.index(earlier) >= evidence.index(later):
                raise Broken(
                    evidence.place(later),
                    said("must come after the {claim_kind} in its log", claim_kind=earlier.claim_kind),
                )
    if run.opening.issuer == builder:
        return said("planned before, rounds in order, test kept by the builder and opened after")
    return said("planned before, rounds in order, test kept by a validator and opened after")


def _only(evidence: Evidence, kind: str, issuer: str, about: str, named_by: Document) -> Claim:
    found = evidence.claims(kind, issuer, about)
    if len(found) != 1:
        where = evidence.place(found[1] if found else named_by)
        raise Broken(
            where,
            said(
                "leads to {n} {kind} claims by {issuer} where there must be one",
                n=len(found),
                kind=kind,
                issuer=issuer,
            ),
        )
    evidence.file = evidence.place(found[0])
    return found[0]


def _plan(evidence: Evidence, planned: Claim, run: str) -> Any:
    plan = planned.statement["plan"]
    if set(planned.statement) != {"plan"} or sha256_hex(_DOMAIN + canonical_bytes(plan)) != run:
        raise Broken(evidence.place(planned), said("holds a plan whose hash is not the run's id"))
    if not same(evidence.json(PLAN), plan):
        raise Broken(PLAN, said("is not the plan in the builder's log"))
    return plan


def _rounds(evidence: Evidence, plan: Any, builder: str, run: str) -> Any:
    for claim in evidence.claims("training_round", builder, run):
        if evidence.place(claim) != ROUNDS:
            raise Broken(evidence.place(claim), said("is a second account of a round"))
    evidence.json(ROUNDS)
    first = 0 if plan["sketch"]["buckets"] else 1
    numbers = list(range(first, plan["recipe"]["rounds"] + 1)) if plan["recipe"]["rounds"] <= 1_000 else None
    shown = [one.claim for one in evidence.of(Story).rounds]
    if any(
        (claim.claim_kind, claim.issuer, claim.about) != ("training_round", builder, run) for claim in shown
    ):
        raise Broken(ROUNDS, said("holds a claim that is not of a round of this run"))
    if [claim.statement["number"] for claim in shown] != numbers:
        raise Broken(ROUNDS, said("does not hold each round of the plan, once and in order"))
    return tuple(evidence.of(Story).rounds)

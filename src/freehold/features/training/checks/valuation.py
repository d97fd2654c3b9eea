"""Is each owner's share what its data contributed, and does the money follow it?"""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Claim, Grant
from freehold.core.money import BPS
from freehold.core.texts import Share, said
from freehold.features.models.rules.split import SplitTree, earlier_runs
from freehold.features.training.checks.run import TEST, Run, Story
from freehold.kernel.evidence.reading import Broken, Evidence, same
from freehold.kernel.evidence.state import pool_id, pool_slots

_METRICS = {"test_rows": "rows"}
"""What a model's metrics call otherwise than scores."""


def test_table(evidence: Evidence) -> str:
    """The opened test table is the one committed to before training."""
    run = evidence.of(Story).run
    statement, commitment = run.opening.statement, run.plan["test"]["commitment"]
    if set(statement) != {"commitment", "salt", "model"} or statement["commitment"] != commitment:
        raise Broken(evidence.place(run.opening), said("opens another commitment than the plan's"))
    if statement["model"] != evidence.of(Story).replayed.last:
        raise Broken(evidence.place(run.opening), said("opens the test to another run's model"))
    if evidence.of(Story).replayed.test_commitment != commitment:
        raise Broken(TEST, said("is not the table committed to before training"))
    return said("the test table of {rows} rows was fixed before training", rows=run.plan["test"]["rows"])


def shares(evidence: Evidence) -> str:
    """Values, errors, shares and scores are what anyone computes from the updates and the test table."""
    run, again = evidence.of(Story).run, evidence.of(Story).replayed
    last = run.rounds[-1]
    missing = sorted(set(last.claim.statement["commitments"]) - set(last.revealed))
    expected = {**again.worth, "model": again.model, "missing": missing}
    stated = run.contribution.statement
    for name in sorted({*stated, *expected}):
        if name not in stated or name not in expected or not same(stated[name], expected[name]):
            raise Broken(
                evidence.place(run.contribution),
                said("states other {name} than the training gives", name=name),
            )
    return said("shares: {shares}", shares=[Share(share) for share in again.shares.values()])


def quality(evidence: Evidence) -> str:
    """The model is as good as the plan asked for, and its metrics are the scores."""
    run, scores = evidence.of(Story).run, evidence.of(Story).replayed.worth["scores"]
    place = evidence.file = evidence.place(run.model)
    metrics = run.model.schema_["metrics"]
    if not {"correct", "test_rows"} <= set(metrics):
        raise Broken(place, said("does not say how many test rows it gets right"))
    for name, value in metrics.items():
        if not same(value, scores.get(_METRICS.get(name, name))):
            raise Broken(place, said("states another {name} than the test table gives", name=name))
    if scores["correct"] * BPS < run.plan["least_correct_bps"] * scores["rows"]:
        raise Broken(place, said("is less often right than its plan asked for"))
    return said("right on {correct} of {rows} test rows", correct=scores["correct"], rows=scores["rows"])


def agreed(evidence: Evidence) -> str:
    """Owners of the plan's quorum of rows signed that they computed the same; the others are named."""
    run, statement = evidence.of(Story).run, evidence.of(Story).run.release.statement
    place = evidence.file = evidence.place(run.release)
    named = statement["agreements"]
    claims = [evidence.get(claim_id, Claim, run.release) for claim_id in named]
    for claim in claims:
        evidence.file = evidence.place(claim)
        about = (claim.claim_kind, claim.about) == ("agreement", run.id)
        if not about or not same(claim.statement, {"contribution": run.contribution.id}):
            raise Broken(evidence.file, said("does not agree to the contribution that was stated"))
    owners = {claim.issuer for claim in claims}
    if named != sorted(named) or len(owners) != len(named) or not owners <= set(run.grants):
        raise Broken(place, said("does not name each owner's agreement once, in order"))
    rows = {account: owner["rows"] for account, owner in run.owners.items()}
    if sum(rows[owner] for owner in owners) * BPS < run.plan["quorum_bps"] * sum(rows.values()):
        raise Broken(place, said("was agreed to by owners of too few rows"))
    return said("{n} of {all} owners computed the same", n=len(owners), all=len(run.grants))


def lineage(evidence: Evidence) -> str:
    """The model names the data it came from, each with its share."""
    run = evidence.of(Story).run
    weights = sorted(
        (run.owners[owner]["asset"], share) for owner, share in evidence.of(Story).replayed.shares.items()
    )
    if sorted((source.asset, source.weight) for source in run.model.derived_from) != weights:
        raise Broken(
            evidence.place(run.model), said("does not name the data it was trained on with their shares")
        )
    return said("derived from {n} data sets", n=len(weights))


def split(evidence: Evidence) -> str:
    """The release says what follows, and its split is the one the revenue pool pays by."""
    run, place = evidence.of(Story).run, evidence.place(evidence.of(Story).run.release)
    paid = [(account, share) for account, share in evidence.of(Story).replayed.shares.items() if share]
    root, pool = SplitTree(paid).root, pool_id(run.model.owner, run.model.id)
    for name, value in _release(evidence, run, paid, root, pool).items():
        if name not in run.release.statement or not same(run.release.statement[name], value):
            raise Broken(place, said("states another {name} than follows from the run", name=name))
    if len(run.release.statement) != 7:
        raise Broken(place, said("states more than a release does"))
    packed, root_slot = pool_slots(pool)
    on_chain = evidence.word("Revenue", packed)
    if (evidence.word("Revenue", root_slot), on_chain >> 160) != (int.from_bytes(root, "big"), BPS):
        raise Broken(place, said("is not the split by which the pool on chain pays"))
    if on_chain % 2**160 != int(run.model.terms.token, 16):
        raise Broken(evidence.place(run.model), said("is priced in another token than its pool pays"))
    return said("pool {pool} pays by these shares", pool=pool[:10])


def _release(
    evidence: Evidence, run: Run, paid: list[tuple[str, int]], root: bytes, pool: str
) -> dict[str, Any]:
    """All that a release claim says, but for the agreements."""
    agreed = {evidence.get(name, Claim, run.release).issuer for name in run.release.statement["agreements"]}
    grants = [evidence.get(grant, Grant, run.started) for grant in run.grants.values()]
    return {
        "run": run.id,
        "pool": pool,
        "split_root": "0x" + root.hex(),
        "shares": [{"account": account, "shares": share} for account, share in paid],
        "silent": sorted(set(run.grants) - agreed),
        "earlier": earlier_runs(grants),
    }

"""Was the model made in the order, from the data and by the steps that are claimed?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.errors import FreeholdError
from freehold.core.ids import document_id
from freehold.evidence.reading import Broken, Evidence, Replayed, path_of

PLAN, TEST = "training/plan.json", "training/test.json"
MAX_ROUNDS = 1_000


def round_path(number: int) -> str:
    """The file of a round's updates."""
    return f"training/round-{number:03d}.json"


def is_trained(evidence: Evidence) -> bool:
    """Whether the receipt's asset is a model that names a run or sources."""
    asset = evidence.asset()
    return asset.asset_kind == "model" and bool(asset.schema_.get("run") or asset.derived_from)


def run_of(evidence: Evidence) -> tuple[Asset, str]:
    """The model and the id of the run that made it."""
    model = evidence.asset()
    run = model.schema_.get("run")
    if not isinstance(run, str):
        raise Broken(path_of(model), "has sources and does not name the run that made it")
    return model, run


def only(evidence: Evidence, kind: str, about: str) -> Claim:
    """The builder's one claim of a kind."""
    model = evidence.asset()
    found = evidence.claims(kind, model.owner, about)
    if len(found) != 1:
        raise Broken(path_of(model), f"has {len(found)} {kind} claims by its builder where there must be one")
    evidence.file = path_of(found[0])
    return found[0]


def plan_of(evidence: Evidence) -> tuple[Claim, dict[str, Any]]:
    """The plan's claim and the plan."""
    _, run = run_of(evidence)
    claim = only(evidence, "training_plan", run)
    plan: dict[str, Any] = claim.statement["plan"]
    return claim, plan


def rounds_of(evidence: Evidence) -> list[Claim]:
    """The claims of round 0 (statistics) and of every round of training, in the order of the log."""
    model, run = run_of(evidence)
    return evidence.claims("training_round", model.owner, run)


def order(evidence: Evidence) -> str:
    """Test commitment, plan, rounds, opening, contribution and release follow one another in the log."""
    model, run = run_of(evidence)
    claim, plan = plan_of(evidence)
    if document_id(plan) != run:
        raise Broken(path_of(claim), "is a plan whose hash is not the run's id")
    commitment = only(evidence, "test_commitment", plan["test_commitment"])
    if commitment.statement["commitment"] != plan["test_commitment"]:
        raise Broken(path_of(commitment), "states another commitment than its subject")
    rounds = rounds_of(evidence)
    for number, record in enumerate(rounds):
        evidence.file = path_of(record)
        if record.statement["record"]["number"] != number:
            raise Broken(path_of(record), f"does not stand where round {number} must stand in the log")
    if len(rounds) != plan["recipe"]["rounds"] + 1:
        raise Broken(path_of(claim), f"plans other than the {len(rounds) - 1} rounds that were recorded")
    last = [
        only(evidence, "test_opening", run),
        only(evidence, "contribution", run),
        only(evidence, "release", model.id),
    ]
    sequence = [commitment, claim, *rounds, *last]
    for earlier, later in pairwise(sequence):
        if evidence.index(earlier) >= evidence.index(later):
            raise Broken(path_of(later), f"must come after the {earlier.claim_kind} in the builder's log")
    return f"planned before, {len(rounds) - 1} rounds in order, test opened and shares stated after"


def receipts(evidence: Evidence) -> str:
    """Both sides signed for each update that each owner sent, under that owner's grant."""
    model, run = run_of(evidence)
    claim, plan = plan_of(evidence)
    owners = {owner["account"]: owner for owner in plan["owners"]}
    if list(owners) != sorted(owners) or len(owners) != len(plan["owners"]):
        raise Broken(path_of(claim), "does not name its owners once each, sorted")
    for account, owner in owners.items():
        grant, asset = evidence.get(owner["grant"], Grant, claim), evidence.get(owner["asset"], Asset, claim)
        if (grant.issuer, grant.holder, grant.asset, asset.owner) != (
            account,
            model.owner,
            asset.id,
            account,
        ):
            raise Broken(
                path_of(claim), f"names a grant that does not let the builder train on the data of {account}"
            )
    signed = {
        (item.grant, item.evidence.get("round"), item.output)
        for item in evidence.of_type(Receipt)
        if item.action == "train" and item.evidence.get("run") == run
    }
    for number, record in enumerate(rounds_of(evidence)[1:], start=1):
        evidence.file = path_of(record)
        for account, output in sorted(record.statement["record"]["update_hashes"].items()):
            if account not in owners or (owners[account]["grant"], number, output) not in signed:
                raise Broken(path_of(record), f"counts an update of {account} for which there is no receipt")
    return f"{len(signed)} updates, each signed by its owner and the builder"


def replay(evidence: Evidence) -> str:
    """The recorded updates lead to the recorded hashes of every round."""
    claim, plan = plan_of(evidence)
    records = [item.statement["record"] for item in rounds_of(evidence)]
    given = evidence.json(PLAN)
    expected = {key: plan[key] for key in ("recipe", "columns", "label", "test_commitment")} | {
        "owners": [owner["account"] for owner in plan["owners"]],
        "data": [evidence.get(owner["asset"], Asset, claim).content.commitment for owner in plan["owners"]],
        "statistics": records[0]["statistics"],
    }
    if given != expected or [item["rows"] for item in given["statistics"]] != [
        item["rows"] for item in plan["owners"]
    ]:
        raise Broken(PLAN, "is not the plan and the statistics in the builder's log")
    rounds = [evidence.json(round_path(number)) for number in range(1, len(records))]
    for number, (item, record) in enumerate(zip(rounds, records[1:], strict=True), start=1):
        evidence.file = round_path(number)
        if {key: item[key] for key in item if key != "updates"} != record:
            raise Broken(evidence.file, "records other hashes than the builder's log")
    if (found := {path for path in evidence.bundle.files if path.startswith("training/round-")}) != {
        round_path(number) for number in range(1, len(records))
    }:
        raise Broken(max(found), "is the file of a round that the log does not have")
    evidence.replayed = _replay(evidence, given, rounds)
    evidence.file = path_of(rounds_of(evidence)[0])
    if evidence.replayed.scaling != records[0]["scaling"]:
        raise Broken(evidence.file, "states another scaling than its statistics give")
    return f"{len(rounds)} rounds recomputed"


def model(evidence: Evidence) -> str:
    """The model is the one that the run leads to, and names the data it came from."""
    asset, _ = run_of(evidence)
    _, plan = plan_of(evidence)
    if asset.content.commitment != evidence.replayed.model:
        raise Broken(path_of(asset), "is another model than its training leads to")
    weights = dict(
        zip((owner["asset"] for owner in plan["owners"]), evidence.replayed.shares_bps, strict=True)
    )
    if (
        len(asset.derived_from) != len(weights)
        or {item.asset: item.weight for item in asset.derived_from} != weights
    ):
        raise Broken(path_of(asset), "does not name the data it was trained on with their shares")
    return f"model {asset.id[:10]} follows from {len(weights)} data sets"


def _replay(evidence: Evidence, plan: Any, rounds: list[Any]) -> Replayed:
    _, run = run_of(evidence)
    opening = only(evidence, "test_opening", run)
    salt = opening.statement["salt"]
    test = evidence.json(TEST)
    try:
        return evidence.replay(plan, rounds, test, salt)
    except FreeholdError as error:
        number, part = error.fields.get("round"), error.fields.get("part")
        file = round_path(number) if isinstance(number, int) else TEST if part == "test" else PLAN
        raise Broken(file, error.message) from error

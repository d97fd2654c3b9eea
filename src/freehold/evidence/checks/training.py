"""Was the model made in the order, from the data and by the steps that are claimed?"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.errors import FreeholdError
from freehold.core.ids import document_id, sha256_hex
from freehold.evidence.reading import Broken, Evidence, Replayed, path_of

PLAN, TEST = "training/plan.json", "training/test.json"
_MICRO_LIMIT = 10**15
"""Beyond this no training table goes, so that its products stay exact."""
_SALT = re.compile(r"0x([0-9a-f]{2}){16,64}")


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


def owners_of(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Account -> `{account, asset, grant}` of each owner, in the plan's order."""
    claim, plan = plan_of(evidence)
    owners = claim.statement["owners"]
    found = {owner["account"]: owner for owner in owners}
    if plan["owners"] != [owner["account"] for owner in owners] or list(found) != sorted(found):
        raise Broken(path_of(claim), "does not name its owners once each, sorted")
    return found


def rounds_of(evidence: Evidence) -> list[Claim]:
    """The claims of the rounds, in the order of the log."""
    asset, run = run_of(evidence)
    return evidence.claims("training_round", asset.owner, run)


def order(evidence: Evidence) -> str:
    """Test commitment, plan, rounds, opening, contribution and release follow one another in the log."""
    asset, run = run_of(evidence)
    claim, plan = plan_of(evidence)
    if sha256_hex(b"freehold/training-plan/v1\0" + canonical_bytes(plan)) != run:
        raise Broken(path_of(claim), "holds a plan whose hash is not the run's id")
    commitment = only(evidence, "test_commitment", plan["test_commitment"])
    if commitment.statement["commitment"] != plan["test_commitment"]:
        raise Broken(path_of(commitment), "states another commitment than its subject")
    rounds = rounds_of(evidence)
    for number, item in enumerate(rounds, start=1):
        evidence.file = path_of(item)
        if item.statement["record"]["number"] != number:
            raise Broken(path_of(item), f"stands in the log where round {number} must stand")
    if len(rounds) != plan["recipe"]["rounds"]:
        raise Broken(path_of(claim), f"plans other than the {len(rounds)} rounds that were recorded")
    last = (("test_opening", run), ("contribution", run), ("release", asset.id))
    sequence = [commitment, claim, *rounds, *(only(evidence, kind, about) for kind, about in last)]
    for earlier, later in pairwise(sequence):
        if evidence.index(earlier) >= evidence.index(later):
            raise Broken(path_of(later), f"must come after the {earlier.claim_kind} in the builder's log")
    return f"planned before, {len(rounds)} rounds in order, test opened and shares stated after"


def receipts(evidence: Evidence) -> str:
    """Owner and builder both signed for the statistics and for every update, under the owner's grant."""
    builder, run = run_of(evidence)
    claim, plan = plan_of(evidence)
    owners = owners_of(evidence)
    signed = {
        (item.grant, item.evidence.get("round"), item.output)
        for item in evidence.of_type(Receipt)
        if item.action == "train" and item.evidence.get("run") in {run, None}
    }
    evidence.file = path_of(claim)
    for position, (account, owner) in enumerate(owners.items()):
        grant, asset = evidence.get(owner["grant"], Grant, claim), evidence.get(owner["asset"], Asset, claim)
        if (grant.issuer, grant.holder, grant.asset) != (account, builder.owner, asset.id):
            raise Broken(
                path_of(claim), f"names a grant by which the builder cannot use the data of {account}"
            )
        if asset.content.commitment != plan["data"][position]:
            raise Broken(path_of(claim), f"names other data of {account} than the asset commits to")
        if (grant.id, 0, document_id(plan["statistics"][position])) not in signed:
            raise Broken(path_of(claim), f"counts statistics of {account} for which there is no receipt")
    for number, item in enumerate(rounds_of(evidence), start=1):
        evidence.file = path_of(item)
        for account, output in sorted(item.statement["record"]["update_hashes"].items()):
            if account not in owners or (owners[account]["grant"], number, output) not in signed:
                raise Broken(path_of(item), f"counts an update of {account} for which there is no receipt")
    return f"{len(signed)} steps of owners, each signed by owner and builder"


def replay(evidence: Evidence) -> str:
    """The recorded updates lead to the recorded hashes of every round."""
    _, plan = plan_of(evidence)
    if evidence.json(PLAN) != plan:
        raise Broken(PLAN, "is not the plan in the builder's log")
    records = [item.statement["record"] for item in rounds_of(evidence)]
    paths = [round_path(number) for number in range(1, len(records) + 1)]
    found = sorted(path for path in evidence.bundle.files if path.startswith("training/round-"))
    for path in sorted({*found} ^ {*paths}):
        raise Broken(path, "is missing, or is of a round that the builder's log does not have")
    rounds = [evidence.json(path) for path in paths]
    for path, item, record in zip(paths, rounds, records, strict=True):
        evidence.file = path
        if {key: item[key] for key in item if key != "updates"} != record:
            raise Broken(path, "records other hashes than the builder's log")
    evidence.replayed = _replay(evidence, plan, rounds)
    return f"{len(rounds)} rounds recomputed"


def model(evidence: Evidence) -> str:
    """The model is the one that the run leads to."""
    asset, _ = run_of(evidence)
    if asset.content.commitment != evidence.replayed.model:
        raise Broken(path_of(asset), "is another model than its training leads to")
    return f"model {asset.id[:10]} follows from the updates"


def terms(evidence: Evidence) -> str:
    """The model is offered for nothing that one of its data owners did not allow."""
    asset, _ = run_of(evidence)
    claim, _ = plan_of(evidence)
    offered = asset.terms
    for account, owner in owners_of(evidence).items():
        allowed = evidence.get(owner["grant"], Grant, claim).terms
        wider = (
            ("purposes", not set(offered.purposes) <= set(allowed.purposes)),
            ("actions", not set(offered.actions) <= set(allowed.actions)),
            ("time", offered.expires_at > allowed.expires_at),
            ("duties", not set(allowed.duties) <= set(offered.duties)),
        )
        for field, exceeded in wider:
            if exceeded:
                raise Broken(path_of(asset), f"is offered with {field} that {account} did not agree to")
    return "offered within what every data owner allowed"


def _replay(evidence: Evidence, plan: Any, rounds: list[Any]) -> Replayed:
    _, run = run_of(evidence)
    opening = only(evidence, "test_opening", run)
    salt = opening.statement["salt"]
    if not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise Broken(path_of(opening), "opens the test table without a salt of 16 to 64 bytes")
    test = evidence.json(TEST)
    if not _is_table(test, plan):
        raise Broken(TEST, "is not a table with the plan's columns and label")
    try:
        return evidence.replay(plan, rounds, test, salt)
    except FreeholdError as error:
        number, part = error.fields.get("round"), error.fields.get("part")
        file = round_path(number) if isinstance(number, int) else TEST if part == "test" else PLAN
        raise Broken(file, error.message) from error


def _is_table(value: Any, plan: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"columns", "label", "features", "labels"}:
        return False
    if value["columns"] != plan["columns"] or value["label"] != plan["label"]:
        return False
    rows, labels, width = value["features"], value["labels"], len(value["columns"])
    return (
        isinstance(rows, list)
        and isinstance(labels, list)
        and 0 < len(rows) == len(labels)
        and all(type(label) is int and label in {0, 1} for label in labels)
        and all(isinstance(row, list) and len(row) == width for row in rows)
        and all(type(cell) is int and abs(cell) <= _MICRO_LIMIT for row in rows for cell in row)
    )

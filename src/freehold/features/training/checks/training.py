"""Was the model made from the data that owners agreed to, in the steps that are claimed?"""

from __future__ import annotations

from typing import Any

from freehold.core.documents import REVEALS, Asset, Grant, Receipt
from freehold.core.errors import FreeholdError
from freehold.features.training.checks import replaying
from freehold.features.training.checks.run import PLAN, ROUNDS, START, TEST, Replay, Run, Story
from freehold.kernel.evidence.checks.times import CLOCK_TOLERANCE_SECONDS
from freehold.kernel.evidence.reading import Broken, Evidence, same
from freehold.kernel.evidence.state import purchase_slot, stamp_slot
from freehold.kernel.rights.check import is_priced


def grants(evidence: Evidence) -> str:
    """Each owner that takes part agreed to exactly this plan, for the data it names, within its terms."""
    run = evidence.of(Story).run
    for account, grant_id in run.grants.items():
        evidence.file = evidence.place(run.started)
        owner = run.owners[account]
        grant = evidence.get(grant_id, Grant, run.started)
        evidence.file = evidence.place(grant)
        if (grant.issuer, grant.holder, grant.run) != (account, run.model.owner, run.id):
            raise Broken(evidence.file, f"is no grant of {account} to the builder for this run")
        asset = evidence.get(owner["asset"], Asset, grant)
        if grant.asset != asset.id or not _is_data_of(asset, owner, run.plan):
            raise Broken(evidence.file, "is for other data than the plan says")
        level, epsilon = run.plan["level"], run.plan["epsilon_micro"]
        if REVEALS.index(level) > REVEALS.index(grant.terms.reveals):
            raise Broken(
                evidence.file, f"allows to reveal {grant.terms.reveals}, and the plan reveals {level}"
            )
        if epsilon > grant.terms.epsilon_run_micro:
            raise Broken(evidence.file, "allows less epsilon than the plan takes")
        if run.plan["judge"] and run.plan["judge"] not in grant.terms.judges:
            raise Broken(evidence.file, "does not let the plan's judge see the data")
    return f"{len(run.grants)} of {len(run.owners)} owners agreed to the plan"


def _is_data_of(asset: Asset, owner: Any, plan: Any) -> bool:
    said = asset.schema_
    shape = {"columns": plan["columns"], "label": plan["label"], "rows": owner["rows"]}
    return (
        asset.asset_kind == "dataset"
        and asset.owner == owner["account"]
        and same({name: said.get(name) for name in shape}, shape)
        and said.get("rows_each", 1) <= plan["rows_each"]
    )


def stamped(evidence: Evidence) -> str:
    """The plan, and with it the test table, stood on chain before anybody agreed, paid or trained."""
    run, statement = evidence.of(Story).run, evidence.manifest.statement
    time = evidence.word("Timestamps", stamp_slot(run.id))
    if not time:
        raise Broken(evidence.place(run.planned), "does not stand on chain")
    for grant_id in run.grants.values():
        grant = evidence.get(grant_id, Grant, run.started)
        if time > grant.issued_at + CLOCK_TOLERANCE_SECONDS:
            raise Broken(evidence.place(grant), "was issued before the plan stood on chain")
        slot = purchase_slot(grant, statement.chain_id, statement.contracts["Market"])
        if is_priced(grant) and time > evidence.word("Market", slot):
            raise Broken(evidence.place(grant), "was bought before the plan stood on chain")
    for receipt in (receipt for one in run.rounds for receipt in one.receipts):
        if time > receipt.issued_at + CLOCK_TOLERANCE_SECONDS:
            raise Broken(ROUNDS, f"holds a receipt of {receipt.provider} from before the plan stood on chain")
    return f"the plan stands on chain since {time}"


def receipts(evidence: Evidence) -> str:
    """Owner and builder both signed for every commitment of every round, under the owner's grant."""
    run = evidence.of(Story).run
    used: dict[str, Receipt] = {}
    counted: set[str] = set()
    for one in run.rounds:
        evidence.file = ROUNDS
        commitments = one.claim.statement["commitments"]
        if [receipt.provider for receipt in one.receipts] != sorted(commitments):
            raise Broken(ROUNDS, "has not one receipt for each commitment of a round, by owner")
        for receipt in one.receipts:
            fault = _fault(receipt, run, one.claim.statement, used.get(receipt.provider))
            if fault:
                raise Broken(ROUNDS, f"holds a receipt of {receipt.provider} {fault}")
            used[receipt.provider] = receipt
            counted.add(receipt.id)
    for receipt in evidence.of_type(Receipt):
        if receipt.id not in counted and receipt.grant in run.grants.values():
            raise Broken(evidence.file, "is a use of the owners' data that no round has")
    return f"{len(counted)} answers of owners, each signed by owner and builder"


def _fault(receipt: Receipt, run: Run, statement: Any, before: Receipt | None) -> str | None:
    about = {"run": run.id, "round": statement["number"], "seed": receipt.evidence.get("seed")}
    committed = statement["commitments"][receipt.provider]
    epsilon = run.plan["epsilon_micro"] if receipt.sequence == 1 else 0
    last_seed, last_use = (before.evidence["seed"], before.sequence) if before else (about["seed"], 0)
    wrong = (
        ("for something else than it committed to", receipt.output != committed),
        ("that is not under its grant for this run", receipt.grant != run.grants.get(receipt.provider)),
        ("for another use than training", receipt.action != "train"),
        ("that does not say for which round it is", receipt.evidence != about),
        (
            "that names no seed, or another one than before",
            not isinstance(last_seed, str) or last_seed != about["seed"],
        ),
        ("that counts uses backwards", receipt.sequence <= last_use),
        ("with another epsilon than the plan's", receipt.epsilon_micro != epsilon),
    )
    return next((fault for fault, found in wrong if found), None)


def replay(evidence: Evidence) -> str:
    """What was revealed is what was committed to, and leads to the model before every round."""
    run = evidence.of(Story).run
    rounds = [(one.claim.statement, one.revealed) for one in run.rounds]
    start, test, salt = evidence.json(START), evidence.json(TEST), run.opening.statement.get("salt")
    try:
        compute: Replay = evidence.rules.get("training.replay", replaying.replay)
        evidence.of(Story).replayed = compute(run.plan, start, rounds, test, salt)  # type: ignore[arg-type]
    except FreeholdError as error:
        files = {"plan": PLAN, "start": START, "test": TEST, "opening": evidence.place(run.opening)}
        raise Broken(files.get(str(error.fields.get("part")), ROUNDS), error.message) from error
    evidence.file = ROUNDS
    missing: list[str] = []
    for (said, shown), previous in zip(rounds, evidence.of(Story).replayed.previous, strict=True):
        expected = {"start": run.started.id, "previous": previous, "missing": missing}
        for name, value in expected.items():
            if said[name] != value:
                raise Broken(
                    ROUNDS, f"holds a claim of round {said['number']} with another {name} than follows"
                )
        missing = sorted(set(said["commitments"]) - set(shown))
    return f"{len(rounds)} rounds recomputed"


def model(evidence: Evidence) -> str:
    """The model is the one that the run leads to, and says how it was made."""
    run, asset = evidence.of(Story).run, evidence.of(Story).run.model
    if asset.content.commitment != evidence.of(Story).replayed.model:
        raise Broken(evidence.place(asset), "is another model than its training leads to")
    for name in ("columns", "label", "recipe"):
        if not same(asset.schema_.get(name), run.plan[name]):
            raise Broken(evidence.place(asset), f"names other {name} than its plan")
    return f"model {asset.id[:10]} follows from the updates"


def terms(evidence: Evidence) -> str:
    """The model is offered for nothing that one of its data owners did not allow."""
    run = evidence.of(Story).run
    offered = run.model.terms
    for account, grant_id in run.grants.items():
        allowed = evidence.get(grant_id, Grant, run.started).terms
        wider = (
            ("purposes", not set(offered.purposes) <= set(allowed.purposes)),
            ("actions", not set(offered.actions) <= set(allowed.actions)),
            ("time", offered.expires_at > allowed.expires_at),
            ("duties", not set(allowed.duties) <= set(offered.duties)),
        )
        for field, exceeded in wider:
            if exceeded:
                where = evidence.place(run.model)
                raise Broken(where, f"is offered with {field} that {account} did not agree to")
    return "offered within what every data owner allowed"

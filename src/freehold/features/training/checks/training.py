"""Was the model made from the data that owners agreed to, in the steps that are claimed?"""

from __future__ import annotations

from typing import Any

from freehold.core.documents import REVEALS, Asset, Grant, Receipt
from freehold.core.errors import FreeholdError
from freehold.core.texts import Moment, said
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
            raise Broken(
                evidence.file, said("is no grant of {account} to the builder for this run", account=account)
            )
        asset = evidence.get(owner["asset"], Asset, grant)
        if grant.asset != asset.id or not _is_data_of(asset, owner, run.plan):
            raise Broken(evidence.file, said("is for other data than the plan says"))
        level, epsilon = run.plan["level"], run.plan["epsilon_micro"]
        if REVEALS.index(level) > REVEALS.index(grant.terms.reveals):
            raise Broken(
                evidence.file,
                said(
                    "allows to reveal {reveals}, and the plan reveals {level}",
                    reveals=grant.terms.reveals,
                    level=level,
                ),
            )
        if epsilon > grant.terms.epsilon_run_micro:
            raise Broken(evidence.file, said("allows less epsilon than the plan takes"))
        if run.plan["judge"] and run.plan["judge"] not in grant.terms.judges:
            raise Broken(evidence.file, said("does not let the plan's judge see the data"))
    return said("{n} of {all} owners agreed to the plan", n=len(run.grants), all=len(run.owners))


def _is_data_of(asset: Asset, owner: Any, plan: Any) -> bool:
    schema = asset.schema_
    shape = {"columns": plan["columns"], "label": plan["label"], "rows": owner["rows"]}
    return (
        asset.asset_kind == "dataset"
        and asset.owner == owner["account"]
        and same({name: schema.get(name) for name in shape}, shape)
        and schema.get("rows_each", 1) <= plan["rows_each"]
    )


def stamped(evidence: Evidence) -> str:
    """The plan, and with it the test table, stood on chain before anybody agreed, paid or trained."""
    run, statement = evidence.of(Story).run, evidence.manifest.statement
    time = evidence.word("Timestamps", stamp_slot(run.id))
    if not time:
        raise Broken(evidence.place(run.planned), said("does not stand on chain"))
    for grant_id in run.grants.values():
        grant = evidence.get(grant_id, Grant, run.started)
        if time > grant.issued_at + CLOCK_TOLERANCE_SECONDS:
            raise Broken(evidence.place(grant), said("was issued before the plan stood on chain"))
        slot = purchase_slot(grant, statement.chain_id, statement.contracts["Market"])
        if is_priced(grant) and time > evidence.word("Market", slot):
            raise Broken(evidence.place(grant), said("was bought before the plan stood on chain"))
    for receipt in (receipt for one in run.rounds for receipt in one.receipts):
        if time > receipt.issued_at + CLOCK_TOLERANCE_SECONDS:
            raise Broken(
                ROUNDS,
                said(
                    "holds a receipt of {provider} from before the plan stood on chain",
                    provider=receipt.provider,
                ),
            )
    return said("the plan stands on chain since {time}", time=Moment(time))


def receipts(evidence: Evidence) -> str:
    """Owner and builder both signed for every commitment of every round, under the owner's grant."""
    run = evidence.of(Story).run
    used: dict[str, Receipt] = {}
    counted: set[str] = set()
    for one in run.rounds:
        evidence.file = ROUNDS
        commitments = one.claim.statement["commitments"]
        if [receipt.provider for receipt in one.receipts] != sorted(commitments):
            raise Broken(ROUNDS, said("has not one receipt for each commitment of a round, by owner"))
        for receipt in one.receipts:
            fault = _fault(receipt, run, one.claim.statement, used.get(receipt.provider))
            if fault:
                raise Broken(ROUNDS, fault)
            used[receipt.provider] = receipt
            counted.add(receipt.id)
    for receipt in evidence.of_type(Receipt):
        if receipt.id not in counted and receipt.grant in run.grants.values():
            raise Broken(evidence.file, said("is a use of the owners' data that no round has"))
    return said("{n} answers of owners, each signed by owner and builder", n=len(counted))


def _fault(receipt: Receipt, run: Run, statement: Any, before: Receipt | None) -> str | None:
    about = {"run": run.id, "round": statement["number"], "seed": receipt.evidence.get("seed")}
    committed = statement["commitments"][receipt.provider]
    epsilon = run.plan["epsilon_micro"] if receipt.sequence == 1 else 0
    last_seed, last_use = (before.evidence["seed"], before.sequence) if before else (about["seed"], 0)
    who = receipt.provider
    wrong = (
        (
            said("holds a receipt of {who} for something else than it committed to", who=who),
            receipt.output != committed,
        ),
        (
            said("holds a receipt of {who} that is not under its grant for this run", who=who),
            receipt.grant != run.grants.get(who),
        ),
        (
            said("holds a receipt of {who} for another use than training", who=who),
            receipt.action != "train",
        ),
        (
            said("holds a receipt of {who} that does not say for which round it is", who=who),
            receipt.evidence != about,
        ),
        (
            said("holds a receipt of {who} that names no seed, or another one than before", who=who),
            not isinstance(last_seed, str) or last_seed != about["seed"],
        ),
        (
            said("holds a receipt of {who} that counts uses backwards", who=who),
            receipt.sequence <= last_use,
        ),
        (
            said("holds a receipt of {who} with another epsilon than the plan's", who=who),
            receipt.epsilon_micro != epsilon,
        ),
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
    for (claimed, shown), previous in zip(rounds, evidence.of(Story).replayed.previous, strict=True):
        expected = {"start": run.started.id, "previous": previous, "missing": missing}
        for name, value in expected.items():
            if claimed[name] != value:
                raise Broken(
                    ROUNDS,
                    said(
                        "holds a claim of round {round} with another {name} than follows",
                        round=claimed["number"],
                        name=name,
                    ),
                )
        missing = sorted(set(claimed["commitments"]) - set(shown))
    return said("{n} rounds recomputed", n=len(rounds))


def model(evidence: Evidence) -> str:
    """The model is the one that the run leads to, and says how it was made."""
    run, asset = evidence.of(Story).run, evidence.of(Story).run.model
    if asset.content.commitment != evidence.of(Story).replayed.model:
        raise Broken(evidence.place(asset), said("is another model than its training leads to"))
    for name in ("columns", "label", "recipe"):
        if not same(asset.schema_.get(name), run.plan[name]):
            raise Broken(evidence.place(asset), said("names other {name} than its plan", name=name))
    return said("model {id} follows from the updates", id=asset.id[:10])


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
                raise Broken(
                    where,
                    said(
                        "is offered with {field} that {account} did not agree to",
                        field=field,
                        account=account,
                    ),
                )
    return said("offered within what every data owner allowed")

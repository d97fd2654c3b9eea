"""Proving: gather the public evidence of one receipt from all parties, and check evidence from anyone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from freehold.chain import deployments, proof
from freehold.chain.client import Chain
from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.errors import FreeholdError, InvalidInput, NotAllowed, Unavailable, VerificationFailed
from freehold.core.signing import Envelope, parse_envelope
from freehold.evidence import state
from freehold.evidence.assemble import LogProofs, assemble
from freehold.evidence.bundle import Bundle
from freehold.evidence.checks.training import round_path
from freehold.evidence.reading import Replayed
from freehold.evidence.verify import Report, verify
from freehold.node import logbook
from freehold.node.node import Node
from freehold.node.peers import Peers
from freehold.node.publishing import open_table
from freehold.training import record
from freehold.training import table as tables
from freehold.training.record import RoundRecord, RunPlan
from freehold.training.table import Table

if TYPE_CHECKING:
    from freehold.node.services import Services

ATTEMPTS = 3
"""A log that is anchored while evidence is gathered makes its proofs stale; then all are asked again."""


def check(bundle: Bundle, *, block_hash: str | None = None, chain: Chain | None = None) -> Report:
    """Verify evidence with this package's training rules."""
    return verify(bundle, replay=replay, trusted_block_hash=block_hash, chain=chain)


def replay(plan: Any, rounds: Sequence[Any], test: Any, salt: str) -> Replayed:
    """A training run computed again from its public record.

    Raises:
        FreeholdError: with field `round` or `part` where that names the fault.
    """
    parsed = RunPlan.from_json(plan)
    records = [_round(parsed, number, value) for number, value in enumerate(rounds, start=1)]
    models = record.replay(parsed, records)
    table = _test_table(test)
    worth = record.value(parsed, models, table)
    return Replayed(
        model=record.model_hash(models[-1], parsed.scaling, parsed.recipe, parsed.columns),
        test_commitment="0x" + tables.commitment(table, bytes.fromhex(salt.removeprefix("0x"))).hex(),
        utilities=worth.utilities,
        values=[str(value) for value in worth.shapley],
        shares_bps=worth.shares_bps,
        correct=worth.correct,
        test_rows=worth.test_rows,
    )


def _round(plan: RunPlan, number: int, value: Any) -> RoundRecord:
    try:
        return RoundRecord.from_json(value, plan)
    except FreeholdError as error:
        error.fields["round"] = number
        raise


def _test_table(value: Any) -> Table:
    try:
        return Table(
            columns=tuple(value["columns"]),
            label=value["label"],
            features=np.array(value["features"], dtype=np.int64).reshape(-1, len(value["columns"])),
            labels=np.array(value["labels"], dtype=np.int64),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise VerificationFailed("the test table is malformed", part="test") from error
    except FreeholdError as error:
        error.fields["part"] = "test"
        raise


def table_json(table: Table) -> dict[str, Any]:
    """An opened test table as evidence shows it, in micro-units."""
    return {
        "columns": list(table.columns),
        "label": table.label,
        "features": table.features.tolist(),
        "labels": table.labels.tolist(),
    }


def give_evidence(services: Services, sender: str, body: dict[str, Any]) -> dict[str, Any]:
    """Evidence for the other side of a receipt.

    Raises:
        NotAllowed: the sender is not named in the receipt.
    """
    receipt = services.node.receipt(str(body.get("receipt")))
    if sender not in (receipt.provider, receipt.holder):
        raise NotAllowed("evidence of a receipt goes to its two sides", hint="They may pass it on to anyone.")
    return gather(services.node, services.peers, receipt.id).to_json()


def evidence(services: Services, receipt_id: str) -> Bundle:
    """Evidence of a receipt, made here by its provider or fetched from it; checked either way.

    Raises:
        Unavailable: a party whose proofs are needed does not answer. VerificationFailed: it does not hold.
    """
    bundle, report = collected(services, receipt_id)
    require(report)
    return bundle


def collected(services: Services, receipt_id: str, *, may_anchor: bool = True) -> tuple[Bundle, Report]:
    """As `evidence`, with what the checks found instead of an error where one fails.

    `may_anchor` says whether this node may pay for anchoring its own log; the others decide for theirs.

    Raises:
        Unavailable. NotAnchored: it may not, but would have to.
    """
    node = services.node
    receipt = node.receipt(receipt_id)
    if receipt.action == "train":
        raise InvalidInput(
            "evidence starts from an inference receipt", hint="Choose a receipt of action infer."
        )
    if receipt.provider == node.account:
        bundle, report = _gathered(node, services.peers, receipt.id, may_anchor=may_anchor)
        return bundle, check(bundle, chain=node.chain) if report.ok else report
    services.buyer.flush()
    answer = services.peers.ask(receipt.provider, "/peer/evidence", {"receipt": receipt.id}, timeout=120)
    bundle = Bundle.from_json(answer)
    return bundle, check(bundle, chain=node.chain)


def require(report: Report) -> None:
    """Raise for a report that is not ok.

    Raises:
        VerificationFailed: naming the first check that failed.
    """
    for item in report.checks:
        if not item.ok:
            raise VerificationFailed(f"{item.file} {item.detail}", check=item.name, file=item.file)


def gather(node: Node, peers: Peers, receipt_id: str) -> Bundle:
    """Collect documents, log proofs of every party, the training record and one chain proof.

    Raises:
        Unavailable, VerificationFailed.
    """
    bundle, report = _gathered(node, peers, receipt_id, may_anchor=True)
    require(report)
    return bundle


def _gathered(node: Node, peers: Peers, receipt_id: str, *, may_anchor: bool) -> tuple[Bundle, Report]:
    receipt = node.receipt(receipt_id)
    if not node.store.get(receipt_id).is_complete:
        raise Unavailable("the holder has not countersigned this receipt yet", hint="Try again in a moment.")
    asset = node.asset(node.grant(receipt.grant).asset)
    job = node.store.state(f"job:{node.store.state(f'run_of:{asset.id}')}")
    if job is None:
        raise InvalidInput("the model was not trained on this node")
    envelopes = _envelopes(node, receipt, asset, job)
    bundle, report = None, None
    for _ in range(ATTEMPTS):
        bundle = _assemble(node, peers, receipt, asset, job, envelopes, may_anchor=may_anchor)
        report = check(bundle)
        if report.ok:
            break
    assert bundle is not None
    assert report is not None
    return bundle, report


def _envelopes(node: Node, receipt: Receipt, asset: Asset, job: dict[str, Any]) -> dict[str, Envelope]:
    store, run = node.store, str(job["run"])
    found = [store.get(receipt.id), store.get(receipt.grant), store.get(asset.id)]
    found += store.find("claim", "test_commitment", job["test_commitment"])
    for kind in ("training_plan", "training_round", "test_opening", "contribution"):
        found += store.find("claim", kind, run)
    found += store.find("claim", "release", asset.id)
    for asset_id, grant_id in zip(job["assets"], _grants(job), strict=True):
        found += [store.get(asset_id), store.get(grant_id)]
        found += store.find("claim", "revocation", grant_id)
        found += [item for item in store.find("receipt", "train", grant_id) if _of_run(item, run)]
    accounts = {account for item in found for account in item.document.signers().values()}
    found += [store.get(store.state(f"party:{account}")) for account in sorted(accounts)]
    return {item.document.id: item for item in found}


def _grants(job: dict[str, Any]) -> list[str]:
    # assets are kept sorted by owner, and grants by owner
    return [job["grants"][owner] for owner in sorted(job["grants"])]


def _of_run(envelope: Envelope, run: str) -> bool:
    receipt = envelope.document
    return isinstance(receipt, Receipt) and receipt.evidence.get("run", run) == run


def _assemble(
    node: Node,
    peers: Peers,
    receipt: Receipt,
    asset: Asset,
    job: dict[str, Any],
    envelopes: dict[str, Envelope],
    *,
    may_anchor: bool,
) -> Bundle:
    envelopes = dict(envelopes)
    logs = []
    for account, answer in _ask_all(node, peers, receipt, envelopes, may_anchor=may_anchor).items():
        for value in answer.get("revocations", []):
            claim = parse_envelope(value)
            node.check(claim)
            envelopes[claim.document.id] = claim
        logs.append(_log_proofs(account, answer))
    contracts = {name: node.contract(name) for name in deployments.names()}
    documents = [item.document for item in envelopes.values()]
    pools = [state.pool_id(asset.owner, asset.id)]
    wanted = state.needed(documents, [log.account for log in logs], pools, node.chain_id, contracts)
    test, _ = open_table(node, job["id"])
    plan = envelopes[job["plan_claim"]].document
    assert isinstance(plan, Claim)
    rounds = node.store.states(f"round:{job['run']}:")
    training = {"plan.json": plan.statement["plan"], "test.json": table_json(test)}
    training |= {
        round_path(number).removeprefix("training/"): rounds[name]
        for number, name in enumerate(sorted(rounds), 1)
    }
    return assemble(
        receipt,
        envelopes=envelopes.values(),
        logs=logs,
        training=training,
        chain_proof=proof.capture(node.chain, wanted),
        chain_id=node.chain_id,
        contracts=contracts,
        key=node.keys.account_key,
        issued_at=node.now(),
    )


def _ask_all(
    node: Node, peers: Peers, receipt: Receipt, envelopes: dict[str, Envelope], *, may_anchor: bool
) -> dict[str, dict[str, Any]]:
    """Each party's log proofs, asked for at once: every one of them may have to anchor first."""

    def ask(account: str) -> dict[str, Any]:
        ids = _logged_by(account, envelopes)
        if account == node.account:
            return logbook.proofs(node, ids, may_anchor=may_anchor)
        return _ask_proofs(node, peers, account, ids)

    accounts = sorted(_provers(receipt, envelopes))
    with ThreadPoolExecutor(max_workers=len(accounts)) as pool:
        return dict(zip(accounts, pool.map(ask, accounts), strict=True))


def _provers(receipt: Receipt, envelopes: dict[str, Envelope]) -> set[str]:
    """Whose logs are shown: everyone who issued, but not the buyer, whose log says nothing new."""
    accounts = {
        account
        for item in envelopes.values()
        if isinstance(item.document, Claim | Grant | Receipt)
        for account in [next(iter(item.document.signers().values()))]
    }
    return accounts | {receipt.provider}


def _logged_by(account: str, envelopes: dict[str, Envelope]) -> list[str]:
    ids = []
    for item in envelopes.values():
        document = item.document
        if isinstance(document, Receipt):
            mine = account in (document.provider, document.holder)
        else:
            mine = isinstance(document, Claim | Grant) and next(iter(document.signers().values())) == account
        if mine:
            ids.append(document.id)
    return ids


def _ask_proofs(node: Node, peers: Peers, account: str, ids: list[str]) -> dict[str, Any]:
    receipts = []
    for envelope in map(node.store.get, ids):
        receipt = envelope.document
        if isinstance(receipt, Receipt) and receipt.provider == account and envelope.is_complete:
            receipts.append(envelope.to_json())
    peers.ask(account, "/peer/countersign", {"receipts": receipts})
    answer: dict[str, Any] = peers.ask(account, "/peer/proofs", {"ids": ids})
    return answer


def _log_proofs(account: str, answer: dict[str, Any]) -> LogProofs:
    try:
        return LogProofs(
            account=account,
            checkpoint=str(answer["checkpoint"]),
            proofs=tuple(
                (str(one["id"]), int(one["index"]), tuple(bytes.fromhex(h[2:]) for h in one["proof"]))
                for one in answer["proofs"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"{account} answered with malformed log proofs", account=account) from error

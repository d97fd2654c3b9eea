"""Proving: gather the public evidence of one receipt from all parties, and check evidence from anyone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from freehold.chain import deployments, proof
from freehold.chain.client import Chain
from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.errors import (
    Conflict,
    FreeholdError,
    InvalidInput,
    NoLineage,
    NotAllowed,
    NotFound,
    Unavailable,
    VerificationFailed,
)
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data.publishing import open_table
from freehold.features.proof.gathering import Gathering
from freehold.features.training.checks.replaying import replay, table_json
from freehold.features.training.rounds import records_of
from freehold.kernel import logbook
from freehold.kernel.evidence import state
from freehold.kernel.evidence.assemble import LogProofs, assemble
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.checks.documents import is_trained
from freehold.kernel.evidence.verify import NO_LINEAGE, Report, verify
from freehold.kernel.logbook import NotAnchored
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers

if TYPE_CHECKING:
    from freehold.kernel.host import Host

ATTEMPTS = 3
"""A log that is anchored while evidence is gathered makes its proofs stale; then all are asked again."""
MOST_COMPARED = 10_000
"""Models looked at for the weights of one without lineage."""
PROOF_SECONDS = 15.0
"""How long an owner may take to show its log; one that takes longer is away."""
MOST_AT_ONCE = 64
"""Owners asked at the same time."""


def check(
    bundle: Bundle, *, block_hash: str | None = None, chain: Chain | None = None, must_be_final: bool = True
) -> Report:
    """Verify evidence with this package's training rules."""
    return verify(
        bundle, replay=replay, trusted_block_hash=block_hash, chain=chain, must_be_final=must_be_final
    )


def give_evidence(host: Host, sender: str, body: dict[str, Any]) -> dict[str, Any]:
    """Evidence for the other side of a receipt.

    Raises:
        NotAllowed: the sender is not named in the receipt. NotAnchored: asking never makes this node pay.
    """
    receipt = host.node.receipt(str(body.get("receipt")))
    if sender not in (receipt.provider, receipt.holder):
        raise NotAllowed("evidence of a receipt goes to its two sides", hint="They may pass it on to anyone.")
    node, peers = host.node, host.peers
    _job(node, _sold(node, receipt), receipt)
    return host.part(Gathering).get(
        receipt.id, lambda: gather(node, peers, receipt.id, may_anchor=False).to_json()
    )


def evidence(host: Host, receipt_id: str) -> Bundle:
    """Evidence of a receipt, made here by its provider or fetched from it; checked either way.

    Raises:
        Unavailable: a party whose proofs are needed does not answer. VerificationFailed: it does not hold.
    """
    bundle, report = collected(host, receipt_id)
    require(report)
    return bundle


def collected(host: Host, receipt_id: str, *, may_anchor: bool = True) -> tuple[Bundle, Report]:
    """As `evidence`, with what the checks found instead of an error where one fails.

    `may_anchor` says whether this node may pay for anchoring its own log; the others decide for theirs.

    Raises:
        Unavailable. NotAnchored: it may not, but would have to.
    """
    node = host.node
    receipt = node.receipt(receipt_id)
    if receipt.action == "train":
        raise InvalidInput(
            "evidence starts from an inference receipt", hint="Choose a receipt of action infer."
        )
    if receipt.provider == node.account:
        bundle, report = _gathered(node, host.peers, _sold(node, receipt), receipt, may_anchor=may_anchor)
        return bundle, check(bundle, chain=node.chain, must_be_final=False) if report.ok else report
    host.countersigner.flush(receipt.provider)
    try:
        answer = host.peers.ask(receipt.provider, "/peer/evidence", {"receipt": receipt.id}, timeout=120)
    except Conflict as error:
        if error.fields.get("peer_code") != NotAnchored.code:
            raise
        seller = node.party_of(receipt.provider).name
        raise NotAnchored(
            f"the log of {seller} has entries that are not anchored yet", hint=error.hint
        ) from None
    bundle = Bundle.from_json(answer)
    # made a moment ago, of what logs and chain hold now
    return bundle, check(bundle, chain=node.chain, must_be_final=False)


def require(report: Report) -> None:
    """Raise for a report that is not ok.

    Raises:
        VerificationFailed: naming the first check that failed. NoLineage.
    """
    for item in report.checks:
        if not item.ok:
            raise VerificationFailed(f"{item.file} {item.detail}", check=item.name, file=item.file)
    if report.verdict == "no_lineage":
        raise NoLineage(NO_LINEAGE, hint="Ask its seller for the evidence of the run that made it.")


def give_model_evidence(host: Host, body: dict[str, Any]) -> dict[str, Any]:
    """Evidence of a model released here, for whoever thinks of buying its answers: as kept at its release.

    Raises:
        NotFound: no such model was released here.
    """
    asset = host.node.asset(str(body.get("model")))
    kept = host.node.store.state(f"model_evidence:{asset.id}")
    if kept is None:
        node, peers = host.node, host.peers
        _job(node, asset, None)
        kept = host.part(Gathering).get(asset.id, lambda: keep_evidence(node, peers, asset, may_anchor=False))
    found: dict[str, Any] = kept
    return found


def keep_evidence(node: Node, peers: Peers, asset: Asset, *, may_anchor: bool) -> dict[str, Any]:
    """Gather the evidence of a model while its owners are there, and keep it for those who ask.

    Raises:
        NotFound: the model was not released here. Unavailable, VerificationFailed.
    """
    bundle, report = _gathered(node, peers, asset, None, may_anchor=may_anchor)
    require(report)
    with node.store.transaction() as tx:
        tx.set(f"model_evidence:{asset.id}", bundle.to_json())
    return bundle.to_json()


def require_lineage(node: Node, peers: Peers, asset: Asset, *, without_lineage: bool = False) -> None:
    """Before a model is paid for the first time: its owners' split is what anybody computes, and its pool's.

    A model that names no run has no split to check: it is paid for only where the buyer said so, `without_lineage`.

    Raises:
        NoLineage, VerificationFailed: nothing is paid. Unavailable.
    """
    if not is_trained(asset):
        if not without_lineage:
            raise _no_lineage(node, asset)
        return
    if node.store.state(f"trusted:{asset.id}"):
        return
    answer = peers.ask(asset.owner, "/peer/model-evidence", {"model": asset.id}, timeout=120)
    bundle = Bundle.from_json(answer)
    report = check(bundle, chain=node.chain)
    require(report)
    if report.subject != asset.id:
        raise VerificationFailed(
            f"the evidence is about another model than {asset.name}", hint="Nothing was paid."
        )
    with node.store.transaction() as tx:
        tx.set(f"trusted:{asset.id}", {"block": report.block_hash, "at": node.now()})


def _no_lineage(node: Node, asset: Asset) -> NoLineage:
    """The refusal, naming models with a lineage that have the very same weights, where such are known here."""
    known = (envelope.document for envelope in node.store.find("asset", "model", limit=MOST_COMPARED))
    same = [
        one
        for one in known
        if isinstance(one, Asset) and is_trained(one) and one.content.commitment == asset.content.commitment
    ]
    said = f"; its weights are those of {same[0].name}, which has one" if same else ""
    return NoLineage(
        f"nothing shows where {asset.name} came from: it names no training run{said}. Nothing was paid",
        hint="Buy it without lineage only if you trust its seller: --without-lineage, or without_lineage.",
        model=asset.id,
        same_as=[one.id for one in same],
    )


def gather(node: Node, peers: Peers, receipt_id: str, *, may_anchor: bool) -> Bundle:
    """Collect documents, log proofs of every party, the training record and one chain proof.

    Raises:
        Unavailable, VerificationFailed.
    """
    receipt = node.receipt(receipt_id)
    bundle, report = _gathered(node, peers, _sold(node, receipt), receipt, may_anchor=may_anchor)
    require(report)
    return bundle


def _sold(node: Node, receipt: Receipt) -> Asset:
    return node.asset(node.grant(receipt.grant).asset)


def _gathered(
    node: Node, peers: Peers, asset: Asset, receipt: Receipt | None, *, may_anchor: bool
) -> tuple[Bundle, Report]:
    job = _job(node, asset, receipt)
    envelopes = _envelopes(node, receipt, asset, job)
    bundle, report = None, None
    away: set[str] = set()
    for _ in range(ATTEMPTS + len(job["grants"])):
        bundle = _assemble(node, peers, receipt, asset, job, envelopes, away, may_anchor=may_anchor)
        report = check(bundle)
        if report.ok:
            break
        # an owner whose log does not hold is left out as one that is away
        broken = next(item.file for item in report.checks if not item.ok)
        away |= {account for account in job["grants"] if broken == f"logs/{account}.json"}
    assert bundle is not None
    assert report is not None
    return bundle, report


def _job(node: Node, asset: Asset, receipt: Receipt | None) -> dict[str, Any]:
    """The job that trained a model, where evidence can be gathered at all: this is found out without asking anybody.

    Raises:
        NotFound, Unavailable.
    """
    if receipt is not None and not node.store.get(receipt.id).is_complete:
        raise Unavailable("the holder has not countersigned this receipt yet", hint="Try again in a moment.")
    job: dict[str, Any] | None = node.store.state(f"job:{node.store.state(f'run_of:{asset.id}')}")
    if job is None or "plan" not in job:
        raise NotFound("the model was not trained on this node, or by an earlier Freehold")
    return job


def _envelopes(node: Node, receipt: Receipt | None, asset: Asset, job: dict[str, Any]) -> dict[str, Envelope]:
    """Documents that stand in files of their own; those of rounds stand in the record of rounds."""
    store, run = node.store, str(job["run"])
    found = [store.get(asset.id)]
    if receipt is not None:
        found += [store.get(receipt.id), store.get(receipt.grant)]
    found += store.find("claim", "test_commitment", job["plan"]["test"]["commitment"])
    for kind in ("training_plan", "training_start", "test_opening", "contribution"):
        found += store.find("claim", kind, run)
    found += [store.get(agreement) for agreement in job["agreements"].values()]
    found += store.find("claim", "release", asset.id)
    for owner in job["plan"]["owners"]:
        if owner["account"] in job["grants"]:
            grant_id = job["grants"][owner["account"]]
            found += [store.get(owner["asset"]), store.get(grant_id)]
            found += store.find("claim", "revocation", grant_id)
    accounts = {account for item in found for account in item.document.signers().values()}
    found += [store.get(store.state(f"party:{account}")) for account in sorted(accounts)]
    return {item.document.id: item for item in found}


def _assemble(
    node: Node,
    peers: Peers,
    receipt: Receipt | None,
    asset: Asset,
    job: dict[str, Any],
    envelopes: dict[str, Envelope],
    away: set[str],
    *,
    may_anchor: bool,
) -> Bundle:
    envelopes = dict(envelopes)
    rounds = records_of(node, job["run"], 0, job["plan"]["recipe"]["rounds"] + 1)
    of_rounds = {
        item.document.id: item
        for one in rounds
        for item in map(parse_envelope, [one["claim"], *one["receipts"]])
    }
    every = envelopes | of_rounds
    logs = []
    needed = {node.account, job["plan"]["test"]["holder"]}
    for account, answer in _ask_all(node, peers, every, needed, may_anchor=may_anchor).items():
        if account in away - needed:
            continue
        try:
            shown, revocations = _log_proofs(account, answer), _revocations(node, account, answer)
        except FreeholdError:
            if account in needed:
                raise
            continue
        logs.append(shown)
        envelopes |= revocations
    unshown = set(job["grants"]) - {log.account for log in logs}
    envelopes = {key: item for key, item in envelopes.items() if not _is_revocation(item, unshown)}
    contracts = {name: node.contract(name) for name in deployments.names()}
    documents = [item.document for item in (every | envelopes).values()]
    pools = [state.pool_id(asset.owner, asset.id)]
    wanted = state.needed(documents, [log.account for log in logs], pools, node.chain_id, contracts)
    test, _ = open_table(node, job["id"])
    training = {
        "plan.json": job["plan"],
        "start.json": {"grants": dict(sorted(job["grants"].items()))},
        "rounds.json": rounds,
        "test.json": table_json(test),
    }
    return assemble(
        receipt or asset,
        envelopes=envelopes.values(),
        logs=logs,
        training=training,
        chain_proof=proof.capture(node.chain, wanted),
        chain_id=node.chain_id,
        contracts=contracts,
        key=node.keys.account_key,
        issued_at=node.now(),
    )


def _revocations(node: Node, account: str, answer: dict[str, Any]) -> dict[str, Envelope]:
    """Revocations by one party, as its node shows them."""
    found = {}
    values = answer.get("revocations", [])
    for value in values if isinstance(values, list) else [None]:
        claim = parse_envelope(value)
        if not isinstance(claim.document, Claim) or (claim.document.claim_kind, claim.document.issuer) != (
            "revocation",
            account,
        ):
            raise Unavailable(f"{account} shows revocations that are none of its own", account=account)
        node.check(claim)
        found[claim.document.id] = claim
    return found


def _is_revocation(envelope: Envelope, by: set[str]) -> bool:
    claim = envelope.document
    return isinstance(claim, Claim) and claim.claim_kind == "revocation" and claim.issuer in by


def _ask_all(
    node: Node, peers: Peers, envelopes: dict[str, Envelope], needed: set[str], *, may_anchor: bool
) -> dict[str, dict[str, Any]]:
    """Each party's log proofs, asked for at once.

    An owner that is away is left out: its grant and receipts stand in this node's log too.
    """

    def ask(account: str) -> dict[str, Any] | None:
        ids = _logged_by(account, envelopes)
        if account == node.account:
            return logbook.proofs(node, ids, may_anchor=may_anchor)
        try:
            return _ask_proofs(node, peers, account, ids)
        except FreeholdError:
            if account in needed:
                raise
            return None

    # its own first: where that is not anchored, nobody is asked
    answers: dict[str, dict[str, Any] | None] = {node.account: ask(node.account)}
    accounts = sorted(_provers(envelopes) - {node.account})
    if accounts:
        with ThreadPoolExecutor(max_workers=min(len(accounts), MOST_AT_ONCE)) as pool:
            answers |= zip(accounts, pool.map(ask, accounts), strict=True)
    return {account: answer for account, answer in answers.items() if answer is not None}


def _provers(envelopes: dict[str, Envelope]) -> set[str]:
    """Whose logs are shown: everyone who issued, but not the buyer, whose log says nothing new."""
    return {
        next(iter(item.document.signers().values()))
        for item in envelopes.values()
        if isinstance(item.document, Claim | Grant | Receipt)
    }


def _logged_by(account: str, envelopes: dict[str, Envelope]) -> list[str]:
    ids = []
    for item in envelopes.values():
        document = item.document
        if isinstance(document, Receipt):
            mine = account in (document.provider, document.holder)
        else:
            mine = isinstance(document, Claim | Grant) and next(iter(document.signers().values())) == account
            # the holder's log holds it too, where its issuer shows none
            mine = mine or (isinstance(document, Grant) and document.holder == account)
        if mine:
            ids.append(document.id)
    return ids


def _ask_proofs(node: Node, peers: Peers, account: str, ids: list[str]) -> dict[str, Any]:
    receipts = []
    for envelope in map(node.store.get, ids):
        receipt = envelope.document
        if isinstance(receipt, Receipt) and receipt.provider == account and envelope.is_complete:
            receipts.append(envelope.to_json())
    deadline = time.monotonic() + PROOF_SECONDS
    peers.ask(account, "/peer/countersign", {"receipts": receipts}, timeout=PROOF_SECONDS)
    left = max(deadline - time.monotonic(), 0.0)
    answer: dict[str, Any] = peers.ask(account, "/peer/proofs", {"ids": ids}, timeout=left)
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

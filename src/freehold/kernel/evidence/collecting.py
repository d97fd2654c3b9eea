"""Gathering the evidence of a thing from everybody who took part: their logs, one chain proof, one signed manifest."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from freehold.chain import deployments, proof
from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.errors import FreeholdError, NotFound, Unavailable
from freehold.core.signing import Envelope, parse_envelope
from freehold.core.texts import said
from freehold.kernel import logbook
from freehold.kernel.evidence import state
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import LogProofs, assemble
from freehold.kernel.evidence.parts import Collected
from freehold.kernel.evidence.reading import Evidence, log_path, path_of
from freehold.kernel.evidence.verify import STEPS, Check, Report, look, verify
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.registry import everything

ATTEMPTS = 3
"""A log that is anchored while evidence is gathered makes its proofs stale; those that are needed are asked again."""
PROOF_SECONDS = 15.0
"""How long an owner may take to show its log; one that takes longer is away."""
AGAIN_SECONDS = 5.0
"""How long one may take that is asked once more: it has shown its log a moment ago."""
MOST_AT_ONCE = 64
"""Owners asked at the same time."""


def require_possible(node: Node, asset: Asset, receipt: Receipt | None) -> Callable[[], Collected]:
    """What collects this node's part of it, where there can be evidence at all: nobody is asked to find out.

    Raises `NotFound`, `Unavailable`.
    """
    if receipt is not None and not node.store.get(receipt.id).is_complete:
        raise Unavailable(
            said("the holder has not countersigned this receipt yet"),
            hint=said(
                "A node or freehold.Buyer does so by itself; who paid by another program never does. Take another receipt."
            ),
        )
    for evidence_of in everything().every("evidence"):
        collect: Callable[[], Collected] | None = evidence_of(node, asset)
        if collect is not None:
            return collect
    raise NotFound(said("the model was not trained on this node, or by an earlier Freehold"))


def gathered(
    node: Node, peers: Peers, asset: Asset, receipt: Receipt | None, *, may_anchor: bool
) -> tuple[Bundle, Report]:
    """Evidence of a thing, or of one use of it, and what its checks say.

    Raises `NotFound`, `Unavailable`. `NotAnchored`: this node's log is not, and it may not pay for that.
    """
    collected = require_possible(node, asset, receipt)()
    envelopes = _envelopes(node, receipt, asset, collected)
    every, needed = envelopes | dict(collected.shown), {node.account, *collected.needed}

    def ask(accounts: set[str], seconds: float = PROOF_SECONDS) -> dict[str, dict[str, Any]]:
        return _ask_all(node, peers, every, accounts, needed, seconds, may_anchor=may_anchor)

    answers = ask(_provers(every))
    for left in reversed(range(ATTEMPTS)):
        bundle = _assemble(node, receipt or asset, collected, envelopes, answers, needed)
        report = verify(bundle)
        if report.ok or not left:
            break
        # an owner whose log or revocation does not hold is left out as one that is away
        if broken := _broken(bundle, collected, collected.others - needed):
            answers = {account: answer for account, answer in answers.items() if account not in broken}
            # but one may have anchored while others kept this node waiting: that is asked once more
            behind = {account for account, step in broken.items() if step == "logs.anchors"}
            if behind and left == ATTEMPTS - 1:
                answers |= ask(behind, AGAIN_SECONDS)
        else:
            answers |= ask(needed & set(answers))
    return bundle, report


_LOOKED_AT = {"manifest", "documents", "chain", "logs", "revocation", "times"}
"""Groups of steps in which a log or a revocation breaks."""


def _broken(bundle: Bundle, collected: Collected, among: Collection[str]) -> dict[str, str]:
    """All of these whose log or revocation does not hold, with the step that each breaks.

    Each that is found is put aside, and the others looked at.
    """
    evidence, found = Evidence(bundle), dict[str, str]()
    for name, step in STEPS:
        while name.split(".", maxsplit=1)[0] in _LOOKED_AT and not (check := look(name, step, evidence)).ok:
            blamed = _blamed(evidence, check, collected).intersection(among) - found.keys()
            if not blamed:
                return found
            found |= dict.fromkeys(blamed, name)
            _put_aside(evidence, blamed)
    return found


def _put_aside(evidence: Evidence, accounts: Collection[str]) -> None:
    evidence.bundle = Bundle(
        {path: data for path, data in evidence.bundle.files.items() if path not in map(log_path, accounts)}
    )
    for account in accounts:
        evidence.heads.pop(account, None)
        evidence.logs.pop(account, None)
    shown = evidence.documents
    evidence.documents = {key: one for key, one in shown.items() if not _revokes(one, accounts)}


def _blamed(evidence: Evidence, broken: Check, collected: Collected) -> set[str]:
    """Whose log or revocation breaks a step; nobody's where it is something that all have signed."""
    if found := re.fullmatch(r"logs/(0x[0-9a-f]{40})\.json", broken.file):
        return {found[1]}
    receipts = [one.document for one in collected.shown.values() if isinstance(one.document, Receipt)]
    if broken.name == "logs.order":
        return {one.provider for one in receipts if _is_before_its_grant(evidence, one)}
    return {
        claim.issuer
        for claim in (one.document for one in evidence.documents.values())
        if isinstance(claim, Claim)
        and claim.claim_kind == "revocation"
        and (
            broken.file in (path_of(claim), f"documents/{claim.about}.json")
            or (
                broken.name == "times.revocation"
                and any(one.grant == claim.about and one.issued_at > claim.issued_at for one in receipts)
            )
        )
    }


def _is_before_its_grant(evidence: Evidence, receipt: Receipt) -> bool:
    places = evidence.logs.get(receipt.provider, {})
    return places.get(receipt.grant, -1) > places.get(receipt.id, -1)


def _envelopes(
    node: Node, receipt: Receipt | None, asset: Asset, collected: Collected
) -> dict[str, Envelope]:
    """Documents that stand in files of their own, with the parties of all who signed."""
    store = node.store
    names = [asset.id] if receipt is None else [asset.id, receipt.id, receipt.grant]
    found = {name: store.get(name) for name in names} | dict(collected.envelopes)
    every = (found | dict(collected.shown)).values()
    accounts = {account for item in every for account in item.document.signers().values()}
    parties = [store.get(node.party_of(account).id) for account in sorted(accounts)]
    return found | {item.document.id: item for item in parties}


def _assemble(
    node: Node,
    subject: Receipt | Asset,
    collected: Collected,
    envelopes: Mapping[str, Envelope],
    answers: Mapping[str, dict[str, Any]],
    needed: set[str],
) -> Bundle:
    envelopes = dict(envelopes)
    every = envelopes | dict(collected.shown)
    logs = []
    for account, answer in answers.items():
        try:
            shown, revocations = _log_proofs(account, answer), _revocations(node, account, answer, every)
        except FreeholdError:
            if account in needed:
                raise
            continue
        logs.append(shown)
        envelopes |= revocations
    unshown = collected.others - {log.account for log in logs}
    envelopes = {key: item for key, item in envelopes.items() if not _revokes(item, unshown)}
    contracts = {name: node.contract(name) for name in deployments.names()}
    documents = [item.document for item in (every | envelopes).values()]
    wanted = state.needed(documents, [log.account for log in logs], collected.pools, node.chain_id, contracts)
    return assemble(
        subject,
        envelopes=envelopes.values(),
        logs=logs,
        files=collected.files,
        chain_proof=proof.capture(node.chain, wanted),
        chain_id=node.chain_id,
        contracts=contracts,
        key=node.keys.account_key,
        issued_at=node.now(),
        critical=collected.critical,
    )


def _revocations(
    node: Node, account: str, answer: dict[str, Any], every: Mapping[str, Envelope]
) -> dict[str, Envelope]:
    """Revocations by one party of its own grants in the evidence, as its node shows them."""
    found = {}
    documents = (item.document for item in every.values())
    own = {one.id for one in documents if isinstance(one, Grant) and one.issuer == account}
    values = answer.get("revocations", [])
    for value in values if isinstance(values, list) else [None]:
        claim = parse_envelope(value)
        said = claim.document
        if (
            not isinstance(said, Claim)
            or (said.claim_kind, said.issuer) != ("revocation", account)
            or said.about not in own
        ):
            raise Unavailable(f"{account} shows revocations that are none of its own", account=account)
        node.check(claim)
        found[said.id] = claim
    return found


def _revokes(envelope: Envelope, by: Collection[str]) -> bool:
    claim = envelope.document
    return isinstance(claim, Claim) and claim.claim_kind == "revocation" and claim.issuer in by


def _ask_all(
    node: Node,
    peers: Peers,
    envelopes: dict[str, Envelope],
    accounts: set[str],
    needed: set[str],
    seconds: float,
    *,
    may_anchor: bool,
) -> dict[str, dict[str, Any]]:
    """Log proofs of each of these parties, asked for at once.

    An owner that is away is left out: its grant and receipts stand in this node's log too.
    """

    def ask(account: str) -> dict[str, Any] | None:
        ids = _logged_by(account, envelopes)
        if account == node.account:
            return logbook.proofs(node, ids, may_anchor=may_anchor)
        try:
            return _ask_proofs(node, peers, account, ids, seconds)
        except FreeholdError:
            if account in needed:
                raise
            return None

    # its own first: where that is not anchored, nobody is asked
    answers: dict[str, dict[str, Any] | None] = {node.account: ask(node.account)}
    others = sorted(accounts - {node.account})
    if others:
        with ThreadPoolExecutor(max_workers=min(len(others), MOST_AT_ONCE)) as pool:
            answers |= zip(others, pool.map(ask, others), strict=True)
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


def _ask_proofs(node: Node, peers: Peers, account: str, ids: list[str], seconds: float) -> dict[str, Any]:
    receipts = []
    for envelope in map(node.store.get, ids):
        receipt = envelope.document
        if isinstance(receipt, Receipt) and receipt.provider == account and envelope.is_complete:
            receipts.append(envelope.to_json())
    deadline = time.monotonic() + seconds
    peers.ask(account, "/peer/countersign", {"receipts": receipts}, timeout=seconds)
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

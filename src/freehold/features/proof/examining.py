"""Examining one receipt: its own copy, signatures, grant, place in the log and anchor, then all its evidence.

Nothing is repaired, nothing is paid for: what would need an anchor stays open and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from freehold.core.documents import Asset, Grant, Receipt
from freehold.core.errors import FreeholdError, Unavailable
from freehold.core.signing import Envelope
from freehold.core.texts import said
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import log_entry
from freehold.kernel.evidence.verify import NO_LINEAGE, Report, verify
from freehold.kernel.logbook import NotAnchored
from freehold.kernel.node import Node
from freehold.kernel.rights.check import require_issued_within, require_receipt_fits
from freehold.kernel.web.words import problem
from freehold.log import tree

if TYPE_CHECKING:
    from freehold.kernel.host import Host

D = TypeVar("D", Grant, Asset)
Outcome = Literal["good", "bad", "open"]
GATHERED = "evidence.gathered"


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    name: str
    """Group and step, such as `receipt.stored`."""
    outcome: Outcome
    """open: it could not be looked at yet."""
    detail: str
    """A plain sentence."""
    file: str = ""
    """The evidence file that broke it."""


class _Fails(Exception):
    """A check does not hold, or is open."""

    def __init__(self, detail: str, outcome: Outcome = "bad") -> None:
        super().__init__(detail)
        self.detail, self.outcome = detail, outcome


def examine(host: Host, receipt_id: str, tell: Callable[[Finding], None]) -> Bundle | None:
    """Run every check, telling each as it is done. Returns the evidence where a receipt has some.

    A receipt of training is checked against this node's log and the chain; an answer's receipt is also
    followed back to the training data. A FreeholdError of gathering becomes a finding.
    """
    local = list(_own_checks(host.node, receipt_id, tell))
    if any(finding.outcome == "bad" for finding in local):
        return None
    if host.node.receipt(receipt_id).action == "train":
        return None
    if any(finding.outcome == "open" for finding in local):
        tell(Finding(GATHERED, "open", said("the rest is checked once the receipt is signed and anchored")))
        return None
    try:
        bundle, report = proving.collected(host, receipt_id)
    except FreeholdError as error:
        tell(Finding(GATHERED, "open" if isinstance(error, NotAnchored) else "bad", problem(error)))
        return None
    tell(Finding(GATHERED, "good", said("{n} files from everybody who took part", n=len(bundle.files))))
    _tell_all(report, tell)
    return bundle


def examine_model(host: Host, model_id: str, tell: Callable[[Finding], None]) -> Bundle | None:
    """As `examine`, of a model: its evidence is what its owner gives whoever thinks of buying its answers."""
    node, asset = host.node, host.node.asset(model_id)
    try:
        if asset.owner == node.account:
            given = proving.give_model_evidence(host, {"model": asset.id})
        else:
            given = host.peers.ask(asset.owner, "/peer/model-evidence", {"model": asset.id}, timeout=120)
        bundle = Bundle.from_json(given)
    except FreeholdError as error:
        tell(
            Finding(
                GATHERED, "open" if isinstance(error, NotAnchored | Unavailable) else "bad", problem(error)
            )
        )
        return None
    tell(Finding(GATHERED, "good", said("{n} files from its owner", n=len(bundle.files))))
    report = verify(bundle, chain=node.chain, must_be_final=False)
    _tell_all(report, tell)
    if report.subject not in ("", asset.id):
        tell(Finding("documents.subject", "bad", said("the evidence is about another model")))
    return bundle


def _tell_all(report: Report, tell: Callable[[Finding], None]) -> None:
    for check in report.checks:
        outcome: Outcome = "good" if check.ok else "open" if check.is_newer else "bad"
        tell(Finding(check.name, outcome, check.detail, check.file))
    if report.verdict == "no_lineage":
        tell(Finding("model.lineage", "bad", NO_LINEAGE))


def _own_checks(node: Node, receipt_id: str, tell: Callable[[Finding], None]) -> Iterator[Finding]:
    known: dict[str, Envelope] = {}
    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("receipt.stored", lambda: _stored(node, receipt_id, known)),
        ("receipt.signed", lambda: _signed(node, known["receipt"])),
        ("receipt.parties", lambda: _parties(node, known["receipt"])),
        ("receipt.grant", lambda: _grant(node, known["receipt"])),
        ("log.entry", lambda: _entry(node, known["receipt"])),
        ("log.inclusion", lambda: _inclusion(node, known["receipt"])),
        ("log.anchored", lambda: _anchored(node, known["receipt"])),
    )
    for name, step in steps:
        try:
            detail = step()
            if not detail:
                continue
            finding = Finding(name, "good", detail)
        except _Fails as failed:
            finding = Finding(name, failed.outcome, failed.detail)
        except FreeholdError as error:
            finding = Finding(name, "bad", error.message)
        tell(finding)
        yield finding
        if name == "receipt.stored" and finding.outcome == "bad":
            return


def _stored(node: Node, receipt_id: str, known: dict[str, Envelope]) -> str:
    try:
        envelope = node.store.get(receipt_id)
    except FreeholdError as error:
        raise _Fails(
            said("the copy in this node's database cannot be read: {message}", message=error.message)
        ) from error
    if envelope.document.id != receipt_id or not isinstance(envelope.document, Receipt):
        raise _Fails(
            said("the copy in this node's database is not the receipt that was logged: it was altered")
        )
    known["receipt"] = envelope
    return said("the copy in this node's database is, to the last byte, the one that was logged")


def _signed(node: Node, envelope: Envelope) -> str:
    node.check(envelope, partial=True)
    if not envelope.is_complete:
        raise _Fails(said("the other side has not signed yet; it will when it asks next"), "open")
    return said("both sides signed it, and both signatures are genuine")


def _parties(node: Node, envelope: Envelope) -> str:
    names = []
    for account in envelope.document.signers().values():
        party = node.store.get(node.party_of(account).id)
        _require_same(party, node.party_of(account).id)
        names.append(node.check_party(party).name)
    return said(
        "they are {names}, by documents they signed about themselves",
        names=list(dict.fromkeys(names)),
    )


def _grant(node: Node, envelope: Envelope) -> str:
    receipt = envelope.document
    assert isinstance(receipt, Receipt)
    grant = _checked(node, receipt.grant, Grant)
    asset = _checked(node, grant.asset, Asset)
    require_issued_within(grant, asset)
    require_receipt_fits(receipt, grant)
    return said(
        "the use is covered by a grant that {name} signed, within the published terms",
        name=node.party_of(grant.issuer).name,
    )


def _checked(node: Node, document_id: str, kind: type[D]) -> D:
    envelope = node.store.get(document_id)
    _require_same(envelope, document_id)
    node.check(envelope)
    return node.typed(document_id, kind)


def _require_same(envelope: Envelope, document_id: str) -> None:
    if envelope.document.id != document_id:
        raise _Fails(said("the stored copy of {document_id} was altered", document_id=document_id[:10]))


def _entry(node: Node, envelope: Envelope) -> str:
    position = _position(node, envelope)
    with node.store.log() as log:
        entry = log.entry(position)
    if entry != log_entry(envelope.document.id, "receipt"):
        raise _Fails(said("entry {position} of your log is about something else", position=position + 1))
    return said("it is entry {position} of your log", position=position + 1)


def _position(node: Node, envelope: Envelope) -> int:
    position = node.store.position(envelope.document.id)
    if position is None:
        raise _Fails(said("it is not in your log"))
    return position


def _inclusion(node: Node, envelope: Envelope) -> str:
    position = _position(node, envelope)
    data = log_entry(envelope.document.id, "receipt")
    with node.store.log() as log:
        size = log.size()
        root, path = log.root(size), log.inclusion_proof(position, size)
    tree.verify_inclusion(tree.leaf_hash(data), position, size, path, root)
    return said("{n} hashes lead from it to the fingerprint of all {size} entries", n=len(path), size=size)


def _anchored(node: Node, envelope: Envelope) -> str:
    """What the chain holds of this log; empty where the receipt does not need it."""
    receipt, position = envelope.document, _position(node, envelope)
    assert isinstance(receipt, Receipt)
    head, size, _ = node.chain.read("LogAnchors", "headOf", node.account)
    if position >= size and receipt.action == "infer" and receipt.holder == node.account != receipt.provider:
        # an answer is proven by its seller's log, which is among the evidence
        return ""
    if position >= size:
        raise _Fails(said("your log was not anchored since, so others cannot check its place yet"), "open")
    with node.store.log() as log:
        root = log.root(int(size))
    if root != bytes(head):
        raise _Fails(
            said("the fingerprint of {size} entries on the chain is not that of your log", size=size)
        )
    return said(
        "the chain holds the fingerprint of the first {size} entries, and it is that of your log", size=size
    )

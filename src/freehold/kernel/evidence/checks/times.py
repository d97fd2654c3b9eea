"""Do the times that were signed agree with one another, with the order of the logs and with the chain?

A signer's clock is taken at its word, but for `CLOCK_TOLERANCE_SECONDS`: nobody can show when it signed, only
that it was before its log was anchored, and after whatever the document names.
"""

from __future__ import annotations

from collections.abc import Iterator

from freehold.core.documents import Asset, Claim, Document, Grant, Party, Receipt
from freehold.core.texts import said
from freehold.kernel.evidence.reading import Broken, Evidence
from freehold.kernel.evidence.state import anchor_slots, purchase_slot
from freehold.kernel.rights.check import is_priced
from freehold.kernel.words import claim_kinds

CLOCK_TOLERANCE_SECONDS = 600
"""How far two clocks, one of them perhaps the chain's, may be apart."""
LOGGING_SECONDS = 60
"""How long what is signed may wait to be logged, where both times are of one clock."""


def of(document: Document) -> int:
    """When its signer says that it was made."""
    return int(document.body["created_at" if isinstance(document, Asset | Party) else "issued_at"])


def anchored(evidence: Evidence) -> str:
    """Nothing is dated after the block, or after the anchor of the log that holds it."""
    latest = {
        account: evidence.word("LogAnchors", anchor_slots(account)[1]) >> 64 for account in evidence.logs
    }
    for document in evidence.known():
        place = evidence.file
        logs = [account for account, shown in evidence.logs.items() if document.id in shown]
        limit = min([evidence.block_time, *(latest[account] for account in logs)])
        if of(document) > limit + CLOCK_TOLERANCE_SECONDS:
            raise Broken(place, said("is dated after the block or the anchor that shows it"))
    return said("nothing is dated after what shows it")


def order(evidence: Evidence) -> str:
    """Nobody dates back: not before what stands earlier in its log, nor before what the document names."""
    for account, shown in evidence.logs.items():
        newest = 0
        for document_id in sorted(shown, key=shown.__getitem__):
            document = evidence.documents[document_id].document
            if document_id in evidence.unknown or next(iter(document.signers().values())) != account:
                # of an unknown kind, or somebody else's, which may have arrived late
                continue
            if of(document) + CLOCK_TOLERANCE_SECONDS < newest:
                raise Broken(evidence.place(document), said("is dated before what its log holds earlier"))
            newest = max(newest, of(document))
    for document in evidence.known():
        if isinstance(document, Grant) and is_priced(document):
            bought = _bought_at(evidence, document)
            if bought and of(document) > bought + CLOCK_TOLERANCE_SECONDS:
                raise Broken(evidence.file, said("is dated after its purchase on chain"))
        if any(of(document) + CLOCK_TOLERANCE_SECONDS < time for time in _before(evidence, document)):
            raise Broken(evidence.file, said("is dated before what it names"))
    return said(
        "signed times agree with the logs, but for {seconds} seconds for clocks",
        seconds=CLOCK_TOLERANCE_SECONDS,
    )


def revoked(evidence: Evidence) -> str:
    """No use is dated after the earliest revocation of its grant that is shown, wherever both stand in logs.

    A log proves where an entry stands, not that it stands nowhere before: who logs one claim twice could show the
    second entry, and the time in the claim is that of the first. A first claim that is kept back is not seen.
    """
    since: dict[tuple[str, str], int] = {}
    for claim in evidence.of_type(Claim):
        if claim.claim_kind == "revocation":
            # of its issuer's own grant; nobody takes back what another granted
            key = claim.issuer, claim.about
            since[key] = min(claim.issued_at, since.get(key, claim.issued_at))
    for receipt in evidence.of_type(Receipt):
        issuer = evidence.get(receipt.grant, Grant, receipt).issuer
        if receipt.issued_at > since.get((issuer, receipt.grant), receipt.issued_at) + LOGGING_SECONDS:
            raise Broken(evidence.file, said("is dated after the revocation of its grant"))
    return said("no use is dated after a revocation")


def _before(evidence: Evidence, document: Document) -> Iterator[int]:
    """Times of what must have been there when a document was signed."""
    named: list[str] = []
    if isinstance(document, Asset):
        named = [source.asset for source in document.derived_from]
    elif isinstance(document, Grant):
        named = [document.asset]
    elif isinstance(document, Receipt):
        named = [document.grant, *document.inputs]
        grant = evidence.get(document.grant, Grant, document)
        if is_priced(grant):
            yield _bought_at(evidence, grant)
    elif isinstance(document, Claim):
        named = [document.about, *_stated(document)]
    for name in named:
        # what one of an unknown kind means by its date, this program does not know
        if name in evidence.documents and name not in evidence.unknown:
            yield of(evidence.documents[name].document)


def _bought_at(evidence: Evidence, grant: Grant) -> int:
    statement = evidence.manifest.statement
    return evidence.word("Market", purchase_slot(grant, statement.chain_id, statement.contracts["Market"]))


def _stated(claim: Claim) -> list[str]:
    """Documents that a claim goes back to, an agreement or a release."""
    found = (claim.statement.get(name) for name in claim_kinds()[claim.claim_kind].names)
    return [str(one) for said in found for one in (said if isinstance(said, list) else [said])]

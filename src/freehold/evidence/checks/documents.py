"""Is each document what its name says, and signed by everyone who had to?"""

from __future__ import annotations

from freehold.core.documents import Party, Receipt, Terms
from freehold.core.errors import FreeholdError
from freehold.core.signing import check, parse_envelope, public_account
from freehold.evidence.manifest import PATH
from freehold.evidence.reading import Broken, Evidence, path_of


def ids(evidence: Evidence) -> str:
    """Each file in documents/ holds one well-formed document whose hash is its name."""
    for path in sorted(evidence.bundle.files):
        if not path.startswith("documents/"):
            continue
        value = evidence.json(path)
        try:
            envelope = parse_envelope(value)
        except FreeholdError as error:
            raise Broken(path, error.message) from error
        if path != path_of(envelope.document) or isinstance(envelope.document, Terms):
            raise Broken(path, "does not hold the document that its name says")
        evidence.documents[envelope.document.id] = envelope
    return f"{len(evidence.documents)} documents, each under its own hash"


def parties(evidence: Evidence) -> str:
    """One party an account, on the manifest's chain, whose public key belongs to the account."""
    for party in evidence.of_type(Party):
        if public_account(bytes.fromhex(party.account_key[2:])) != party.account:
            raise Broken(path_of(party), "has a public key that does not belong to its account")
        if party.chain_id != evidence.manifest.statement.chain_id:
            raise Broken(path_of(party), "is a party on another chain")
        if party.account in evidence.parties:
            raise Broken(path_of(party), "is a second party document of one account")
        evidence.parties[party.account] = party
    return f"{len(evidence.parties)} parties with their keys"


def signatures(evidence: Evidence) -> str:
    """Every role of every document has signed, by a party that is here."""
    count = 0
    for envelope in evidence.documents.values():
        evidence.file = path_of(envelope.document)
        try:
            check(envelope, evidence.manifest.domain())
        except FreeholdError as error:
            raise Broken(evidence.file, error.message) from error
        for signature in envelope.signatures:
            if signature.signer not in evidence.parties:
                raise Broken(
                    evidence.file, f"is signed by {signature.signer}, whose party document is missing"
                )
        count += len(envelope.signatures)
    return f"{count} signatures, none missing"


def subject(evidence: Evidence) -> str:
    """The manifest is about a receipt that is here, and signed by one of its two sides."""
    manifest = evidence.manifest
    envelope = evidence.documents.get(manifest.about)
    evidence.file = PATH
    if envelope is None or not isinstance(envelope.document, Receipt):
        raise Broken(PATH, "is about a receipt that is not here")
    evidence.receipt = envelope.document
    if manifest.issuer not in {evidence.receipt.provider, evidence.receipt.holder}:
        raise Broken(PATH, "is signed by neither the provider nor the holder of the receipt")
    return f"receipt {manifest.about[:10]}, shown by its {_side(evidence)}"


def _side(evidence: Evidence) -> str:
    return "provider" if evidence.manifest.issuer == evidence.receipt.provider else "holder"

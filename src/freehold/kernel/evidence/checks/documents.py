"""Is each document what its name says, and signed by everyone who had to?"""

from __future__ import annotations

from freehold.core.documents import VERSION, Asset, Grant, Party, Receipt, Terms, later_version
from freehold.core.signing import check, parse_envelope, public_account
from freehold.kernel.evidence.checks.manifest import plain_words
from freehold.kernel.evidence.manifest import PATH
from freehold.kernel.evidence.parts import parts
from freehold.kernel.evidence.reading import Broken, Evidence, Newer, blaming, path_of


def ids(evidence: Evidence) -> str:
    """Each file in documents/ holds one well-formed document whose hash is its name; rounds hold the others."""
    _require_readable(evidence)
    for path in sorted(evidence.bundle.files):
        if not path.startswith("documents/"):
            continue
        with blaming(path):
            found = parse_envelope(evidence.json(path))
        if path != path_of(found.document) or isinstance(found.document, Terms):
            raise Broken(path, "does not hold the document that its name says")
        evidence.add(found, path)
    alone = len(evidence.documents)
    for part in parts():
        for path, read in part.read.items():
            if path in evidence.bundle.files:
                read(evidence, evidence.json(path))
    return f"{alone} documents, each under its own hash, and {len(evidence.documents) - alone} in rounds"


def _require_readable(evidence: Evidence) -> None:
    """No document, wherever it stands, is of a later version: before anything else about any of them is said."""
    inside = {path: find for part in parts() for path, find in part.envelopes.items()}
    for path in sorted(evidence.bundle.files):
        if path.startswith("documents/") or path in inside:
            value = evidence.json(path)
            for shown in inside[path](value) if path in inside else [value]:
                version = later_version(shown.get("document") if isinstance(shown, dict) else None)
                if version:
                    raise Newer(path, f"is of version {version}, and this program reads version {VERSION}")


def parties(evidence: Evidence) -> str:
    """One party an account, on the manifest's chain, whose public key belongs to the account."""
    for party in evidence.of_type(Party):
        if public_account(bytes.fromhex(party.account_key[2:])) != party.account:
            raise Broken(evidence.place(party), "has a public key that does not belong to its account")
        if party.chain_id != evidence.manifest.statement.chain_id:
            raise Broken(evidence.place(party), "is a party on another chain")
        if party.account in evidence.parties:
            raise Broken(evidence.place(party), "is a second party document of one account")
        evidence.parties[party.account] = party
    return f"{len(evidence.parties)} parties with their keys"


def signatures(evidence: Evidence) -> str:
    """Every role of every document has signed, by a party that is here."""
    count = 0
    for envelope in evidence.documents.values():
        evidence.file = evidence.place(envelope.document)
        with blaming(evidence.file):
            check(envelope, evidence.manifest.domain())
        for signature in envelope.signatures:
            if signature.signer not in evidence.parties:
                raise Broken(
                    evidence.file, f"is signed by {signature.signer}, whose party document is missing"
                )
        count += len(envelope.signatures)
    return f"{count} signatures, none missing"


def subject(evidence: Evidence) -> str:
    """The manifest is about a receipt or a trained model that is here, and signed by who may show it."""
    manifest = evidence.manifest
    envelope = evidence.documents.get(manifest.about)
    evidence.file = PATH
    document = None if envelope is None else envelope.document
    if isinstance(document, Asset) and document.asset_kind != "model" and document.id not in evidence.unknown:
        raise Broken(PATH, "is about an asset that is no model")
    if not isinstance(document, Receipt | Asset):
        raise Broken(PATH, "is about a receipt or model that is not here")
    if manifest.issuer not in document.signers().values():
        raise Broken(PATH, "is signed by nobody who may show its subject")
    evidence.subject = document
    for name in (document.id, _used(evidence, document)):
        if name in evidence.unknown:
            unknown = evidence.unknown[name]
            raise Newer(evidence.places[name], f"is of a kind that this program does not know: {unknown}")
    return (
        f"{'model' if isinstance(document, Asset) else 'receipt'} {document.id[:10]}, shown by one of its own"
    )


def _used(evidence: Evidence, subject: Receipt | Asset) -> str:
    """Id of the asset that it is about, where that is named."""
    if isinstance(subject, Asset):
        return subject.id
    grant = evidence.documents.get(subject.grant)
    return grant.document.asset if grant is not None and isinstance(grant.document, Grant) else ""


def left_out(evidence: Evidence) -> str:
    """Documents of which nothing is said: what they mean, this program does not know."""
    kinds = plain_words(sorted(set(evidence.unknown.values())))
    return f"{len(evidence.unknown)} documents are of kinds unknown to this program and count for nothing: {kinds}"

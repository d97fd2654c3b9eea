"""Is each document what its name says, and signed by everyone who had to?"""

from __future__ import annotations

from typing import Any, TypeVar

from freehold.core.documents import Asset, Claim, Document, Party, Receipt, Terms
from freehold.core.errors import FreeholdError
from freehold.core.signing import Envelope, check, parse_envelope, public_account
from freehold.kernel.evidence.manifest import PATH
from freehold.kernel.evidence.reading import Broken, Evidence, RoundShown, path_of

ROUNDS = "training/rounds.json"
D = TypeVar("D", bound=Document)
MAX_ROUNDS = 201
MAX_RECEIPTS = 1_000
"""In one round."""


def ids(evidence: Evidence) -> str:
    """Each file in documents/ holds one well-formed document whose hash is its name; rounds hold the others."""
    for path in sorted(evidence.bundle.files):
        if not path.startswith("documents/"):
            continue
        envelope = _envelope(path, evidence.json(path))
        if path != path_of(envelope.document) or isinstance(envelope.document, Terms):
            raise Broken(path, "does not hold the document that its name says")
        evidence.add(envelope, path)
    alone = len(evidence.documents)
    if ROUNDS in evidence.bundle.files:
        _read_rounds(evidence, evidence.json(ROUNDS))
    return f"{alone} documents, each under its own hash, and {len(evidence.documents) - alone} in rounds"


def _read_rounds(evidence: Evidence, value: Any) -> None:
    if not isinstance(value, list) or len(value) > MAX_ROUNDS:
        raise Broken(ROUNDS, f"is no list of at most {MAX_ROUNDS} rounds")
    for item in value:
        if not isinstance(item, dict) or set(item) != {"claim", "receipts", "revealed"}:
            raise Broken(ROUNDS, "holds a round that is not a claim, receipts and what was revealed")
        if not isinstance(item["receipts"], list) or len(item["receipts"]) > MAX_RECEIPTS:
            raise Broken(ROUNDS, f"holds a round without a list of at most {MAX_RECEIPTS} receipts")
        claim = _kept(evidence, item["claim"], Claim)
        receipts = tuple(_kept(evidence, value, Receipt) for value in item["receipts"])
        evidence.rounds.append(RoundShown(claim, receipts, item["revealed"]))


def _kept(evidence: Evidence, value: Any, kind: type[D]) -> D:
    envelope = _envelope(ROUNDS, value)
    if not isinstance(envelope.document, kind):
        raise Broken(ROUNDS, f"holds another document where a {kind.__name__.lower()} must be")
    evidence.add(envelope, ROUNDS)
    return envelope.document


def _envelope(path: str, value: Any) -> Envelope:
    try:
        return parse_envelope(value)
    except FreeholdError as error:
        raise Broken(path, error.message) from error


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
    """The manifest is about a receipt or a trained model that is here, and signed by who may show it."""
    manifest = evidence.manifest
    envelope = evidence.documents.get(manifest.about)
    evidence.file = PATH
    document = None if envelope is None else envelope.document
    if isinstance(document, Asset) and document.asset_kind != "model":
        raise Broken(PATH, "is about an asset that is no model")
    if not isinstance(document, Receipt | Asset):
        raise Broken(PATH, "is about a receipt or model that is not here")
    if manifest.issuer not in document.signers().values():
        raise Broken(PATH, "is signed by nobody who may show its subject")
    evidence.subject = document
    return (
        f"{'model' if isinstance(document, Asset) else 'receipt'} {document.id[:10]}, shown by one of its own"
    )


def is_trained(asset: Asset) -> bool:
    """Whether an asset is a model that names a run, whatever it writes there, or sources."""
    return asset.asset_kind == "model" and ("run" in asset.schema_ or bool(asset.derived_from))

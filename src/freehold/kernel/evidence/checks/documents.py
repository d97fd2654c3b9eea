"""Is this exactly what somebody signed; is each document what its name says, and signed by everyone who had to?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from freehold.core.documents import VERSION, Asset, Grant, Party, Receipt, Terms, later_version
from freehold.core.ids import sha256_hex
from freehold.core.signing import check, parse_envelope, public_account
from freehold.core.texts import said
from freehold.kernel import words
from freehold.kernel.evidence import parts
from freehold.kernel.evidence.manifest import PATH, parse_manifest
from freehold.kernel.evidence.reading import Broken, Evidence, Newer, blaming, path_of

_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_MOST_SHOWN = 5
_PATHS = re.compile(r"chain\.json|documents/0x[0-9a-f]{64}\.json|logs/0x[0-9a-f]{40}\.json")


def signature(evidence: Evidence) -> str:
    """The manifest is an evidence claim under its issuer's signature."""
    value = evidence.json(PATH)
    _require_manifest_readable(value)
    with blaming(PATH):
        envelope = parse_manifest(value)
        evidence.manifest = envelope.document  # type: ignore[assignment]
        check(envelope, evidence.manifest.domain())
    return said("signed by {issuer}", issuer=evidence.manifest.issuer)


def _require_manifest_readable(value: Any) -> None:
    """The manifest is of a version that is known here, and so is all that it calls critical.

    Before its signature: nothing is concluded from it but that this program must not conclude anything.
    """
    document = value.get("document") if isinstance(value, dict) else None
    if version := later_version(document):
        raise Newer(
            PATH,
            said(
                "is of version {version}, and this program reads version {own}",
                version=version,
                own=VERSION,
            ),
        )
    statement = document.get("statement") if isinstance(document, dict) else None
    critical = statement.get("critical") if isinstance(statement, dict) else None
    if isinstance(critical, list) and all(isinstance(word, str) for word in critical):
        known = words.known() | parts.names()
        if unknown := sorted(set(critical) - known):
            raise Newer(
                PATH, said("must not be judged without knowing {unknown}", unknown=plain_words(unknown))
            )


def plain_words(written: Iterable[str]) -> str:
    """Words that somebody wrote, as they may be repeated."""
    shown = [word for word in written if _WORD.fullmatch(word)]
    return ", ".join(shown[:_MOST_SHOWN]) + (", ..." if len(shown) > _MOST_SHOWN else "") or said(
        "what it names"
    )


def files(evidence: Evidence) -> str:
    """Every file has the bytes the manifest names; none is missing, none is extra, all are canonical."""
    named = evidence.manifest.statement.files
    if not all(_PATHS.fullmatch(path) or path in parts.files() for path in named):
        # a name that whoever signed made up is not repeated
        raise Broken(PATH, said("names a file that has no place in evidence"))
    for path in sorted({*named, *evidence.bundle.files} - {PATH}):
        if path not in evidence.bundle.files:
            raise Broken(path, said("is named by the manifest and missing"))
        if path not in named:
            raise Broken(path, said("is not named by the manifest"))
        if sha256_hex(evidence.bundle.files[path]) != named[path]:
            raise Broken(path, said("has other bytes than the manifest says"))
        evidence.json(path)
    if "chain.json" not in named:
        raise Broken(PATH, said("must name chain.json"))
    return said("{n} files, each as signed", n=len(named))


def ids(evidence: Evidence) -> str:
    """Each file in documents/ holds one well-formed document whose hash is its name; rounds hold the others."""
    _require_readable(evidence)
    for path in sorted(evidence.bundle.files):
        if not path.startswith("documents/"):
            continue
        with blaming(path):
            found = parse_envelope(evidence.json(path))
        if path != path_of(found.document) or isinstance(found.document, Terms):
            raise Broken(path, said("does not hold the document that its name says"))
        evidence.add(found, path)
    alone = len(evidence.documents)
    for part in parts.parts():
        for path, read in part.read.items():
            if path in evidence.bundle.files:
                read(evidence, evidence.json(path))
    return said(
        "{alone} documents, each under its own hash, and {n} in rounds",
        alone=alone,
        n=len(evidence.documents) - alone,
    )


def _require_readable(evidence: Evidence) -> None:
    """No document, wherever it stands, is of a later version: before anything else about any of them is said."""
    inside = {path: find for part in parts.parts() for path, find in part.envelopes.items()}
    for path in sorted(evidence.bundle.files):
        if path.startswith("documents/") or path in inside:
            value = evidence.json(path)
            for shown in inside[path](value) if path in inside else [value]:
                version = later_version(shown.get("document") if isinstance(shown, dict) else None)
                if version:
                    raise Newer(
                        path,
                        said(
                            "is of version {version}, and this program reads version {own}",
                            version=version,
                            own=VERSION,
                        ),
                    )


def parties(evidence: Evidence) -> str:
    """One party an account, on the manifest's chain, whose public key belongs to the account."""
    for party in evidence.of_type(Party):
        if public_account(bytes.fromhex(party.account_key[2:])) != party.account:
            raise Broken(evidence.place(party), said("has a public key that does not belong to its account"))
        if party.chain_id != evidence.manifest.statement.chain_id:
            raise Broken(evidence.place(party), said("is a party on another chain"))
        if party.account in evidence.parties:
            raise Broken(evidence.place(party), said("is a second party document of one account"))
        evidence.parties[party.account] = party
    return said("{n} parties with their keys", n=len(evidence.parties))


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
                    evidence.file,
                    said("is signed by {signer}, whose party document is missing", signer=signature.signer),
                )
        count += len(envelope.signatures)
    return said("{count} signatures, none missing", count=count)


def subject(evidence: Evidence) -> str:
    """The manifest is about a receipt or a trained model that is here, and signed by who may show it."""
    manifest = evidence.manifest
    envelope = evidence.documents.get(manifest.about)
    evidence.file = PATH
    document = None if envelope is None else envelope.document
    if isinstance(document, Asset) and document.asset_kind != "model" and document.id not in evidence.unknown:
        raise Broken(PATH, said("is about an asset that is no model"))
    if not isinstance(document, Receipt | Asset):
        raise Broken(PATH, said("is about a receipt or model that is not here"))
    if manifest.issuer not in document.signers().values():
        raise Broken(PATH, said("is signed by nobody who may show its subject"))
    evidence.subject = document
    for name in (document.id, _used(evidence, document)):
        if name in evidence.unknown:
            unknown = evidence.unknown[name]
            raise Newer(
                evidence.places[name],
                said("is of a kind that this program does not know: {unknown}", unknown=unknown),
            )
    if isinstance(document, Asset):
        return said("model {id}, shown by one of its own", id=document.id[:10])
    return said("receipt {id}, shown by one of its own", id=document.id[:10])


def _used(evidence: Evidence, subject: Receipt | Asset) -> str:
    """Id of the asset that it is about, where that is named."""
    if isinstance(subject, Asset):
        return subject.id
    grant = evidence.documents.get(subject.grant)
    return grant.document.asset if grant is not None and isinstance(grant.document, Grant) else ""


def left_out(evidence: Evidence) -> str:
    """Documents of which nothing is said: what they mean, this program does not know."""
    kinds = plain_words(sorted(set(evidence.unknown.values())))
    return said(
        "{n} documents are of kinds unknown to this program and count for nothing: {kinds}",
        n=len(evidence.unknown),
        kinds=kinds,
    )

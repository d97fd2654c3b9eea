"""The manifest: one signed claim that names every other file by its SHA-256; and what it is signed over, put together.

Pure: no store, no chain, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import (
    Asset,
    Claim,
    Count,
    Receipt,
    Value,
    Word,
    invalid,
    require_literal,
)
from freehold.core.errors import InvalidDocument, InvalidInput
from freehold.core.ids import Account, Hash, sha256_hex
from freehold.core.signing import Domain, Envelope, Signature, account_of, seal
from freehold.kernel.evidence.bundle import Bundle

PATH = "manifest.json"
MAX_MANIFEST_BYTES = 2 * 1024 * 1024
CONTRACTS = ("LogAnchors", "Market", "Revenue", "Revocations", "Timestamps")
"""The contracts whose state evidence reads."""


class Statement(Value):
    """What the manifest says."""

    chain_id: Count
    contracts: dict[str, Account]
    """Address by contract name; at least `CONTRACTS`."""
    files: dict[str, Hash]
    """SHA-256 of every file but the manifest, by path."""
    critical: Annotated[tuple[Word, ...], Field(max_length=32)] = ()
    """What a verifier must know to say anything of this evidence: `claim_kind.release`, `part.training`. Left out of
    what is signed where there is none."""

    @model_validator(mode="after")
    def _complete(self) -> Statement:
        if missing := set(CONTRACTS) - set(self.contracts):
            raise ValueError(f"no address of {', '.join(sorted(missing))}")
        if list(self.critical) != sorted(set(self.critical)):
            raise ValueError("critical must be sorted and without repeats")
        return self

    @model_serializer(mode="wrap")
    def _without_silent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        return values if self.critical else {name: one for name, one in values.items() if name != "critical"}


class Manifest(Claim):
    """An `evidence` claim about one receipt or one model. Larger than other documents may be, so parsed here."""

    claim_kind: Literal["evidence"] = "evidence"
    statement: Statement  # type: ignore[assignment] # of one shape, where a claim's is any object

    def domain(self) -> Domain:
        """The domain in which every document of this evidence must be signed."""
        return Domain("Freehold", self.statement.chain_id, self.statement.contracts["Revocations"])


def file_hashes(files: dict[str, bytes]) -> dict[str, str]:
    """What a manifest says about `files`."""
    return {path: sha256_hex(files[path]) for path in sorted(files)}


def parse_manifest(value: Any) -> Envelope:
    """The manifest's envelope from plain JSON values; nothing is checked but its shape.

    Raises `InvalidDocument`: naming the field.
    """
    if not isinstance(value, dict) or set(value) != {"document", "signatures"}:
        raise InvalidDocument("an envelope has exactly the fields document and signatures")
    if not isinstance(value["signatures"], list) or len(value["signatures"]) != 1:
        raise InvalidDocument("a manifest has exactly one signature")
    data = canonical_bytes(value["document"])
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidDocument(f"a manifest of {len(data)} bytes is over the limit of {MAX_MANIFEST_BYTES}")
    try:
        document = Manifest.model_validate_json(data)
        signature = Signature.model_validate(value["signatures"][0])
    except ValidationError as error:
        raise invalid(error) from None
    require_literal(document, data)
    return Envelope(document, (signature,))


@dataclass(frozen=True)
class LogProofs:
    """One party's log at its anchored size."""

    account: str
    checkpoint: str
    """The signed note."""
    proofs: tuple[tuple[str, int, tuple[bytes, ...]], ...]
    """(document id, index, inclusion proof) of each document shown."""

    def to_json(self) -> dict[str, Any]:
        """As in `logs/<account>.json`, in the order of the log."""
        ordered = sorted(self.proofs, key=lambda item: item[1])
        return {
            "checkpoint": self.checkpoint,
            "proofs": [
                {"id": document_id, "index": index, "proof": ["0x" + value.hex() for value in proof]}
                for document_id, index, proof in ordered
            ],
        }


def log_entry(document_id: str, kind: str) -> bytes:
    """The data of a log entry: an id and a type, so that what is private stays so until shown."""
    return canonical_bytes({"id": document_id, "type": kind})


def assemble(
    subject: Receipt | Asset,
    *,
    envelopes: Iterable[Envelope],
    logs: Iterable[LogProofs],
    files: Mapping[str, Any],
    chain_proof: dict[str, Any],
    chain_id: int,
    contracts: Mapping[str, str],
    key: bytes,
    issued_at: int,
    critical: tuple[str, ...] = (),
) -> Bundle:
    """The bundle about one receipt or one released model, its manifest signed with `key`.

    `files` maps the files that features have in evidence to JSON values; it is empty where nothing shows how the
    subject came about. `envelopes` leaves out those that are in such files.
    `chain_proof` is what `chain.proof.capture` gave.
    Raises `InvalidInput`: the key is of nobody who may show the subject, or that is not among the envelopes.
    """
    made = {f"documents/{envelope.document.id}.json": envelope.to_bytes() for envelope in envelopes}
    if f"documents/{subject.id}.json" not in made:
        raise InvalidInput("the subject is not among the envelopes", hint="Pass its envelope too.")
    made |= {f"logs/{log.account}.json": canonical_bytes(log.to_json()) for log in logs}
    made |= {path: canonical_bytes(value) for path, value in files.items()}
    made["chain.json"] = canonical_bytes(chain_proof)
    return sign_files(
        made, subject, chain_id=chain_id, contracts=contracts, key=key, issued_at=issued_at, critical=critical
    )


def sign_files(
    files: dict[str, bytes],
    subject: Receipt | Asset,
    *,
    chain_id: int,
    contracts: Mapping[str, str],
    key: bytes,
    issued_at: int,
    critical: tuple[str, ...] = (),
) -> Bundle:
    """`files` under a manifest signed by a side of the receipt, or by the owner of the model."""
    issuer = account_of(key)
    if issuer not in subject.signers().values():
        raise InvalidInput(
            "evidence is signed by the provider or the holder of its receipt, or the owner of its model",
            hint="Run this on the node of one of them.",
            account=issuer,
        )
    statement = Statement(
        chain_id=chain_id, contracts=dict(contracts), files=file_hashes(files), critical=critical
    )
    manifest = Manifest(issuer=issuer, about=subject.id, statement=statement, issued_at=issued_at)
    return Bundle(files | {PATH: seal(manifest, key, manifest.domain()).to_bytes()})

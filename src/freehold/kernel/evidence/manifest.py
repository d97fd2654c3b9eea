"""The manifest: one signed claim that names every other file by its SHA-256."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from typing_extensions import override

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Count, Document, Time, Value, Word, invalid, require_literal
from freehold.core.errors import InvalidDocument
from freehold.core.ids import Account, Hash, sha256_hex
from freehold.core.signing import Envelope, Signature
from freehold.core.typed_data import Domain

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


class Manifest(Document):
    """An `evidence` claim about one receipt or one model. Larger than other documents may be, so parsed here."""

    roles: ClassVar[tuple[str, ...]] = ("issuer",)
    type: Literal["claim"] = "claim"
    issuer: Account
    claim_kind: Literal["evidence"] = "evidence"
    about: Annotated[Hash, Field(alias="subject")]
    """Id of the receipt, or of the model."""
    statement: Statement
    issued_at: Time
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    @override
    def signers(self) -> dict[str, str]:
        return {"issuer": self.issuer}

    @override
    def subject(self) -> str:
        return self.about

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

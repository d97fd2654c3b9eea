"""The six signed documents of which every view (ownership, earnings, lineage) is a fold.

Fields are fixed by `docs/architecture.md`. All are frozen; a document's `id` is the SHA-256 of its
canonical bytes, so changing a field makes another document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)
from typing_extensions import override

from freehold.core.canonical import MAX_SAFE_INTEGER, canonical_bytes, parse
from freehold.core.described import Described
from freehold.core.errors import InvalidDocument, NewerFormat
from freehold.core.ids import Account, Hash, account_word, sha256_hex

VERSION = 1
"""Of the format, the newest that this program reads."""
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Time = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
"""Unix seconds."""
Epsilon = Annotated[int, Field(ge=0, le=100_000_000)]
"""Millionths of epsilon."""
Units = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Action = Word
"""Something that can be done with an asset; any word, of which a program acts upon those that it knows."""
_OWN_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""What may be repeated of where something is wrong: keys, too, are what somebody wrote."""
MAX_DOCUMENT_BYTES = 256 * 1024
EXACT_DECIMALS = 6
"""Decimals of an answer that is not rounded."""
MAX_ROWS_PER_CALL = 1_000
"""Whatever an owner allows."""


class Value(Described, BaseModel):
    """A frozen part of a document; unknown fields are refused and nothing is coerced."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        # a document that is shown has all its fields
        json_schema_serialization_defaults_required=True,
    )


class Document(Value):
    """What all six have in common."""

    roles: ClassVar[dict[str, str]] = {}
    """Who must sign: the name of each role, and the field that has its account."""
    about_field: ClassVar[str] = ""
    """What its signatures name, so that they mean nothing elsewhere: an account, or the id of another document."""
    version: Literal[1] = 1
    """Of the format."""

    @cached_property
    def body(self) -> dict[str, Any]:
        """Plain JSON values, all fields present but those of `Later` parts that say nothing."""
        return self.model_dump(mode="json")

    @cached_property
    def data(self) -> bytes:
        """The canonical bytes of the body, as signed, sent and kept."""
        return canonical_bytes(self.body)

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical bytes."""
        return sha256_hex(self.data)

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As of any model; what says something else has a body and an id of its own."""
        made = super().model_copy(update=update, deep=deep)
        for derived in ("body", "data", "id"):
            made.__dict__.pop(derived, None)
        return made

    def signers(self) -> dict[str, str]:
        """Role -> account that must have signed."""
        if not self.roles:
            raise TypeError(f"{type(self).__name__} is never signed on its own")
        return {role: getattr(self, field) for role, field in self.roles.items()}

    def subject(self) -> str:
        """The 32-byte word that its signatures name."""
        if not self.roles:
            raise TypeError(f"{type(self).__name__} is never signed on its own")
        return account_word(getattr(self, self.about_field))


class Party(Document):
    """An account with the keys and addresses by which others reach it."""

    roles = {"self": "account"}
    about_field = "account"
    type: Literal["party"] = "party"
    """Kind of document."""
    name: Name
    """As it calls itself."""
    party_kind: Literal["person", "organisation", "agent", "device"]
    """What it is."""
    account: Account
    """Its wallet, by which all know it."""
    account_key: Annotated[str, Field(pattern=r"^0x04[0-9a-f]{128}$")]
    """Uncompressed secp256k1 point; its Keccak hash ends in `account`."""
    chain_id: Count
    """Chain it is paid on (EIP-155)."""
    log_key: Annotated[str, Field(max_length=200)]
    """Signed-note verifier key of the party's log."""
    encryption_key: Hash
    """X25519 public key, to which epoch secrets are wrapped."""
    endpoints: Annotated[tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=8)] = ()
    """URLs of its node."""
    created_at: Time
    """Unix seconds."""


class Later(Document):
    """A document that got fields after the first release.

    Where such a field has its default, the body leaves it out: documents signed before keep their ids.
    """

    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_silent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        return {
            name: value
            for name, value in values.items()
            if name not in self.later or getattr(self, name) != fields[name].default
        }


class Share(Value):
    """One payee of a split."""

    account: Account
    share_bps: Annotated[int, Field(ge=0, le=10_000)]


Reveals = Literal["answers", "noised", "update"]
REVEALS: tuple[Reveals, ...] = ("answers", "noised", "update")
"""From least to most: results only; one noised update a round under a stated epsilon; exact updates, from which
rows can be rebuilt."""


class Terms(Later):
    """What may be done, for what, how often, until when, at what price, and what a use reveals."""

    later = (
        "reveals", "epsilon_run_micro", "epsilon_life_micro", "holders", "judges",
        "per", "rows_per_call", "round_to",
    )  # fmt: skip

    type: Literal["terms"] = "terms"
    """Kind of document."""
    purposes: Annotated[tuple[Word, ...], Field(min_length=1, max_length=32)]
    actions: Annotated[tuple[Action, ...], Field(min_length=1, max_length=32)]
    not_before: Time = 0
    expires_at: Time
    max_uses: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]
    price_units: Units = 0
    price_per: Literal["grant", "use"] = "grant"
    token: Account
    split: Annotated[tuple[Share, ...], Field(max_length=256)] = ()
    duties: Annotated[tuple[Word, ...], Field(max_length=32)] = ()
    reveals: Reveals = "answers"
    """What a use shows its holder of the rows behind it."""
    epsilon_run_micro: Epsilon = 0
    """Most privacy budget that one training run may cost the rows, in millionths of epsilon."""
    epsilon_life_micro: Epsilon = 0
    """Most that all runs together may cost them, whoever asks, over all versions of the data."""
    holders: Annotated[tuple[Account, ...], Field(max_length=32)] = ()
    """Who alone may hold a grant; empty is anyone."""
    judges: Annotated[tuple[Account, ...], Field(max_length=32)] = ()
    """To whom the owner opens its table after a run that names one of them, to be checked."""
    per: Literal["call", "row"] = "call"
    """What the price of a use is for: a call whatever its rows, or each row of it."""
    rows_per_call: Annotated[int, Field(ge=1, le=MAX_ROWS_PER_CALL)] = MAX_ROWS_PER_CALL
    """Most rows of one call."""
    round_to: Annotated[int, Field(ge=0, le=EXACT_DECIMALS)] = EXACT_DECIMALS
    """Decimals of a probability in an answer; 0 is the label alone."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.epsilon_run_micro > self.epsilon_life_micro:
            raise ValueError("one run may not cost more epsilon than all together")
        if self.reveals == "update" and not self.holders:
            raise ValueError("exact updates are for holders that are named")
        if self.not_before >= self.expires_at:
            raise ValueError("terms expire before they begin")
        if self.split and sum(share.share_bps for share in self.split) != 10_000:
            raise ValueError("the shares of a split do not sum to 10,000")
        for field in ("purposes", "actions", "duties", "holders", "judges"):
            values = getattr(self, field)
            if list(values) != sorted(set(values)):
                raise ValueError(
                    f"{field} must be sorted and without repeats, so that equal terms have one id"
                )
        return self


class Content(Value):
    """What an asset is made of, by commitment."""

    commitment: Hash
    """Dataset: salted hash of the canonical table. Model: hash of model, scaling, recipe and columns."""
    media_type: Annotated[str, Field(max_length=100)]
    size_bytes: Count
    blob: Annotated[str, Field(max_length=100)] | None = None
    """CID of the encrypted payload, where one is stored."""


class Source(Value):
    """One asset this one was made from."""

    asset: Hash
    role: Word
    weight: Count = 0
    """Share of the result, in basis points, where measured."""


class Asset(Document):
    """A dataset or a model, with the terms on which it may be used."""

    roles = {"owner": "owner"}
    about_field = "owner"
    type: Literal["asset"] = "asset"
    """Kind of document."""
    asset_kind: Word
    """What it is, such as `dataset` or `model`; any word."""
    name: Name
    description: Annotated[str, Field(max_length=4_000)] = ""
    owner: Account
    asset_version: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)] = 1
    supersedes: Hash | None = None
    content: Content
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    """Dataset: `columns`, `label`, `rows` (distinct ones), where declared `bounds` and `rows_each`. Model: `columns`, `label`, `recipe`, `metrics`, `run`."""
    derived_from: Annotated[tuple[Source, ...], Field(max_length=256)] = ()
    terms: Terms
    created_at: Time
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)


class Grant(Later):
    """Permission for one holder to use one asset, within its terms."""

    later = ("run", "earlier_runs")

    roles = {"issuer": "issuer"}
    about_field = "asset"
    type: Literal["grant"] = "grant"
    """Kind of document."""
    issuer: Account
    holder: Account
    asset: Hash
    terms: Terms
    spend_cap_units: Units = 0
    """Most that uses under this grant may cost in all; 0 where nothing is charged per use."""
    parent: Hash | None = None
    revocation_index: Count
    """The issuer's bit in the Revocations contract."""
    nonce: Hash
    issued_at: Time
    run: Hash | None = None
    """The training run it is for, by the hash of its plan; it allows no other."""
    earlier_runs: Annotated[tuple[Hash, ...], Field(max_length=64)] = ()
    """Runs on the same rows before this one, whoever made them: the newest, oldest first."""


class MoneyLine(Value):
    """One account's side of what a use cost."""

    account: Annotated[str, Field(pattern=r"^0x([0-9a-f]{40}|[0-9a-f]{64})$")]
    """A wallet, or the 32-byte id of a revenue pool."""
    delta_units: Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
    """Millionths of a dollar; positive where the account receives."""
    reason: Word
    """For what."""


class Receipt(Document):
    """That a grant was used: by whom, on what, with what result, for how much."""

    roles = {"provider": "provider", "holder": "holder"}
    about_field = "grant"
    type: Literal["receipt"] = "receipt"
    """Kind of document."""
    grant: Hash
    """That allowed it."""
    action: Action
    """What was done."""
    provider: Account
    """Who did it."""
    holder: Account
    """For whom."""
    inputs: Annotated[tuple[Hash, ...], Field(max_length=64)]
    """Assets that were used."""
    output: Hash
    """Hash of the result."""
    money: Annotated[tuple[MoneyLine, ...], Field(max_length=64)] = ()
    """Who paid whom; sums to zero."""
    epsilon_micro: Count = 0
    """Privacy budget that this use took from the rows, in millionths of epsilon: a run's whole at its first use."""
    evidence: Annotated[dict[Word, Hash | Count], Field(max_length=16)] = {}
    """Hashes and numbers that tie it to request, payment or training round."""
    sequence: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]
    """Which use of the grant it is, from 1."""
    issued_at: Time
    """Unix seconds."""

    @model_validator(mode="after")
    def _balanced(self) -> Self:
        if sum(line.delta_units for line in self.money) != 0:
            raise ValueError("the money lines of a receipt do not sum to zero")
        return self


class Claim(Document):
    """A statement by one party about another document or a run."""

    roles = {"issuer": "issuer"}
    about_field = "about"
    type: Literal["claim"] = "claim"
    """Kind of document."""
    issuer: Account
    claim_kind: Word
    """What it says; any word."""
    about: Annotated[Hash, Field(alias="subject")]
    statement: dict[str, Any]
    issued_at: Time
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)


_ADAPTER: TypeAdapter[Party | Terms | Asset | Grant | Receipt | Claim] = TypeAdapter(
    Annotated[Party | Terms | Asset | Grant | Receipt | Claim, Discriminator("type")]
)


def parse_document(value: Any) -> Document:
    """A document from plain JSON values of any origin.

    Raises `InvalidDocument`: naming the first field that is wrong. `NewerFormat`: it is of a later version.
    """
    data = canonical_bytes(value)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InvalidDocument(
            f"a document of {len(data)} bytes is over the limit of {MAX_DOCUMENT_BYTES}",
            hint="Name fewer things in it, or by shorter names.",
        )
    require_readable(value)
    try:
        # from JSON, because strict mode then takes arrays for tuples
        document = _ADAPTER.validate_json(data)
    except ValidationError as error:
        raise invalid(error) from None
    require_literal(document, data)
    return document


def require_parsable(document: Document) -> None:
    """That whoever receives a document reads it as what it is. Raises as `parse_document`."""
    if len(document.data) <= MAX_DOCUMENT_BYTES:
        try:
            # what reads as its equal has its bytes
            if _ADAPTER.validate_json(document.data) == document:
                return
        except ValidationError:
            pass
    parse_document(document.body)


def later_version(value: Any) -> int:
    """The version of a document, or of the terms in it, where that is later than this program reads; else 0.

    Whatever else is in it: fields of a later version are unknown, but for this one.
    """
    parts = (value, value.get("terms")) if isinstance(value, dict) else ()
    said = (part.get("version") for part in parts if isinstance(part, dict))
    return max((one for one in said if type(one) is int and one > VERSION), default=0)


def require_readable(value: Any) -> None:
    """Refuse a document of a later version as such, before anything else about it is said.

    Raises `NewerFormat`.
    """
    if version := later_version(value):
        raise NewerFormat(
            f"a document is of version {version}, and this program reads version {VERSION}",
            hint="Update Freehold: nothing is wrong with the document for that.",
        )


def require_literal(document: Document, data: bytes) -> None:
    """What was read is what was written, to the byte: else a document's id were not the hash of what was received.

    A schema alone lets a field with a default be left out, and takes `true` for 1.
    Raises `InvalidDocument`: naming the first field that is read as something else.
    """
    if document.data == data:
        return
    given, read = parse(data, max_bytes=len(data)), document.body
    where = min(
        name
        for name in {*given, *read}
        if name not in given
        or name not in read
        or canonical_bytes(given[name]) != canonical_bytes(read[name])
    )
    raise InvalidDocument(
        f"{where}: is left out, or written otherwise than documents write it",
        hint="Write every field, in the one form of docs/architecture.md, Documents.",
        field=where,
    )


def invalid(error: ValidationError) -> InvalidDocument:
    """A schema failure as an error that names the field and never echoes the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = (
        ".".join(str(part) if _OWN_WORD.fullmatch(str(part)) else "?" for part in first["loc"]) or "document"
    )
    wrong = "is of no known type" if first["type"] == "union_tag_invalid" else first["msg"]
    return InvalidDocument(
        f"{where}: {wrong}", hint="Compare with docs/architecture.md, Documents.", field=where
    )

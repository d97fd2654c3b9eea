"""Signing and checking documents: EIP-712 over secp256k1, or a contract's word (ERC-1271).

Only atomic field types occur in what is signed (string, bytes32, address, uintN), so the encoding is a few lines;
`tests/differential` compares it with eth-account on the published vectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any

import coincurve
from eth_hash.auto import keccak
from pydantic import Field, ValidationError

from freehold.core.canonical import canonical_bytes, canonical_object, parse
from freehold.core.documents import Document, Value, invalid, parse_document, require_readable
from freehold.core.errors import InvalidDocument, InvalidInput, InvalidSignature
from freehold.core.ids import Account

DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOCUMENT_TYPE = "Document(string kind,string role,bytes32 subject,bytes32 id)"
OFFER_TYPE = "Offer(bytes32 grant,address seller,address buyer,address token,uint256 price,uint256 deadline)"
VOUCHER_TYPE = "Voucher(bytes32 channel,uint256 cumulative)"
RECEIVE_TYPE = (
    "ReceiveWithAuthorization(address from,address to,uint256 value,"
    "uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)


MARKET_DOMAIN = "Freehold Market"
CHANNELS_DOMAIN = "Freehold Channels"
TEST_DOLLAR_DOMAIN = "Freehold Test Dollar"


class InvalidTyped(InvalidInput, code="signing.typed"):
    """A value is none of the type that it would be signed as."""


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one contract on one chain."""

    name: str
    """As in the contract: "Freehold", "Freehold Market", "Freehold Channels" or the token's name."""
    chain_id: int
    contract: str
    """Address of the verifying contract."""
    version: str = "1"


@lru_cache(maxsize=64)
def _separator(domain: Domain) -> bytes:
    return struct_hash(DOMAIN_TYPE, domain.name, domain.version, domain.chain_id, domain.contract)


def struct_hash(type_string: str, *values: Any) -> bytes:
    """EIP-712 `hashStruct` for a struct of atomic fields, values in the order of the type. Raises InvalidTyped."""
    fields = _fields(type_string)
    if len(fields) != len(values):
        raise InvalidTyped(f"{type_string} takes {len(fields)} values, not {len(values)}")
    encoded = [_encode(kind, value) for kind, value in zip(fields, values, strict=True)]
    return bytes(keccak(_type_hash(type_string) + b"".join(encoded)))


def digest(domain: Domain, type_string: str, *values: Any) -> bytes:
    """The 32 bytes a wallet signs."""
    return bytes(keccak(b"\x19\x01" + _separator(domain) + struct_hash(type_string, *values)))


def receive_digest(
    token: Domain, payer: str, payee: str, value_units: int, valid: tuple[int, int], nonce: bytes
) -> bytes:
    """What a payer signs to let `payee` (a contract) pull exactly one payment (EIP-3009)."""
    return digest(token, RECEIVE_TYPE, payer, payee, value_units, valid[0], valid[1], nonce)


def voucher_digest(channels: Domain, channel: bytes, cumulative_units: int) -> bytes:
    """What a payer signs to let a channel pay `cumulative_units` in all."""
    return digest(channels, VOUCHER_TYPE, channel, cumulative_units)


@lru_cache(maxsize=64)
def _type_hash(type_string: str) -> bytes:
    return bytes(keccak(type_string.encode()))


@lru_cache(maxsize=64)
def _fields(type_string: str) -> tuple[str, ...]:
    """The types of a struct's fields, in order."""
    return tuple(field.split(" ")[0] for field in type_string[type_string.index("(") + 1 : -1].split(","))


@lru_cache(maxsize=128)
def _atom(kind: str) -> tuple[str, int, int]:
    """(name, bits of a number, bytes of what is none) of an atomic type. Raises InvalidTyped: it is none."""
    found = _ATOM.fullmatch(kind)
    if found is None:
        raise InvalidTyped(f"{kind[:40]!r} is no atomic type of EIP-712 that is signed here")
    return found[1], int(found[2] or 0), int(found[3] or 20)


@lru_cache(maxsize=128)
def _string_hash(value: str) -> bytes:
    """Kinds and roles are few, and each document names one."""
    return bytes(keccak(value.encode()))


def _encode(kind: str, value: Any) -> bytes:
    """One field in 32 bytes. Raises InvalidTyped: the type has no such value."""
    name, bits, width = _atom(kind)
    raw = _raw(value)
    if name == "string" and isinstance(value, str):
        try:
            return _string_hash(value)
        except UnicodeEncodeError:
            raise InvalidTyped("a string to sign holds a lone surrogate") from None
    if bits and type(value) is int and 0 <= value < 1 << bits:
        return value.to_bytes(32, "big")
    if not bits and name != "string" and raw is not None and len(raw) == width:
        return raw.rjust(32, b"\0") if name == "address" else raw.ljust(32, b"\0")
    raise InvalidTyped(f"{kind} cannot hold {_shown(value)}")


_ATOM = re.compile(
    rf"(string|address|uint({'|'.join(map(str, range(8, 257, 8)))})|bytes({'|'.join(map(str, range(1, 33)))}))"
)


def _raw(value: Any) -> bytes | None:
    """The bytes that are given, as such or as hex; None where they are neither."""
    if isinstance(value, bytes):
        return value
    try:
        return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) and value.isascii() else None
    except ValueError:
        return None


def _shown(value: Any) -> str:
    raw = _raw(value)
    if raw is not None:
        return f"{len(raw)} bytes"
    return str(value) if type(value) is int and value.bit_length() <= 300 else f"a {type(value).__name__}"


_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
MAX_SIGNATURE_BYTES = 4_096
"""Contract signatures may be longer than 65 bytes, but not without limit."""

ContractSigner = Callable[[str, bytes, bytes], bool]
"""(account, digest, signature) -> whether the contract at `account` accepts it (ERC-1271)."""


class Signature(Value):
    """One signature under a document."""

    role: str
    """As what it signed, such as "provider"."""
    signer: Account
    """Who signed."""
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})*$", max_length=2 + 2 * MAX_SIGNATURE_BYTES)]
    """0x-hex, lower case; r, s, v (65 bytes) for keys."""


@dataclass(frozen=True)
class Envelope:
    """A document with the signatures collected so far."""

    document: Document
    signatures: tuple[Signature, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "document": self.document.body,
            "signatures": [signature.model_dump(mode="json") for signature in self.signatures],
        }

    def to_bytes(self) -> bytes:
        """Canonical bytes, as stored and sent."""
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        signatures = [signature.model_dump(mode="json") for signature in self.signatures]
        return canonical_object({"document": self.document.data, "signatures": canonical_bytes(signatures)})

    def with_signature(self, signature: Signature) -> Envelope:
        """This envelope with `signature` in its role's place."""
        kept = [other for other in self.signatures if other.role != signature.role]
        return Envelope(self.document, tuple(sorted([*kept, signature], key=lambda item: item.role)))

    @property
    def is_complete(self) -> bool:
        """Whether every role has signed (not whether the signatures hold)."""
        return {signature.role for signature in self.signatures} == set(self.document.roles)


def public_account(public_key: bytes) -> str:
    """The account of an uncompressed secp256k1 point (65 bytes)."""
    return "0x" + bytes(keccak(public_key[1:]))[-20:].hex()


@lru_cache(maxsize=16)
def _private(key: bytes) -> tuple[coincurve.PrivateKey, str]:
    """A key ready to sign, and its account: making one out of its bytes takes longer than a signature."""
    made = coincurve.PrivateKey(key)
    return made, public_account(made.public_key.format(compressed=False))


def account_of(key: bytes) -> str:
    """The account of a secp256k1 private key."""
    return _private(key)[1]


def sign_digest(key: bytes, value: bytes) -> bytes:
    """65 bytes r, s, v (27 or 28) over a 32-byte digest; deterministic, low s."""
    raw = _private(key)[0].sign_recoverable(value, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def recover(value: bytes, signature: bytes) -> str:
    """The account that signed a digest.

    Raises `InvalidSignature`: malformed, high s (a second valid form of the same signature) or no such point.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise InvalidSignature("a signature is not 65 bytes ending in 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise InvalidSignature("a signature has the high form of s, which could be a copy of another one")
    try:
        point = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - 27]), value, hasher=None
        )
    except Exception:  # noqa: BLE001 - coincurve raises bare Exception for points off the curve
        raise InvalidSignature("a signature names no key") from None
    return public_account(point.format(compressed=False))


def plain_form(signature: bytes) -> bytes:
    """r, s, v (27 or 28) of a key's signature that a wallet wrote with a v of 0 or 1, or in 64 bytes (EIP-2098).

    Whatever else it is comes back as it is: a contract may take other bytes (ERC-1271), so change those of keys only.
    """
    if len(signature) == 65 and signature[64] in (0, 1):
        return signature[:64] + bytes([signature[64] + 27])
    if len(signature) == 64:
        # the top bit of s is that of v
        return (
            signature[:32]
            + bytes([signature[32] & 0x7F])
            + signature[33:]
            + bytes([27 + (signature[32] >> 7)])
        )
    return signature


def document_digest(document: Document, role: str, domain: Domain) -> bytes:
    """What a signer of `document` in `role` signs."""
    kind: str = document.body["type"]
    return digest(domain, DOCUMENT_TYPE, kind, role, document.subject(), document.id)


def sign(document: Document, role: str, key: bytes, domain: Domain) -> Signature:
    """One party's signature; the key must belong to the account that the role names.

    Raises `InvalidSignature`: the document gives that role to another account.
    """
    signer = document.signers().get(role)
    account = account_of(key)
    if signer != account:
        raise InvalidSignature(f"the {role} of this {document.body['type']} is {signer}, not {account}")
    signature = sign_digest(key, document_digest(document, role, domain))
    return Signature(role=role, signer=account, signature="0x" + signature.hex())


def seal(document: Document, key: bytes, domain: Domain, role: str | None = None) -> Envelope:
    """A document signed by one key, in its first role unless another is named."""
    return Envelope(document, (sign(document, role or next(iter(document.roles)), key, domain),))


def check(
    envelope: Envelope, domain: Domain, *, contract: ContractSigner | None = None, partial: bool = False
) -> None:
    """Every signature is right and, unless `partial`, every role has signed.

    Raises `InvalidSignature`: naming document, role and what is wrong.
    """
    document, due = envelope.document, envelope.document.signers()
    label = f"{document.body['type']} {document.id[:10]}"
    seen: set[str] = set()
    for signature in envelope.signatures:
        if signature.role in seen or due.get(signature.role) != signature.signer:
            raise InvalidSignature(
                f"{label}: {signature.signer} cannot sign as {signature.role}", role=signature.role
            )
        seen.add(signature.role)
        _check_one(document, signature, domain, contract, label)
    if not partial and (missing := set(due) - seen):
        raise InvalidSignature(f"{label}: not signed by its {' and '.join(sorted(missing))}")


def _check_one(
    document: Document, signature: Signature, domain: Domain, contract: ContractSigner | None, label: str
) -> None:
    raw = bytes.fromhex(signature.signature[2:])
    value = document_digest(document, signature.role, domain)
    try:
        signer: str | None = recover(value, raw)
    except InvalidSignature:
        if contract is None:
            raise
        signer = None
    if signer == signature.signer or (contract is not None and contract(signature.signer, value, raw)):
        return
    raise InvalidSignature(
        f"{label}: the {signature.role} signature is not by {signature.signer}",
        hint="The document was changed after signing, or was signed for another chain.",
        role=signature.role,
    )


def parse_envelope(value: Any) -> Envelope:
    """An envelope from plain JSON values of any origin; signatures are not checked yet.

    Raises `InvalidDocument`: not an envelope, or a field is wrong. `NewerFormat`: of a later version.
    """
    if isinstance(value, dict):
        # first: what a later version is sealed with may be later, too
        require_readable(value.get("document"))
    if not isinstance(value, dict) or set(value) != {"document", "signatures"}:
        raise InvalidDocument("an envelope has exactly the fields document and signatures")
    if not isinstance(value["signatures"], list) or len(value["signatures"]) > 8:
        raise InvalidDocument("signatures is a list of at most 8")
    try:
        signatures = tuple(Signature.model_validate(item) for item in value["signatures"])
    except ValidationError as error:
        raise invalid(error) from None
    return Envelope(parse_document(value["document"]), signatures)


def read_envelope(data: bytes) -> Envelope:
    """An envelope from untrusted bytes."""
    return parse_envelope(parse(data))

"""Signed notes: a text with the signatures of named keys under it (C2SP signed-note).

Two kinds of key: plain Ed25519 over the text (type 1), by which a log signs its checkpoints, and
timestamped cosignatures (type 4, C2SP tlog-cosignature), by which a witness says "I saw this as
the newest". Unknown keys are ignored, a bad signature of a known key refuses the whole note.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from freehold.core.errors import InvalidInput, InvalidSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = 0x01
COSIGNATURE_V1 = 0x04

MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64
MAX_NAME_BYTES = 512
MAX_SIGNATURE_BYTES = 8 * 1024
MAX_TIME = 2**63 - 1

_SEPARATOR = "\n\n"
_SIGNATURE_START = "\N{EM DASH} "


class InvalidNote(InvalidInput, code="note.invalid"):
    """The bytes are not a signed note, or a key is not a verifier key."""


class NoteNotSigned(InvalidSignature, code="note.signature"):
    """No trusted key signed the note, or the signature of a trusted key is wrong."""


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line under a note, as read; nothing about it is verified."""

    name: str
    """Key name."""
    key_id: bytes
    """First 4 bytes of the signature blob."""
    signature: bytes
    """The rest of the blob."""


@dataclass(frozen=True, slots=True)
class ParsedNote:
    """A well-formed note whose signatures nobody has checked yet."""

    text: str
    """The signed text with its final newline."""
    signatures: tuple[SignatureLine, ...]
    """At least one, in the order of the note."""


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note signed by at least one trusted key."""

    text: str
    """The signed text with its final newline."""
    verified: dict[VerifierKey, int | None]
    """Trusted keys that signed, at least one, with the Unix seconds a cosigner stated."""
    ignored: tuple[SignatureLine, ...] = ()
    """Signatures of keys that are not trusted here."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name, written `name+keyid+base64(type, key)`."""

    name: str
    """Key name, by convention the origin of the log."""
    kind: int
    """`ED25519` or `COSIGNATURE_V1`."""
    public: bytes
    """32-byte Ed25519 public key."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.kind not in {ED25519, COSIGNATURE_V1}:
            raise InvalidNote("this type of verifier key is not supported", kind=self.kind)
        if len(self.public) != 32:
            raise InvalidNote("an Ed25519 public key has 32 bytes")

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key; the key id inside must belong to name and key."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        blob = _b64(encoded, limit=64)
        if not blob:
            raise InvalidNote("a verifier key is written name+keyid+key")
        key = cls(name, blob[0], blob[1:])
        if key_id != key.key_id.hex():
            raise InvalidNote("the key id does not belong to this name and key", name=name)
        return key

    @property
    def key_id(self) -> bytes:
        """4 bytes that, with the name, say which key signed."""
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        encoded = b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """Check a signature blob (without key id); the stated time of a cosignature, else None."""
        from cryptography.exceptions import InvalidSignature as BadSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        time = None
        message = text.encode()
        if self.kind == COSIGNATURE_V1:
            time, signature = int.from_bytes(signature[:8]), signature[8:]
            message = _cosigned(text, time)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (BadSignature, ValueError) as error:
            raise NoteNotSigned(
                "a signature on the note is wrong",
                hint="The note was altered, or somebody else uses this key name.",
                key=str(self),
            ) from error
        return time


@dataclass(frozen=True, slots=True)
class Signer:
    """A named private key. Its text form shows the public part only."""

    key: VerifierKey
    """The public side, to be given to verifiers."""
    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, name: str, seed: bytes, *, kind: int = ED25519) -> Signer:
        """The signer of a 32-byte Ed25519 seed. A witness must not use its log's seed (type 4)."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        if len(seed) != 32:
            raise InvalidNote("an Ed25519 seed has 32 bytes")
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(VerifierKey(name, kind, private.public_key().public_bytes_raw()), private)

    def line(self, text: str, *, time: int | None = None) -> str:
        """The signature line over `text`; a cosigner must state the `time` in Unix seconds."""
        if (time is None) != (self.key.kind == ED25519):
            raise InvalidNote("a cosignature states a time, a plain signature does not")
        if time is None:
            blob = self._private.sign(text.encode())
        else:
            if not 0 <= time <= MAX_TIME:
                raise InvalidNote("the time of a cosignature is out of range", time=time)
            blob = time.to_bytes(8) + self._private.sign(_cosigned(text, time))
        return f"{_SIGNATURE_START}{self.key.name} {b64encode(self.key.key_id + blob).decode()}\n"


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """First 4 bytes of SHA-256(name, newline, type byte, public key)."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def check_name(name: str) -> None:
    """Refuse a key name that a note cannot carry: empty, with spaces, controls or `+`."""
    if not name or len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        raise InvalidNote("a key name must have 1 to 512 bytes")
    if any(letter.isspace() or letter == "+" or letter < " " for letter in name) or not _encodable(name):
        raise InvalidNote("a key name must not contain spaces, plus signs or control characters")


def sign(text: str, signer: Signer, *, time: int | None = None) -> str:
    """A note of `text` (which must end in a newline) with one signature."""
    _check_text(text)
    return text + "\n" + signer.line(text, time=time)


def parse_note(note: str | bytes) -> ParsedNote:
    """Split a note into text and signature lines, strictly; verifies nothing."""
    if len(note) > MAX_NOTE_BYTES:
        raise InvalidNote("the note is too long", limit_bytes=MAX_NOTE_BYTES)
    try:
        whole = note.decode() if isinstance(note, bytes) else note
    except UnicodeDecodeError as error:
        raise InvalidNote("the note is not UTF-8") from error
    body, separator, tail = whole.rpartition(_SEPARATOR)
    if not separator or not tail.endswith("\n"):
        raise InvalidNote("the note has no signatures under an empty line")
    text = body + "\n"
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InvalidNote("the note has too many signatures", limit=MAX_SIGNATURES)
    return ParsedNote(text, tuple(_parse_line(line) for line in lines))


def open_note(note: str | bytes, keys: Iterable[VerifierKey | str]) -> SignedNote:
    """Verify a note against the trusted keys; raises `NoteNotSigned` when none of them signed it."""
    trusted: dict[tuple[str, bytes], VerifierKey] = {}
    for given in keys:
        key = VerifierKey.parse(given) if isinstance(given, str) else given
        if trusted.setdefault((key.name, key.key_id), key) != key:
            raise InvalidNote("two trusted keys share one name and key id", name=key.name)
    parsed = parse_note(note)
    verified: dict[VerifierKey, int | None] = {}
    ignored: list[SignatureLine] = []
    for line in parsed.signatures:
        known = trusted.get((line.name, line.key_id))
        if known is None:
            ignored.append(line)
        else:
            verified.setdefault(known, known.verify(parsed.text, line.signature))
    if not verified:
        raise NoteNotSigned(
            "no trusted key signed the note",
            hint="Check that the verifier key belongs to this log.",
            signed_by=[line.name for line in parsed.signatures],
        )
    return SignedNote(parsed.text, verified, tuple(ignored))


def _parse_line(line: str) -> SignatureLine:
    if not line.startswith(_SIGNATURE_START):
        raise InvalidNote("a signature line must start with an em dash and a space")
    name, _, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
    check_name(name)
    blob = _b64(encoded, limit=MAX_SIGNATURE_BYTES)
    if len(blob) < 5:
        raise InvalidNote("a signature is too short", name=name)
    return SignatureLine(name, blob[:4], blob[4:])


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise InvalidNote("the text of a note must end in a newline")
    if any(letter < " " and letter != "\n" for letter in text) or not _encodable(text):
        raise InvalidNote("a note must be text without control characters")


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _b64(text: str, *, limit: int) -> bytes:
    """Standard base64 in its one canonical spelling, at most `limit` bytes."""
    if len(text) > limit // 3 * 4 + 4:
        raise InvalidNote("a base64 field is too long")
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidNote("a base64 field is malformed") from error
    if b64encode(data).decode() != text:
        raise InvalidNote("a base64 field is not in its canonical form")
    return data


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()

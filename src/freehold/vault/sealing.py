"""Sealing data under an epoch secret, and wrapping that secret to one holder.

The payload is a standard age file (C2SP age, X25519 recipient), which the `age` tool opens with
the epoch secret. The secret is an age identity; it travels under HPKE base mode (RFC 9180,
DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM) whose `info` names asset, epoch and holder,
so a wrapped secret cannot be passed off as another's.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from freehold.core.errors import InvalidInput, NotAllowed, VerificationFailed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import Suite
    from pyrage.x25519 import Identity

MAX_HEADER_BYTES = 64 * 1024
_BODY_LINE = 64


class Reader(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class SealBroken(VerificationFailed, code="vault.seal"):
    """The sealed data was altered or cut short."""


class HeaderChecked:
    """The same stream, its header already found to be in the strict form.

    The library accepts a form from before age v1, too: a stanza without its last, short line. C2SP age says "each
    stanza body MUST end with a line of less than 64 characters", so two different headers would pass as one. All
    else is left to the library.
    """

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._read_ahead = b""
        while (end := self._read_ahead.find(b"\n---")) < 0:
            piece = source.read(8192)
            if not piece:
                return
            self._read_ahead += piece
            if len(self._read_ahead) > MAX_HEADER_BYTES:
                raise SealBroken("the header of the sealed data is too long", limit_bytes=MAX_HEADER_BYTES)
        _check_stanzas(self._read_ahead[:end].split(b"\n")[1:])

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._read_ahead:
            return self._source.read(size)
        piece, self._read_ahead = self._read_ahead[:size], self._read_ahead[size:]
        return piece


def _check_stanzas(lines: list[bytes]) -> None:
    body_open = False
    for line in [*lines, b"-> end"]:
        if line.startswith(b"-> "):
            if body_open:
                raise SealBroken("a stanza in the header of the sealed data is not ended")
            body_open = True
        elif len(line) < _BODY_LINE:
            body_open = False


WRAPPED_BYTES = 32 + 74 + 16
"""Encapsulated key, age identity text, AEAD tag."""

MAX_ASSET_BYTES = 512


class WrongEpochKey(NotAllowed, code="vault.key"):
    """The data was sealed for another epoch secret, or the secret was wrapped for somebody else."""


class InvalidEpochKey(InvalidInput, code="vault.key_invalid"):
    """A secret, recipient, holder key or asset name is malformed."""


class Writer(Protocol):
    """What can be written in pieces."""

    def write(self, data: bytes, /) -> int:
        """Take all of `data`."""


@dataclass(frozen=True, slots=True)
class EpochSecret:
    """The age identity of one epoch of one asset. Its text form hides it."""

    identity: str = field(repr=False)
    """`AGE-SECRET-KEY-1...`, 74 characters."""

    def __post_init__(self) -> None:
        self._parsed()

    @classmethod
    def generate(cls) -> EpochSecret:
        """A fresh secret from the operating system's randomness."""
        from pyrage import x25519  # noqa: PLC0415

        return cls(str(x25519.Identity.generate()))

    @property
    def recipient(self) -> str:
        """The public side, `age1...`."""
        return str(self._parsed().to_public())

    def _parsed(self) -> Identity:
        from pyrage import IdentityError, x25519  # noqa: PLC0415

        try:
            return x25519.Identity.from_str(self.identity)
        except IdentityError:
            # Without the cause: its text could quote the secret.
            raise InvalidEpochKey("this is not an epoch secret") from None


def seal(source: Reader, target: Writer, recipient: str) -> None:
    """Encrypt a stream to an age recipient, 64 kB at a time."""
    import pyrage  # noqa: PLC0415

    try:
        public = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError as error:
        raise InvalidEpochKey("this is not an age recipient") from error
    reader, writer = _Pipe(source=source), _Pipe(target=target)
    try:
        pyrage.encrypt_io(reader, writer, [public])
    except (pyrage.EncryptError, OSError) as error:
        reader.raise_failure()
        writer.raise_failure()
        raise SealBroken("the data could not be encrypted") from error


def unseal(source: Reader, target: Writer, secret: EpochSecret) -> None:
    """Decrypt an age stream. On an error what `target` has received so far must be discarded."""
    import pyrage  # noqa: PLC0415

    reader, writer = _Pipe(source=HeaderChecked(source)), _Pipe(target=target)
    try:
        pyrage.decrypt_io(reader, writer, [secret._parsed()])  # noqa: SLF001
    except (pyrage.DecryptError, OSError) as error:
        reader.raise_failure()
        writer.raise_failure()
        if "No matching keys" in str(error):
            raise WrongEpochKey(
                "the data was sealed under another key",
                hint="Ask its owner to share the epoch this version was sealed in.",
            ) from error
        raise SealBroken(
            "the sealed data was altered or cut short", hint="Fetch the data again from its owner."
        ) from error


def seal_bytes(plaintext: bytes, recipient: str) -> bytes:
    """`seal` for small data."""
    target = io.BytesIO()
    seal(io.BytesIO(plaintext), target, recipient)
    return target.getvalue()


def unseal_bytes(sealed: bytes, secret: EpochSecret) -> bytes:
    """`unseal` for small data."""
    target = io.BytesIO()
    unseal(io.BytesIO(sealed), target, secret)
    return target.getvalue()


def wrap(secret: EpochSecret, holder_public: bytes, *, asset: str, epoch: int) -> bytes:
    """The epoch secret for one holder: encapsulated key then ciphertext, 122 bytes."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey  # noqa: PLC0415

    info = _info(asset, epoch, holder_public)
    try:
        public = X25519PublicKey.from_public_bytes(holder_public)
        return _suite().encrypt(secret.identity.encode(), public, info)
    except ValueError as error:
        # Low-order points give the zero shared secret and are refused by the library.
        raise InvalidEpochKey("the holder's encryption key is not usable") from error


def unwrap(wrapped: bytes, holder_key: bytes, *, asset: str, epoch: int) -> EpochSecret:
    """The epoch secret from its wrapped form with the holder's X25519 private key."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    private = X25519PrivateKey.from_private_bytes(holder_key)
    info = _info(asset, epoch, private.public_key().public_bytes_raw())
    try:
        if len(wrapped) != WRAPPED_BYTES:
            raise InvalidEpochKey("a wrapped epoch secret has 122 bytes", size_bytes=len(wrapped))
        identity = _suite().decrypt(wrapped, private, info).decode()
    except (InvalidTag, ValueError) as error:
        raise WrongEpochKey(
            "the wrapped secret is not for this key, asset and epoch",
            hint="Ask the owner to share this epoch with your current encryption key.",
            asset=asset,
            epoch=epoch,
        ) from error
    return EpochSecret(identity)


def _suite() -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite  # noqa: PLC0415

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


def _info(asset: str, epoch: int, holder_public: bytes) -> bytes:
    name = asset.encode()
    if not name or len(name) > MAX_ASSET_BYTES or any(byte < 0x20 for byte in name):
        raise InvalidEpochKey("an asset name must be one line of 1 to 512 bytes")
    if not 1 <= epoch < 2**53:
        raise InvalidEpochKey("epochs count from 1", epoch=epoch)
    if len(holder_public) != 32:
        raise InvalidEpochKey("an encryption key has 32 bytes")
    return b"\n".join((b"freehold/epoch/v1", name, str(epoch).encode(), holder_public.hex().encode()))


class _Pipe:
    """Carries the first failure of the caller's stream past the library, which reports all as one kind and may go on."""

    def __init__(self, *, source: Reader | None = None, target: Writer | None = None) -> None:
        self._source = source
        self._target = target
        self._failure: BaseException | None = None

    def read(self, size: int) -> bytes:
        assert self._source is not None
        try:
            return self._source.read(size)
        except BaseException as error:
            self._failure = self._failure or error
            raise

    def write(self, data: bytes) -> int:
        assert self._target is not None
        try:
            self._target.write(data)
        except BaseException as error:
            self._failure = self._failure or error
            raise
        return len(data)

    def flush(self) -> None:
        """Buffers are the caller's own business."""

    def raise_failure(self) -> None:
        """Raise what the stream raised, if it was the stream that failed."""
        if self._failure is not None:
            raise self._failure

"""A party's three private keys, and the one file that keeps them.

The file is a JWE in compact form (RFC 7516) under PBES2-HS512+A256KW (RFC 7518 section 4.8) and
A256GCM, so any JOSE library opens it with the passphrase.
"""

from __future__ import annotations

import json
import os
import unicodedata
from base64 import urlsafe_b64decode
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from secrets import token_bytes
from typing import Any

from freehold import durable, plain_file
from freehold.core import causes
from freehold.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from freehold.core.texts import said

ALGORITHM = "PBES2-HS512+A256KW"
ENCRYPTION = "A256GCM"
ITERATIONS = 210_000
"""OWASP's figure for PBKDF2-HMAC-SHA512; 0.1 to 0.2 s on one core."""
MIN_ITERATIONS = 10_000
MAX_ITERATIONS = 300_000
"""What the JOSE library accepts; a hostile file must not buy minutes of work."""
MAX_FILE_BYTES = 64 * 1024
VERSION = 1
_NOT_OURS = "Is this the home of a node? Restore keys.jwe from a backup if it is."

_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of secp256k1 (SEC 2, section 2.4.1)."""


class WrongPassphrase(NotAllowed, code="keystore.passphrase"):
    """The passphrase does not open the key file."""


class KeystoreMissing(NotFound, code="keystore.missing"):
    """There is no key file at this path."""


class KeystoreExists(Conflict, code="keystore.exists"):
    """A key file stands where a new one was to be written."""


class InvalidKeystore(InvalidInput, code="keystore.invalid"):
    """The file is not a key file of this kind, or a key in it is out of range."""


@dataclass(frozen=True, repr=False)
class Keys:
    """Private keys of one party. Never printed, never logged."""

    account_key: bytes
    """32 bytes, secp256k1: signs documents and transactions."""
    log_seed: bytes
    """32 bytes, Ed25519 seed: signs checkpoints and peer requests."""
    encryption_key: bytes
    """32 bytes, X25519: epoch secrets are wrapped to its public side."""

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if not isinstance(value, bytes) or len(value) != 32:
                raise InvalidKeystore(said("a private key must have 32 bytes"), field=part.name)
        if not 0 < int.from_bytes(self.account_key) < _CURVE_ORDER:
            raise InvalidKeystore(
                said("the account key is outside the range of secp256k1"), field="account_key"
            )

    def __repr__(self) -> str:
        return f"Keys(account={self.account})"

    @classmethod
    def generate(cls) -> Keys:
        """Fresh keys from the operating system's randomness."""
        while not 0 < int.from_bytes(account_key := token_bytes(32)) < _CURVE_ORDER:
            pass
        return cls(account_key, token_bytes(32), token_bytes(32))

    @cached_property
    def account_public(self) -> bytes:
        """Uncompressed secp256k1 point, 65 bytes."""
        from coincurve import PrivateKey  # noqa: PLC0415

        return bytes(PrivateKey(self.account_key).public_key.format(compressed=False))

    @cached_property
    def account(self) -> str:
        """Account address, lower-case 0x hex: the last 20 bytes of keccak256 of the point."""
        from eth_hash.auto import keccak  # noqa: PLC0415

        return "0x" + keccak(self.account_public[1:])[-20:].hex()

    @cached_property
    def encryption_public(self) -> bytes:
        """X25519 public key, 32 bytes."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

        return X25519PrivateKey.from_private_bytes(self.encryption_key).public_key().public_bytes_raw()

    def derived(self, purpose: str) -> bytes:
        """A secret of 32 bytes for one purpose (HKDF-SHA256, RFC 5869), which needs no place on disk."""
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        return HKDF(SHA256(), 32, None, f"freehold/{purpose}".encode()).derive(self.encryption_key)

    def save(self, path: Path | str, passphrase: str, *, replace: bool = False) -> None:
        """Write the key file (mode 0600) whole or not at all.

        An existing file is refused unless `replace`: keys written over are lost for ever.
        """
        content = {"version": VERSION} | {part.name: getattr(self, part.name).hex() for part in fields(self)}
        token = encrypt(json.dumps(content).encode(), passphrase)
        try:
            durable.write(Path(path), token, replace=replace)
        except FileExistsError as error:
            raise KeystoreExists(
                said("a key file exists already"),
                hint=said("Use it, or choose another home. Its keys cannot be made again."),
                path=str(path),
            ) from error

    @classmethod
    def load(cls, path: Path | str, passphrase: str) -> Keys:
        """Read a key file."""
        plaintext = decrypt(_read(Path(path)), passphrase)
        try:
            content = json.loads(plaintext)
            version = content["version"]
            keys = [bytes.fromhex(content[part.name]) for part in fields(cls)]
        except (KeyError, TypeError, ValueError):
            # Without the cause: its text could quote a key.
            raise InvalidKeystore(said("the key file lacks a key or holds a malformed one")) from None
        if version != VERSION:
            raise InvalidKeystore(
                said("the key file has another version"),
                hint=said("Use the release of Freehold that wrote it."),
            )
        return cls(*keys)


def _read(path: Path) -> bytes:
    try:
        with plain_file.regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                raise InvalidKeystore(
                    said(
                        "the file is too large to be a key file, over {max_file} bytes",
                        max_file=MAX_FILE_BYTES,
                    ),
                    path=str(path),
                )
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError as error:
        raise KeystoreMissing(
            said("there is no key file"), hint=said("`freehold up` makes one at first start."), path=str(path)
        ) from error
    except OSError as error:
        raise causes.of(error, "read the key file") from error


def _key(passphrase: str) -> Any:
    from joserfc.jwk import OctKey  # noqa: PLC0415

    # One passphrase typed on two keyboards may differ in bytes only (RFC 8265 section 4.2.2).
    raw = unicodedata.normalize("NFC", passphrase).encode()
    if not raw:
        raise InvalidKeystore(
            said("the passphrase is empty"), hint=said("Choose a passphrase of several words.")
        )
    # `import_key` is for random keys and warns about short ones; PBES2 takes passphrases of any length.
    return OctKey(raw, raw)


def require_whole(path: Path) -> None:
    """That a file looks like a key file, as far as that can be seen without its passphrase.

    Raises `KeystoreMissing`, `InvalidKeystore`.
    """
    _check_header(_read(path))


def encrypt(plaintext: bytes, passphrase: str) -> bytes:
    """Bytes under a passphrase, as a compact JWE."""
    from joserfc import jwe  # noqa: PLC0415

    header = {"alg": ALGORITHM, "enc": ENCRYPTION, "p2c": ITERATIONS}
    return jwe.encrypt_compact(
        header, plaintext, _key(passphrase), algorithms=[ALGORITHM, ENCRYPTION]
    ).encode()


def decrypt(token: bytes, passphrase: str) -> bytes:
    """What `encrypt` was given.

    Raises `WrongPassphrase`: it does not open; or the token is damaged, or not of the form `encrypt` makes.
    """
    from joserfc import jwe  # noqa: PLC0415
    from joserfc.errors import JoseError  # noqa: PLC0415

    _check_header(token)
    try:
        plaintext = jwe.decrypt_compact(token, _key(passphrase), algorithms=[ALGORITHM, ENCRYPTION]).plaintext
    except (JoseError, ValueError) as error:
        raise WrongPassphrase(
            said("the passphrase does not open the key file"),
            hint=said("Try again. If it is right, the file is damaged: restore it from a backup."),
        ) from error
    assert plaintext is not None
    return plaintext


def _check_header(token: bytes) -> None:
    """Refuse a foreign or costly file before any key is derived."""
    encoded, *rest = token.strip().split(b".")
    try:
        header = json.loads(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
    except ValueError as error:
        raise InvalidKeystore(said("the file is not a key file"), hint=_NOT_OURS) from error
    if len(rest) != 4 or not isinstance(header, dict) or set(header) != {"alg", "enc", "p2c", "p2s"}:
        raise InvalidKeystore(said("the file is not a key file"), hint=_NOT_OURS)
    if (header["alg"], header["enc"]) != (ALGORITHM, ENCRYPTION):
        raise InvalidKeystore(said("the key file uses another algorithm"))
    rounds = header["p2c"]
    if type(rounds) is not int or not MIN_ITERATIONS <= rounds <= MAX_ITERATIONS:
        raise InvalidKeystore(said("the key file asks for an unreasonable number of rounds"))

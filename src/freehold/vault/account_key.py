"""A wallet's key as people hold one: hex, a file of it, a keystore of version 3, or an account object that has it.

It is never quoted: no error and no `repr` says any of it. So no text is either that no file is called: it may be a key
with a slip in it, or the words that one is recovered from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freehold import plain_file
from freehold.core.errors import InvalidInput
from freehold.core.extras import needed
from freehold.vault.keystore import MAX_FILE_BYTES, Keys

_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_WAYS = (
    "Give 64 hex digits, the path of a file that holds them, a keystore of version 3 with its passphrase,"
    " or an eth_account LocalAccount."
)

Passphrase = str | Callable[[], str]
"""Of a keystore, or what asks for it."""


class InvalidKey(InvalidInput, code="key.invalid"):
    """What was given is no private key of an account."""


def read(key: object, passphrase: Passphrase | None = None) -> bytes:
    """The 32 bytes of an account's key. Raises InvalidKey."""
    held = getattr(key, "key", key)
    if isinstance(held, bytes):
        return _required(bytes(held))
    if isinstance(held, str) and _HEX.fullmatch(held.strip()):
        return _required(_from_hex(held))
    if isinstance(held, str | Path) and (path := _standing(held)):
        return _from_file(path, passphrase)
    raise InvalidKey("this is neither a private key nor the path of a file that is there", hint=_WAYS)


def wallet_keys(account_key: bytes) -> Keys:
    """All keys of a party that has a wallet and nothing else: the others follow from its account's (HKDF-SHA256)."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    def derived(purpose: str) -> bytes:
        return HKDF(SHA256(), 32, None, f"freehold/wallet/{purpose}".encode()).derive(account_key)

    return Keys(account_key, derived("log"), derived("encryption"))


def _standing(named: str | Path) -> Path | None:
    try:
        path = Path(named).expanduser()
        path.lstat()
    except (OSError, ValueError, RuntimeError):
        return None
    return path


def _from_file(path: Path, passphrase: Passphrase | None) -> bytes:
    with plain_file.opened(path) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if _HEX.fullmatch(text):
        return _required(_from_hex(text))
    try:
        value = json.loads(text) if len(content) <= MAX_FILE_BYTES else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidKey(f"{path.name} holds no private key", hint=_WAYS)
    return _from_keystore(path.name, value, passphrase)


def _from_keystore(name: str, value: dict[str, Any], passphrase: Passphrase | None) -> bytes:
    with needed("keystore"):
        from eth_keyfile.keyfile import decode_keyfile_json  # noqa: PLC0415 - an extra
    if passphrase is None:
        raise InvalidKey(f"{name} is a keystore and needs its passphrase", hint="Give passphrase=.")
    said = passphrase() if callable(passphrase) else passphrase
    try:
        return _required(bytes(decode_keyfile_json(value, said.encode())))
    except InvalidKey:
        raise
    except Exception:  # noqa: BLE001 - whatever it raises may quote what it was given
        raise InvalidKey(
            f"{name} cannot be opened with this passphrase, or is no keystore of version 3", hint=_WAYS
        ) from None


def _from_hex(text: str) -> bytes:
    return bytes.fromhex(text.strip().removeprefix("0x"))


def _required(key: bytes) -> bytes:
    try:
        Keys(key, bytes(32), bytes(32))
    except InvalidInput:
        raise InvalidKey("this is no private key of secp256k1", hint=_WAYS) from None
    return key

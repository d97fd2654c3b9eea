"""One sealed file under a passphrase, of any size: what a backup is wrapped in.

```
freehold-backup/v1                                  one line
eyJhbGciOiJQQkVTMi1IUzUxMitBMjU2S1ciLCJlbmMiOi...   one line: a JWE as in key files (RFC 7516)
age-encryption.org/v1 ...                           the rest: an age file (C2SP age)
```

The JWE holds a fresh age identity, and the age file is sealed to it. Its recipient stands nowhere
else, so only who knows the passphrase can make a file that opens. A JOSE library and the `age` tool
open it without Freehold.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from freehold.core.errors import InvalidInput
from freehold.vault import keystore, sealing
from freehold.vault.keystore import InvalidKeystore, WrongPassphrase
from freehold.vault.sealing import EpochSecret, Reader, SealBroken, Writer

MAGIC = b"freehold-backup/v1\n"
MAX_TOKEN_BYTES = 8 * 1024
_TOKEN = re.compile(rb"[A-Za-z0-9_.-]{1,8191}")


class NotABackup(InvalidInput, code="backup.format"):
    """The file is not a backup, or one of another version."""


def seal(source: Reader, target: Writer, passphrase: str) -> None:
    """Write `source` sealed under a passphrase; memory does not grow with it."""
    secret = EpochSecret.generate()
    token = keystore.encrypt(secret.identity.encode(), passphrase)
    target.write(MAGIC + token + b"\n")
    sealing.seal(source, target, secret.recipient)


def unseal(source: BinaryIO, target: Writer, passphrase: str) -> None:
    """Open what `seal` wrote. When this raises, discard what `target` received.

    Raises `NotABackup`, `WrongPassphrase`. `SealBroken`: altered or cut short.
    """
    magic = source.readline(len(MAGIC))
    if magic != MAGIC:
        if MAGIC.startswith(magic):
            raise _cut("only its beginning is there" if magic else "nothing is in it")
        raise NotABackup(
            "the file is not a Freehold backup", hint="Choose a file that `freehold backup` wrote."
        )
    line = source.readline(MAX_TOKEN_BYTES)
    token = line.rstrip(b"\n")
    if token == line and len(line) < MAX_TOKEN_BYTES:
        raise _cut("only its beginning is there")
    if not _TOKEN.fullmatch(token):
        raise NotABackup("the head of the backup is damaged", hint="Use another copy of it.")
    secret = _secret(token, passphrase)
    try:
        sealing.unseal(source, target, secret)
    except SealBroken as error:
        raise SealBroken(
            "the backup is cut short, or was altered",
            hint="Copy it again and compare the sizes, or use another copy.",
        ) from error


def _cut(why: str) -> NotABackup:
    return NotABackup(f"the backup is cut short: {why}", hint="Copy it again, or use another copy.")


def _secret(token: bytes, passphrase: str) -> EpochSecret:
    try:
        return EpochSecret(keystore.decrypt(token, passphrase).decode())
    except InvalidKeystore as error:
        raise NotABackup("the head of the backup is damaged", hint="Use another copy of it.") from error
    except WrongPassphrase as error:
        raise WrongPassphrase(
            "the passphrase does not open the backup",
            hint="Give the one the node had when the backup was made. If it is right, the file is damaged.",
        ) from error
    except (UnicodeDecodeError, sealing.InvalidEpochKey):
        # Without the cause: its text could quote the secret.
        raise NotABackup("the backup holds no key", hint="Use another copy of it.") from None

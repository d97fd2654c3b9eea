"""What a backup says about itself; the first thing in it."""

from __future__ import annotations

from base64 import b32decode
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Count, Value, invalid
from freehold.core.errors import InvalidDocument
from freehold.core.ids import Account, Hash
from freehold.kernel.databases.opening import FILE
from freehold.kernel.reading import KEYS_FILE
from freehold.vault.envelope import NotABackup

NAME = "manifest.json"
KEYS, CONFIG, DATABASE, BLOBS = KEYS_FILE, "config.toml", FILE, "blobs"
MAX_BYTES = 32 * 1024 * 1024
MAX_FILES = 100_000
SMALL_BYTES = 64 * 1024
"""Most that keys and settings may take."""


class Entry(Value):
    """One file."""

    name: Annotated[
        str,
        Field(pattern=r"^(keys\.jwe|config\.toml|node\.sqlite|blobs/bafkrei[a-h][a-z2-7]{50}[aeimquy4])$"),
    ]
    """The only names there can be, so that no file can land anywhere else."""
    size_bytes: Count
    sha256: Hash

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.name in (KEYS, CONFIG) and self.size_bytes > SMALL_BYTES:
            raise ValueError("keys or settings are too large")
        if self.name.startswith(f"{BLOBS}/") and self.sha256 != blob_sha256(
            self.name.removeprefix(f"{BLOBS}/")
        ):
            raise ValueError("a blob's hash is not the one in its name")
        return self


class Manifest(Value):
    """All files of a backup, in the order in which they follow, and what they must come to."""

    format: Literal["freehold-backup"] = "freehold-backup"
    version: Literal[1] = 1
    software: Annotated[str, Field(max_length=100)]
    """Version of Freehold that wrote it."""
    created_at: Count
    """Unix seconds."""
    account: Account
    chain_id: Count
    log_size: Count
    log_root: Hash
    data_elsewhere: bool
    """The encrypted data lies in a remote store and is not in the backup."""
    files: Annotated[tuple[Entry, ...], Field(max_length=MAX_FILES)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        names = [entry.name for entry in self.files]
        if names[:3] != [KEYS, CONFIG, DATABASE] or len(set(names)) != len(names):
            raise ValueError("files are missing, doubled or out of order")
        return self

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(entry.size_bytes for entry in self.files)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_bytes(self.model_dump(mode="json"))

    @classmethod
    def read(cls, data: bytes) -> Manifest:
        """A manifest out of untrusted bytes; NotABackup names the field that is wrong."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            reason: InvalidDocument = invalid(error)
            raise NotABackup(
                f"the manifest of the backup is wrong: {reason.message}", hint="Use another copy of it."
            ) from None


def blob_sha256(cid: str) -> str:
    """The hash that a content id names, 0x hex (CIDv1: 4 bytes of prefix, then the digest)."""
    padded = cid[1:].upper().ljust(64, "=")
    return "0x" + b32decode(padded)[4:].hex()

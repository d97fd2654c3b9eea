"""Content-addressed storage: a blob's name is the hash of its bytes.

Names are CIDv1 with the raw codec and SHA-256, in base32 (multiformats CID specification), the form IPFS tools
print: always 59 characters, so that a content id is also a safe file name. The store is a local
directory or any S3-compatible service, through one door. A blob appears whole or not at all:
bytes are first spooled beside the store (they are ciphertext), hashed on the way, then moved.
"""

from __future__ import annotations

import os
import re
import stat
from base64 import b32encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import unquote, urlsplit

from freehold import durable
from freehold.core.causes import FULL, StorageFull
from freehold.core.errors import InvalidInput, VerificationFailed
from freehold.vault.spool import Spool, sweep
from freehold.vault.stores import CHUNK_BYTES, Bucket, Folder, InvalidBlobStore, Store

_CID_PREFIX = bytes((0x01, 0x55, 0x12, 0x20))
"""CID version 1, raw codec, SHA-256, 32 bytes (multiformats tables)."""
_CID = re.compile("bafkrei[a-h][a-z2-7]{51}")


class InvalidCid(InvalidInput, code="blob.cid"):
    """The text is not the content id of a raw SHA-256 blob."""


def cid_from_digest(digest: bytes) -> str:
    """Content id of bytes with this SHA-256 digest."""
    return "b" + b32encode(_CID_PREFIX + digest).decode().lower().rstrip("=")


def cid_of(content: bytes) -> str:
    """Content id of these bytes."""
    return cid_from_digest(sha256(content).digest())


def check_cid(cid: str) -> str:
    """The same text if it is a content id of the only kind used here, in its one spelling."""
    # 36 bytes leave two bits of the last letter unused; another letter there would be an alias
    if _CID.fullmatch(cid) is None or cid[-1] not in "aeimquy4":
        raise InvalidCid("this is not a content id", hint="Content ids start with bafkrei.")
    return cid


class BlobCorrupt(VerificationFailed, code="blob.corrupt"):
    """The stored bytes do not have the hash in their name, or are more than expected."""


class Blobs:
    """A blob store at a directory path, `file://` address or `s3://bucket/prefix` address.

    `options` go to the S3 client (`endpoint`, `region`, `access_key_id`, ...); what is not given is
    read from the usual AWS environment variables.
    """

    def __init__(self, url: str | Path, *, spool_directory: Path | None = None, **options: Any) -> None:
        directory = local_directory(url)
        if directory is None:
            self._store: Store = Bucket(str(url), options)
            self._incoming = spool_directory or Path(gettempdir()) / f"freehold-incoming-{os.getuid()}"
        else:
            self._store = Folder(directory)
            # The same file system as the store, so that a rename completes a blob.
            self._incoming = directory / ".incoming"
        with suppress(FileExistsError):
            self._incoming.mkdir(mode=0o700, parents=True)
        _require_own(self._incoming)
        sweep(self._incoming)

    @contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """A stream to write one blob; complete, with its `cid`, once the block ends without error."""
        try:
            with Spool(self._incoming) as spool:
                writer = BlobWriter(spool)
                yield writer
                durable.sync(spool.file)
                self._store.put(writer.cid, spool.path)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise StorageFull(
                "there is no room to store the blob",
                hint="Free some space or choose another store, then retry.",
            ) from error

    def reader(self, cid: str, *, limit_bytes: int) -> BlobReader:
        """A stream of one blob that checks the hash at its end."""
        found = self._store.find(check_cid(cid))
        if found.size_bytes > limit_bytes:
            raise BlobCorrupt("the blob is larger than expected", cid=cid, limit_bytes=limit_bytes)
        return BlobReader(cid, found.pieces, limit_bytes)

    def exists(self, cid: str) -> bool:
        """Whether the store lists this blob; says nothing about its bytes."""
        return self._store.holds(check_cid(cid))

    def present(self) -> set[str] | None:
        """What lies in a local store, which costs nothing to list; None for a remote one."""
        store = self._store
        return {path.name for path in store.directory.iterdir()} if isinstance(store, Folder) else None


class BlobWriter:
    """Takes the pieces of one blob."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._hash = sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Add a piece."""
        self._spool.file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)
        return len(data)

    @property
    def cid(self) -> str:
        """Content id of what was written so far."""
        return cid_from_digest(self._hash.digest())


class BlobReader:
    """Gives the pieces of one blob. Not trustworthy before the end was read without `BlobCorrupt`."""

    def __init__(self, cid: str, pieces: Iterator[Any], limit_bytes: int) -> None:
        self._cid = cid
        self._pieces = pieces
        self._left = limit_bytes
        self._hash = sha256()
        self._buffer = memoryview(b"")
        self._ended = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end, where the hash is checked."""
        if not self._buffer and not self._ended:
            self._advance()
        piece, self._buffer = bytes(self._buffer[:size]), self._buffer[size:]
        return piece

    def finish(self) -> None:
        """Read what is left, so that the hash is checked."""
        while self.read(CHUNK_BYTES):
            pass

    def _advance(self) -> None:
        piece = bytes(next(self._pieces, b""))
        self._hash.update(piece)
        self._left -= len(piece)
        self._ended = not piece
        if self._left < 0 or (self._ended and cid_from_digest(self._hash.digest()) != self._cid):
            raise BlobCorrupt(
                "the stored bytes are not the ones that were put",
                hint="Restore the blob from a backup, or fetch it from another holder.",
                cid=self._cid,
            )
        self._buffer = memoryview(piece)


def _require_own(spool: Path) -> None:
    """Where it lies in a folder for all users, one of them may have been there first."""
    found = spool.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise InvalidBlobStore(
            "the spool directory is a link, a file, or belongs to another user",
            hint="Name another spool directory, or set TMPDIR.",
            path=str(spool),
        )
    spool.chmod(0o700)


def local_directory(url: str | Path) -> Path | None:
    """The folder at a store's address; None where it is a remote one."""
    if isinstance(url, Path):
        return url.absolute()
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return None
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Path(unquote(parts.path))
    if "://" in url or not url:
        raise InvalidBlobStore("a blob store is a directory or an s3:// address", scheme=parts.scheme)
    return Path(url).absolute()

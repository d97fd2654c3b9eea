"""The tar stream inside a backup: POSIX tar of plain files, read and written in one pass.

Reading takes what the manifest announced and nothing else: same names, same order, same sizes, same
hashes, no links, no directories, nothing after the end.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from freehold import durable, plain_file
from freehold.core.causes import StorageFull
from freehold.core.errors import VerificationFailed
from freehold.shell.backup import manifest as manifests
from freehold.shell.backup.manifest import Entry, Manifest
from freehold.vault.envelope import NotABackup

BLOCK = tarfile.BLOCKSIZE
CHUNK_BYTES = 1 << 20
RESERVE_BYTES = 64 * 1024 * 1024
"""Free space that restoring leaves on the disk."""


class BackupChanged(VerificationFailed, code="backup.changed"):
    """A file is not what the manifest of the backup says it is."""


class Packed:
    """The tar stream of a manifest and its files, for reading."""

    def __init__(self, manifest: Manifest, sources: Iterable[Path]) -> None:
        self._pieces = _pieces(manifest, sources)
        self._held = b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end; BackupChanged where a file is not as the manifest has it."""
        if not self._held:
            # an empty file and a full last block give empty pieces, which would read as the end
            self._held = next(filter(None, self._pieces), b"")
        piece, self._held = self._held[:size], self._held[size:]
        return piece


def _pieces(manifest: Manifest, sources: Iterable[Path]) -> Iterator[bytes]:
    head = manifest.to_bytes()
    yield _header(manifests.NAME, len(head)) + head + _padding(len(head))
    for entry, path in zip(manifest.files, sources, strict=True):
        yield _header(entry.name, entry.size_bytes)
        digest, size = hashlib.sha256(), 0
        with plain_file.regular(path) as file:
            while piece := file.read(CHUNK_BYTES):
                digest.update(piece)
                size += len(piece)
                if size > entry.size_bytes:
                    break
                yield piece
        if size != entry.size_bytes or "0x" + digest.hexdigest() != entry.sha256:
            raise BackupChanged(
                f"{entry.name} is damaged or changed meanwhile",
                hint="Run freehold doctor, then try again.",
                file=entry.name,
            )
        yield _padding(size)
    yield bytes(2 * BLOCK)


def _header(name: str, size_bytes: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, 0o600
    # GNU form: sizes beyond 8 GiB without a second header
    return info.tobuf(format=tarfile.GNU_FORMAT)


def _padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % BLOCK)


class Unpacker:
    """Takes the tar stream in pieces and writes its files into an empty folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = bytearray()
        self._manifest: Manifest | None = None
        self._reading = self._read()
        next(self._reading)

    def write(self, data: bytes) -> int:
        """Take a piece; raises NotABackup, BackupChanged, StorageFull."""
        self._reading.send(data)
        return len(data)

    def finish(self) -> Manifest:
        """The manifest, once every announced file was there and nothing else; else BackupChanged."""
        if self._manifest is None:
            raise _cut_short()
        return self._manifest

    def close(self) -> None:
        """Close what an error left open."""
        self._reading.close()

    def _read(self) -> Generator[None, bytes, None]:
        """The stream from its beginning to its end; waits wherever more of it is needed."""
        head = yield from self._header()
        if head is None:
            raise _cut_short()
        if head.name != manifests.NAME or not 0 < head.size <= manifests.MAX_BYTES:
            raise NotABackup("the backup does not begin with its manifest")
        manifest = Manifest.read((yield from self._taken(head.size)))
        self._require_room(manifest)
        yield from self._taken(-head.size % BLOCK)
        # after the last file stands nothing but the end
        for entry in (*manifest.files, None):
            found = yield from self._header()
            if found and (entry is None or (found.name, found.size) != (entry.name, entry.size_bytes)):
                raise BackupChanged(
                    "the backup holds a file its manifest does not announce", name=found.name[:100]
                )
            if entry is not None:
                if found is None:
                    raise _cut_short()
                yield from self._file(entry)
                yield from self._taken(-entry.size_bytes % BLOCK)
        if not (yield from self._taken(BLOCK)).strip(b"\0"):
            self._manifest = manifest
            while not self._held:
                self._held += yield
        raise BackupChanged("something follows the end of the backup")

    def _taken(self, size: int) -> Generator[None, bytes, bytes]:
        """The next so many bytes."""
        while len(self._held) < size:
            self._held += yield
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _header(self) -> Generator[None, bytes, tarfile.TarInfo | None]:
        """What stands before a file; None where the end begins."""
        block = yield from self._taken(BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError, ValueError) as error:
            raise NotABackup("the backup is not readable as a tar stream") from error
        if info.type != tarfile.REGTYPE:
            raise NotABackup("the backup holds something that is not a plain file", name=info.name[:100])
        return info

    def _file(self, entry: Entry) -> Generator[None, bytes, None]:
        path = self._folder / entry.name
        if path.parent != self._folder:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        digest, left = hashlib.sha256(), entry.size_bytes
        with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=CHUNK_BYTES) as file:
            while left:
                piece = yield from self._taken(min(left, max(1, len(self._held))))
                file.write(piece)
                digest.update(piece)
                left -= len(piece)
            durable.sync(file)
        if "0x" + digest.hexdigest() != entry.sha256:
            raise BackupChanged(
                f"{entry.name} is damaged", hint="Use another copy of the backup.", file=entry.name
            )

    def _require_room(self, manifest: Manifest) -> None:
        found = os.statvfs(self._folder)
        free = found.f_bavail * found.f_frsize
        if manifest.size_bytes + RESERVE_BYTES > free:
            raise StorageFull(
                f"the backup takes {manifest.size_bytes:,} bytes, the disk has {free:,}",
                hint="Free some space, or restore to another disk.",
            )


def _cut_short() -> BackupChanged:
    return BackupChanged("the backup ends too early or too late", hint="Use another copy of it.")

"""The tar stream inside a backup: POSIX tar of plain files, read and written in one pass.

Reading takes what the manifest announced and nothing else: same names, same order, same sizes, same
hashes, no links, no directories, nothing after the end.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from freehold import durable
from freehold.core.errors import VerificationFailed
from freehold.shell.backup import manifest as manifests
from freehold.shell.backup.manifest import Entry, Manifest
from freehold.vault.blobs import StorageFull
from freehold.vault.envelope import NotABackup

BLOCK = tarfile.BLOCKSIZE
CHUNK_BYTES = 1 << 20
RESERVE_BYTES = 64 * 1024 * 1024
"""Free space that restoring leaves on the disk."""


class BackupChanged(VerificationFailed):
    """A file is not what the manifest of the backup says it is."""

    code = "backup.changed"


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
        with path.open("rb") as file:
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
        self._waiting: list[Entry] = []
        self._head = bytearray()
        self._head_left = 0
        self._file: _File | None = None
        self._padding_left = 0
        self._zero_blocks = 0

    def write(self, data: bytes) -> int:
        """Take a piece; raises NotABackup, BackupChanged, StorageFull."""
        self._held += data
        while self._step():
            pass
        return len(data)

    def finish(self) -> Manifest:
        """The manifest, once every announced file was there and nothing else; else BackupChanged."""
        if self._manifest is None or self._waiting or self._zero_blocks != 2 or self._held:
            raise BackupChanged("the backup ends too early or too late", hint="Use another copy of it.")
        return self._manifest

    def close(self) -> None:
        """Close what an error left open."""
        if self._file is not None:
            self._file.stream.close()

    def _step(self) -> bool:
        """Use up some of what is held; False where more is needed."""
        if self._head_left:
            return self._read_head()
        if self._file is not None:
            return self._read_file()
        if self._padding_left:
            taken = min(self._padding_left, len(self._held))
            del self._held[:taken]
            self._padding_left -= taken
            return bool(taken)
        if len(self._held) < BLOCK:
            return False
        block = bytes(self._held[:BLOCK])
        del self._held[:BLOCK]
        self._read_header(block)
        return True

    def _read_header(self, block: bytes) -> None:
        if self._zero_blocks or not block.strip(b"\0"):
            if block.strip(b"\0") or self._zero_blocks == 2:
                raise BackupChanged("something follows the end of the backup")
            self._zero_blocks += 1
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError, ValueError) as error:
            raise NotABackup("the backup is not readable as a tar stream") from error
        if info.type != tarfile.REGTYPE:
            raise NotABackup("the backup holds something that is not a plain file", name=info.name[:100])
        if self._manifest is None:
            if info.name != manifests.NAME or not 0 < info.size <= manifests.MAX_BYTES:
                raise NotABackup("the backup does not begin with its manifest")
            self._head_left = info.size
            return
        if not self._waiting or (info.name, info.size) != (
            self._waiting[0].name,
            self._waiting[0].size_bytes,
        ):
            raise BackupChanged(
                "the backup holds a file its manifest does not announce", name=info.name[:100]
            )
        self._file = _File(self._folder, self._waiting.pop(0))

    def _read_head(self) -> bool:
        taken = min(self._head_left, len(self._held))
        self._head += self._held[:taken]
        del self._held[:taken]
        self._head_left -= taken
        if not self._head_left:
            manifest = Manifest.read(bytes(self._head))
            self._padding_left = -len(self._head) % BLOCK
            self._require_room(manifest)
            self._manifest, self._waiting = manifest, list(manifest.files)
        return bool(taken)

    def _read_file(self) -> bool:
        assert self._file is not None
        taken = min(self._file.left, len(self._held))
        self._file.add(bytes(self._held[:taken]))
        del self._held[:taken]
        if not self._file.left:
            self._file.finish()
            self._padding_left = -self._file.entry.size_bytes % BLOCK
            self._file = None
            return True
        return bool(taken)

    def _require_room(self, manifest: Manifest) -> None:
        found = os.statvfs(self._folder)
        free = found.f_bavail * found.f_frsize
        if manifest.size_bytes + RESERVE_BYTES > free:
            raise StorageFull(
                f"the backup takes {manifest.size_bytes:,} bytes, the disk has {free:,}",
                hint="Free some space, or restore to another disk.",
            )


class _File:
    """One file on its way to the disk."""

    def __init__(self, folder: Path, entry: Entry) -> None:
        path = folder / entry.name
        if path.parent != folder:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self.stream: BinaryIO = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=CHUNK_BYTES)
        self.entry, self.left = entry, entry.size_bytes
        self._digest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self.stream.write(data)
        self._digest.update(data)
        self.left -= len(data)

    def finish(self) -> None:
        durable.sync(self.stream)
        self.stream.close()
        if "0x" + self._digest.hexdigest() != self.entry.sha256:
            raise BackupChanged(
                f"{self.entry.name} is damaged", hint="Use another copy of the backup.", file=self.entry.name
            )

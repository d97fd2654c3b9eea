"""Making a backup, while the node runs or while it is stopped."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from freehold import durable, plain_file
from freehold.core.causes import OutputFailed
from freehold.core.errors import Conflict, NotFound, VerificationFailed
from freehold.core.texts import said
from freehold.core.version import VERSION
from freehold.kernel import settings
from freehold.kernel.databases import copying, migrations, opening
from freehold.kernel.databases.opening import read_file
from freehold.kernel.databases.soundness import being_written
from freehold.kernel.reading import BACKUP_MARK, NodeFile, database_url, require_node
from freehold.log.store import LogStore
from freehold.shell.backup.armor import Armored
from freehold.shell.backup.disk import failures
from freehold.shell.backup.manifest import BLOBS, CONFIG, DATABASE, KEYS, Entry, Manifest, blob_sha256
from freehold.shell.backup.pack import Packed
from freehold.vault import envelope
from freehold.vault.blobs import local_directory
from freehold.vault.keystore import Keys
from freehold.vault.spool import Spool, sweep
from freehold.vault.stores import BlobMissing

_BUSY_SECONDS = 30.0
"""An empty file of the home, as old as the last backup: it is made while another process has the database."""


class BackupExists(Conflict, code="backup.exists"):
    """A file stands where the backup was to be written."""


@dataclass(frozen=True)
class Saved:
    """A finished backup."""

    manifest: Manifest
    size_bytes: int
    """Of the sealed file."""


def save(home: Path, target: Path | BinaryIO, passphrase: str) -> Saved:
    """Write everything of a home into one new file, or as text into an open one, sealed under the node's passphrase.

    The database is one consistent snapshot; encrypted data is copied after it, and never changes.
    Writes whole or not at all, readable by its owner only; what goes into an open file is whole where this returns. Raises WrongPassphrase, BackupExists, NotFound, and
    VerificationFailed where database, log or data are damaged, so that a backup of them would be worthless.
    """
    with failures("write the backup"):
        if isinstance(target, Path) and target.exists():
            raise BackupExists(
                said("{target} exists already", target=target), hint=said("Choose another name.")
            )
        require_node(home)
        keys = Keys.load(home / KEYS, passphrase)
        sweep(home)
        with Spool(home) as snapshot, Spool(home) as config:
            if url := database_url(home):
                _server_snapshot(home, url, snapshot.path)
            else:
                _snapshot(home / DATABASE, snapshot.path)
            # it holds the rows itself, whatever kept them
            known = {**settings.stored(home), "database": ""}
            folder = local_directory(known.get("blobs") or home / BLOBS)
            if folder is not None:
                # restored data always lies in the home
                known["blobs"] = ""
            config.file.write(settings.text(known).encode())
            config.file.flush()
            manifest, sources = _survey(home, keys, folder, snapshot.path, config.path)
            return Saved(manifest, _write(target, manifest, sources, passphrase))


def note_made(home: Path) -> None:
    """The owner has a backup from now on."""
    with suppress(OSError):  # the backup is made all the same
        (home / BACKUP_MARK).touch(mode=0o600)


def _snapshot(source: Path, target: Path) -> None:
    """SQLite's own backup: pages of one moment, whatever is being written."""
    stopped = not being_written(source)
    _copy(source, target)
    if stopped and being_written(source):
        # the node started meanwhile, and the copy was made as if nobody could write
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    with (
        closing(read_file(source, timeout=_BUSY_SECONDS)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        # without it every reader of the copy would need a write-ahead log beside it
        copy.execute("PRAGMA journal_mode = DELETE")


def _server_snapshot(home: Path, url: str, target: Path) -> None:
    """The rows of one moment as the file that SQLite would have kept them in."""
    with (
        closing(opening.for_reading(home, url)) as live,
        closing(sqlite3.connect(target, isolation_level=None)) as kept,
    ):
        live.execute("BEGIN")
        if not migrations.is_current(live):
            raise NotFound(
                said("there is no node of this version in the database"), hint=said("Start the node once.")
            )
        kept.execute("BEGIN IMMEDIATE")
        migrations.migrate(kept)
        copying.copy(live, kept)
        kept.execute("COMMIT")


def _survey(
    home: Path, keys: Keys, folder: Path | None, snapshot: Path, config: Path
) -> tuple[Manifest, list[Path]]:
    """The manifest of what is there now, and where each of its files lies."""
    with closing(read_file(snapshot)) as connection:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise VerificationFailed(
                said("the database is damaged: {found}", found=found), hint=said("Restore an earlier backup.")
            )
        node = NodeFile(connection)
        party = node.party()
        if party.account != keys.account:
            raise VerificationFailed(said("keys and database belong to different accounts"))
        size, root = LogStore(connection).verify()
        cids = node.blobs()
    sources = [home / KEYS, config, snapshot]
    entries = [_entry(name, path) for name, path in zip((KEYS, CONFIG, DATABASE), sources, strict=True)]
    if folder is not None:
        sources += [folder / cid for cid in cids]
        entries += [_blob(folder, cid) for cid in cids]
    manifest = Manifest(
        software=VERSION,
        created_at=int(time.time()),
        account=keys.account,
        chain_id=party.chain_id,
        log_size=size,
        log_root="0x" + root.hex(),
        data_elsewhere=folder is None,
        files=tuple(entries),
    )
    return manifest, sources


def _entry(name: str, path: Path) -> Entry:
    with plain_file.regular(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return Entry(name=name, size_bytes=file.tell(), sha256="0x" + digest.hexdigest())


def _blob(folder: Path, cid: str) -> Entry:
    try:
        size = (folder / cid).stat().st_size
    except FileNotFoundError:
        raise BlobMissing(
            said("encrypted data that the database refers to is missing"),
            hint=said("Bring the file back; a backup without it could not be used for training."),
            cid=cid,
        ) from None
    return Entry(name=f"{BLOBS}/{cid}", size_bytes=size, sha256=blob_sha256(cid))


def _write(target: Path | BinaryIO, manifest: Manifest, sources: list[Path], passphrase: str) -> int:
    if not isinstance(target, Path):
        try:
            with Armored(target) as text:
                envelope.seal(Packed(manifest, sources), text, passphrase)
        except BrokenPipeError:
            raise OutputFailed(
                said("the backup is cut short: whoever read it went away"),
                hint=said("Lead it into a file, or into a program that reads to the end."),
            ) from None
        return text.size_bytes
    try:
        with durable.writing(target, replace=False) as file:
            envelope.seal(Packed(manifest, sources), file, passphrase)
            size = file.tell()
    except FileExistsError:
        raise BackupExists(
            said("{target} exists already", target=target), hint=said("Choose another name.")
        ) from None
    return size

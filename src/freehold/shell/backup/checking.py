"""Whether an unpacked home is whole: keys, database, log, signatures, data. Needs no network."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from freehold.chain import deployments
from freehold.core.canonical import canonical_bytes
from freehold.core.errors import FreeholdError, VerificationFailed
from freehold.core.signing import Domain, Envelope, check, read_envelope
from freehold.kernel import settings
from freehold.kernel.databases import migrations
from freehold.kernel.databases.opening import read_file
from freehold.kernel.reading import NodeFile
from freehold.log.store import LogStore
from freehold.shell.backup.manifest import BLOBS, DATABASE, KEYS, Manifest
from freehold.vault.blobs import Blobs
from freehold.vault.keystore import Keys
from freehold.vault.vault import Vault


class BackupUnsound(VerificationFailed, code="backup.unsound"):
    """What is in the backup does not fit together; `fields` name the part."""


def require_sound(home: Path, manifest: Manifest, passphrase: str) -> Keys:
    """Everything that can be checked without a network, or BackupUnsound, WrongPassphrase; returns the keys."""
    keys = Keys.load(home / KEYS, passphrase)
    if keys.account != manifest.account:
        raise BackupUnsound("the keys are not the account's", part="keys")
    settings.load(home)
    try:
        with closing(read_file(home / DATABASE)) as connection:
            _database(connection)
            _log(connection, manifest)
            _documents(connection, manifest)
            if not manifest.data_elsewhere:
                _data(connection, home, keys)
    except sqlite3.Error as error:
        raise BackupUnsound(f"the database cannot be read: {error}", part="database") from error
    return keys


def _database(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise BackupUnsound(f"the database is damaged: {found}", part="database")
    if not migrations.is_known(connection):
        raise BackupUnsound(
            "the database was written by another version of Freehold",
            hint="Upgrade this installation.",
            part="database",
        )


def _log(connection: sqlite3.Connection, manifest: Manifest) -> None:
    size, root = LogStore(connection).verify()
    if (size, "0x" + root.hex()) != (manifest.log_size, manifest.log_root):
        raise BackupUnsound("the log is not the one the manifest names", part="log")


def _documents(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Ids are right, own signatures hold, and the log says what the store says."""
    domain = Domain("Freehold", manifest.chain_id, deployments.address("Revocations"))
    log = LogStore(connection)
    rows = connection.execute("SELECT id, type, position, envelope FROM documents")
    logged = 0
    for document_id, type_, position, data in rows:
        try:
            envelope = read_envelope(data)
            if (envelope.document.id, envelope.document.body["type"]) != (document_id, type_):
                raise BackupUnsound("a document is not the one it is kept as")
            check(_own(envelope, manifest.account), domain, partial=True)
            if position is not None:
                logged += 1
                if log.entry(position) != canonical_bytes({"id": document_id, "type": type_}):
                    raise BackupUnsound("the log holds something else in its place")
        except FreeholdError as error:
            raise BackupUnsound(
                f"document {str(document_id)[:10]}: {error.message}", part="documents", document=document_id
            ) from error
    if logged != log.size():
        raise BackupUnsound("documents of the log are missing", part="documents")
    if NodeFile(connection).party().account != manifest.account:
        raise BackupUnsound("the party document is another account's", part="documents")


def _own(envelope: Envelope, account: str) -> Envelope:
    """With this account's signatures only: others may be contracts, which need the chain to answer."""
    if account not in envelope.document.signers().values():
        return Envelope(envelope.document, ())
    return Envelope(envelope.document, tuple(one for one in envelope.signatures if one.signer == account))


def _data(connection: sqlite3.Connection, home: Path, keys: Keys) -> None:
    """Every piece of encrypted data opens with the restored keys; nothing of it is kept."""
    vault = Vault(Blobs(home / BLOBS), connection, keys)
    for sealed in NodeFile(connection).sealed():
        vault.open_into(sealed, _Nowhere())


class _Nowhere:
    def write(self, data: bytes) -> int:
        return len(data)

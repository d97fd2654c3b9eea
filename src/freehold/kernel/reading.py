"""A node's database read from outside, whether the node runs or not; nothing is ever written.

Backups and check-ups use it: they need no keys and must not disturb a running node; and whether there is a node in a
folder is asked before anything is made or opened there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from freehold.core.connection import Connection
from freehold.core.documents import Document, Party
from freehold.core.errors import NotFound, VerificationFailed
from freehold.core.signing import read_envelope
from freehold.kernel import setting_sources
from freehold.kernel.databases import migrations, opening
from freehold.kernel.databases.opening import FILE
from freehold.kernel.databases.tables import SEALED
from freehold.kernel.keeping import subjects
from freehold.kernel.store import OWN_PARTY
from freehold.vault.keystore import KeystoreMissing
from freehold.vault.vault import Sealed

KEYS_FILE = "keys.jwe"
TOKEN_FILE = "api-token"  # noqa: S105 - a file name

BACKUP_MARK = "backup-made"
"""An empty file; the owner took a backup away when it was last touched."""


def last_backup(home: Path) -> int:
    """When the owner last took a backup away, Unix seconds; 0 if never."""
    try:
        return int((home / BACKUP_MARK).stat().st_mtime)
    except OSError:
        return 0


def is_new(home: Path) -> bool:
    """No keys were made here yet, and nothing stands here that was made under keys.

    Raises `KeystoreMissing`: a node was here, and its keys are gone; others would not open what it left.
    """
    if (home / KEYS_FILE).exists():
        return False
    left = [*home.glob(f"{FILE}*"), *home.glob("blobs/*"), *home.glob(TOKEN_FILE)]
    if left:
        raise KeystoreMissing(
            f"the keys of this home are missing: {home} holds {left[0].name} of a node and no {KEYS_FILE}",
            hint=f"Bring {KEYS_FILE} back, or restore a backup into another folder: freehold restore",
        )
    return True


def require_node(home: Path) -> None:
    """A node was started in this folder. Raises `NotFound`. `KeystoreMissing`."""
    if is_new(home) or not (database_url(home) or (home / FILE).exists()):
        raise NotFound(f"there is no node in {home}", hint="Name its home with --home.")


def open_database(home: Path) -> Connection:
    """A connection to a home's database that cannot write.

    Raises `NotFound`: no database was made yet. `StorageFailed`: it cannot be opened.
    """
    return opening.for_reading(home, database_url(home))


def database_url(home: Path) -> str:
    """Where a home's database is; empty for SQLite in the home."""
    return setting_sources.choose(home, os.environ).settings.database


class NodeFile:
    """What stands in a node's database, through a connection of the caller."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def state(self, name: str) -> Any:
        """The JSON value kept under a name; None if there is none."""
        row = self._connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def quarantined(self) -> list[str]:
        """Acts that failed on chain and wait for the owner."""
        prefix = subjects.PREFIX
        rows = self._connection.execute(
            "SELECT name, value FROM state WHERE substr(name, 1, ?) = ? ORDER BY name", (len(prefix), prefix)
        )
        return [
            name.removeprefix(prefix) for name, kept in rows if json.loads(kept)["state"] == "quarantined"
        ]

    def party(self) -> Party:
        """The node's own party document.

        Raises `NotFound`: the node never came up. `VerificationFailed`: what stands there is none.
        """
        row = self._connection.execute(
            "SELECT envelope FROM documents WHERE id = ?", (str(self.state(OWN_PARTY)),)
        ).fetchone()
        if row is None:
            raise NotFound("this node has no party document yet", hint="Start it once: freehold up.")
        document: Document = read_envelope(row[0]).document
        if not isinstance(document, Party):
            raise VerificationFailed("the node's party document is not one")
        return document

    def sealed(self) -> Iterator[Sealed]:
        """Every piece of encrypted data the node refers to."""
        if migrations.has(self._connection, SEALED):
            rows = self._connection.execute("SELECT asset, cid, epoch, size_bytes FROM sealed ORDER BY name")
            yield from (Sealed(*row) for row in rows.fetchall())
            return
        # a backup of an earlier version, or a home that was not started since
        rows = self._connection.execute(
            "SELECT value FROM state WHERE substr(name, 1, 7) = 'sealed:' ORDER BY name"
        )
        for (value,) in rows:
            try:
                yield Sealed(**json.loads(value))
            except (ValueError, TypeError) as error:
                raise VerificationFailed("a record of encrypted data is malformed") from error

    def blobs(self) -> list[str]:
        """Content ids of that data, sorted, each once."""
        return sorted({sealed.cid for sealed in self.sealed()})

"""A node's database read from outside, whether the node runs or not; nothing is ever written.

Backups and check-ups use it: they need no keys and must not disturb a running node.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from freehold.core.documents import Document, Party
from freehold.core.errors import NotFound, VerificationFailed
from freehold.core.signing import read_envelope
from freehold.node.store import StorageFailed
from freehold.vault.vault import Sealed


def open_database(path: Path, *, timeout: float = 10) -> sqlite3.Connection:
    """A connection that cannot write.

    Where the node is stopped (no write-ahead log lies beside the file) nothing at all is left in the
    folder: side files made by another user, such as root, would keep the node from starting.

    Raises:
        NotFound: no such file. StorageFailed: it cannot be opened.
    """
    if not path.exists():
        raise NotFound(f"there is no database {path}", hint="Start the node once: freehold up.")
    try:
        still = "" if being_written(path) else "&immutable=1"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{still}", uri=True, timeout=timeout)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise StorageFailed(
            f"cannot read {path.name}: {error}",
            hint="Check its permissions; restore a backup if it is damaged.",
        ) from error
    return connection


def being_written(path: Path) -> bool:
    """Whether a database has a write-ahead log: its node runs, or was killed."""
    return path.with_name(path.name + "-wal").exists()


class NodeFile:
    """What stands in a node's database, through a connection of the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def state(self, name: str) -> Any:
        """The JSON value kept under a name; None if there is none."""
        row = self._connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def party(self) -> Party:
        """The node's own party document.

        Raises:
            NotFound: the node never came up. VerificationFailed: what stands there is none.
        """
        row = self._connection.execute(
            "SELECT envelope FROM documents WHERE id = ?", (str(self.state("party")),)
        ).fetchone()
        if row is None:
            raise NotFound("this node has no party document yet", hint="Start it once: freehold up.")
        document: Document = read_envelope(row[0]).document
        if not isinstance(document, Party):
            raise VerificationFailed("the node's party document is not one")
        return document

    def sealed(self) -> Iterator[Sealed]:
        """Every piece of encrypted data the node refers to."""
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

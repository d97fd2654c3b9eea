"""What can go wrong between a node and its database."""

from __future__ import annotations

import sqlite3

from freehold.core.errors import Conflict, Unavailable

UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""What SQLite says of a file that is damaged, and of a disk that fails at reading, which may pass."""


class StorageFailed(Unavailable, code="store.failed"):
    """The disk is full or the database cannot be reached or written; nothing of the transaction was kept."""


class StorageUncertain(StorageFailed, code="store.uncertain"):
    """The database went away while it kept a transaction, and could not be asked whether it has.

    To a caller this is as if the process had died there: what was kept is found at the next reading.
    """


class DatabaseLocked(StorageFailed, code="store.locked"):
    """Another process or session holds a lock that this node needs; nothing was changed."""


class DatabaseDamaged(StorageFailed, code="store.damaged"):
    """The database is not what this node left; it is not opened for writing."""


def damaged(why: str) -> DatabaseDamaged:
    """The error that says so."""
    return DatabaseDamaged(
        f"the database is damaged: {why[:200]}",
        hint="Nothing was written. Move the home away and restore a backup: freehold restore",
    )


class DatabaseInUse(Conflict, code="store.in_use"):
    """Another process runs a node on this database."""


class DatabaseMismatch(Conflict, code="store.mismatch"):
    """The database is not the one that belongs to this home."""


def foreign() -> DatabaseMismatch:
    """The error that says whose it is not."""
    return DatabaseMismatch(
        "the database belongs to another account than the keys of this home",
        hint="Name the database of this node with --database.",
    )


class DatabaseNotEmpty(Conflict, code="store.not_empty"):
    """There is a node already in the database where one was to be put."""

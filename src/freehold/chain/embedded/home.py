"""The directory of a chain: made whole or not at all, held by one process, looked over when opened.

The database is written beside its place and moved there, so one that is empty or cut short was never ours:
it is told, and never taken for a chain that has not begun.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path

from freehold import durable, plain_file
from freehold.core import causes
from freehold.core.errors import Conflict, InvalidInput, Unavailable

DATABASE = "chain.sqlite"
LOCK = "chain.lock"
RUNNING = "running.json"
"""Where the process that has the directory open answers, as it says itself: `url` and `pid`."""
FORMAT = 1
_MOST_NOTED = 1_000
_BESIDE = ("-wal", "-journal")
_RESTORE = "put back a copy of the whole directory, or choose another --home and begin a new chain"
_MAGIC = b"SQLite format 3\0"


class ChainHeld(Conflict, code="chain.held"):
    """Another process has the directory open."""


class ChainDamaged(Conflict, code="chain.damaged"):
    """The files of a chain are not as this software left them."""


class ChainHomeUnusable(InvalidInput, code="chain.home"):
    """The directory of a chain cannot be used as one."""


def damaged(reason: object) -> ChainDamaged:
    """The error for a chain that cannot be read as it stands."""
    return ChainDamaged(f"the chain database is damaged: {reason}", hint=_RESTORE)


def prepare(directory: Path) -> None:
    """Make the directory, and see that nothing in it but plain files stands where ours go."""
    try:
        durable.make_directory(directory, mode=0o700)
    except OSError as error:
        raise ChainHomeUnusable(
            f"{directory} cannot be the directory of a chain: {error.strerror}", hint="choose another --home"
        ) from error
    names = (DATABASE, LOCK, f"{DATABASE}.new", *(DATABASE + end for end in (*_BESIDE, "-shm")))
    for path in (directory / name for name in names):
        with suppress(FileNotFoundError):
            # a named pipe would be waited on for ever
            if not stat.S_ISREG(path.lstat().st_mode):
                raise ChainHomeUnusable(
                    f"{path} is not a plain file", hint="move it away, or choose another --home"
                )


def hold(directory: Path) -> int:
    """The lock of a directory, until the descriptor is closed or the process ends. Raises `ChainHeld`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        held = os.open(directory / LOCK, flags, durable.PRIVATE_MODE)
    except OSError as error:
        raise ChainHomeUnusable(
            f"nothing can be written in {directory}: {error.strerror}", hint="choose another --home"
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise ChainHeld(
            f"the chain database in {directory} cannot be opened: it is in use",
            hint="another chain process uses this directory; stop it or choose another --home",
        ) from error
    return held


def running(directory: Path) -> str | None:
    """URL of the chain that has the directory open now; None while no process has, or it does not answer yet.

    A port may be anybody's by now, but the lock is only had by a process that may write here.
    """
    try:
        held = os.open(directory / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return said(directory)[0] or None
    finally:
        os.close(held)
    return None


def said(directory: Path) -> tuple[str, int]:
    """URL and process that were noted here last, of one that is alive; empty and 0 where there is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(plain_file.content(directory / RUNNING, _MOST_NOTED))
        url, pid = str(found["url"]), int(found["pid"])
        os.kill(pid, 0)
        return url, pid
    return "", 0


def note(directory: Path, url: str) -> None:
    """Say where this process answers, which has the directory open."""
    durable.write(directory / RUNNING, json.dumps({"url": url, "pid": os.getpid()}).encode(), replace=True)


def find(directory: Path, schema: str) -> Path:
    """The database of a directory, made with `schema` if there is no chain yet. Raises `ChainDamaged`."""
    path = directory / DATABASE
    try:
        with plain_file.regular(path) as file:
            head = file.read(100)
    except FileNotFoundError:
        left = [path.name + end for end in _BESIDE if (directory / (path.name + end)).exists()]
        if left:
            raise damaged(f"{path.name} is missing, {left[0]} is there") from None
        _make(path, schema)
        return path
    except OSError as error:
        raise ChainHomeUnusable(
            f"{path} cannot be read: {error.strerror}", hint=causes.hint(error, _RESTORE)
        ) from error
    if head[:16] != _MAGIC or len(head) < 100:
        raise damaged(
            f"{path.name} is {'cut short' if _MAGIC.startswith(head[:16]) else 'another kind of file'}"
        )
    return path


def require_ours(connection: sqlite3.Connection, path: Path) -> None:
    """See that a database is a chain of this format, before anything in it is changed."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found not in (0, FORMAT):
        raise Conflict(
            f"the chain database has format {found}, this version reads {FORMAT}",
            hint="use the version of Freehold that wrote it, or another --home",
        )
    if not found or not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'blocks'").fetchone():
        raise damaged(f"{path.name} is the database of something else")


def require_whole(connection: sqlite3.Connection, path: Path) -> None:
    """See that the file holds the pages it speaks of; its write-ahead log is folded in. Raises `ChainDamaged`."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    expected = pages * connection.execute("PRAGMA page_size").fetchone()[0]
    found = path.stat().st_size
    if found < expected:
        raise damaged(f"{path.name} has {found:,} of {expected:,} bytes")


def _make(path: Path, schema: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    try:
        # of a process that ended before it had a chain
        for name in (temporary.name, *(temporary.name + end for end in _BESIDE)):
            temporary.with_name(name).unlink(missing_ok=True)
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {FORMAT}; COMMIT;")
        with temporary.open("rb+") as file:
            durable.sync(file)
        durable.place(temporary, path, replace=True)
    except (OSError, sqlite3.Error) as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        raise Unavailable(
            f"the chain database cannot be made: {error}",
            hint="free some space" if full else "choose another --home",
        ) from error

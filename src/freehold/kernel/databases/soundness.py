"""Whether a SQLite file may be opened for writing: looked at before the first byte is written into it.

What takes time with the size of the file is bounded in time; `freehold doctor` looks at all of it.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from freehold import plain_file
from freehold.kernel.databases import migrations
from freehold.kernel.databases.commits import Commits
from freehold.kernel.databases.errors import StorageFailed, damaged
from freehold.log.store import LogCorrupt, LogStore

LOOK_SECONDS = 0.2
"""How long pages are read; some hundred megabytes are whole tables in that time."""
_STEPS = 2_000
"""Operations of SQLite between two looks at the clock."""
_HEADER = b"SQLite format 3\x00"


def require_sound(path: Path) -> None:
    """Refuse a database that lost pages, tables or entries of its log.

    One of a later version is left to `migrations`. Raises `DatabaseDamaged`. `DatabaseMismatch`: the home wrote to
    another.
    """
    commits = Commits(path)
    require_plain(path)
    # a process that was killed at its first opening leaves an empty file
    if not path.exists() or not (path.stat().st_size or being_written(path)):
        commits.require(None)
        return
    try:
        _require_whole_file(path)
        with closing(read_only(path)) as connection:
            _look(connection, commits)
    except (sqlite3.Error, LogCorrupt, OverflowError) as error:
        raise damaged(str(error)) from error


def _require_whole_file(path: Path) -> None:
    with plain_file.regular(path) as file:
        header = file.read(100)
    size = path.stat().st_size
    if len(header) < 100 or not header.startswith(_HEADER):
        raise damaged("it is not a SQLite file")
    page = int.from_bytes(header[16:18]) or 1
    page_bytes = 65_536 if page == 1 else page
    pages, written, valid_for = (int.from_bytes(header[start : start + 4]) for start in (28, 24, 92))
    if not being_written(path) and written == valid_for and size < pages * page_bytes:
        raise damaged(f"it should have {pages * page_bytes:,} bytes and has {size:,}")


def read_only(path: Path, *, timeout: float = 10) -> sqlite3.Connection:
    """A connection that cannot write.

    Where the node is stopped (no write-ahead log lies beside the file) nothing at all is left in the
    folder: side files made by another user, such as root, would keep the node from starting.
    """
    require_plain(path)
    still = "" if being_written(path) else "&immutable=1"
    uri = f"{path.absolute().as_uri()}?mode=ro{still}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)


def require_plain(path: Path) -> None:
    """That nothing but a file stands there, which SQLite would wait for. Raises `DatabaseDamaged`."""
    try:
        plain_file.regular(path).close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise damaged(error.strerror or "it cannot be opened") from error


def being_written(path: Path) -> bool:
    """Whether a SQLite file has a write-ahead log: its node runs, or was killed."""
    return path.with_name(path.name + "-wal").exists()


def _look(connection: sqlite3.Connection, commits: Commits) -> None:
    found = {tuple(row) for row in connection.execute("SELECT type, name FROM sqlite_master")}
    if not migrations.version(connection) and not found:
        commits.require(None)
        return
    if ("table", "migrations") not in found and migrations.COUNTED < migrations.version(
        connection
    ) <= migrations.newest():
        raise damaged("it lacks migrations")
    try:
        migrations.missing(connection)
    except StorageFailed:
        return
    with closing(migrations.empty(migrations.applied(connection))) as empty:
        expected = {tuple(row) for row in empty.execute("SELECT type, name FROM sqlite_master")}
    lost = sorted(name for _, name in expected - found)
    if lost:
        raise damaged(f"it lacks {', '.join(lost[:5])}")
    commits.require(connection)
    LogStore(connection).verify_newest()
    deadline = time.monotonic() + LOOK_SECONDS
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)
    try:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    if said != "ok":
        raise damaged(str(said))

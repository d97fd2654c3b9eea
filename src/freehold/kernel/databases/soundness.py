"""Whether a SQLite file may be opened for writing: looked at before the first byte is written into it.

What takes time with the size of the file is bounded in time; `freehold doctor` looks at all of it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from freehold.kernel.databases import migrations
from freehold.kernel.databases.errors import StorageFailed, damaged
from freehold.log.store import LogCorrupt, LogStore

SUFFIX = "-commits"
STATE = "commits"
_DIGITS = 20


class Commits:
    """How many transactions a SQLite file has kept, noted beside it as well.

    A file that came back without its write-ahead log, or out of yesterday's copy, is sound by itself and has lost
    what was promised since. The note beside it is written after each commit, so it is never ahead of a file that
    lost nothing, whenever the process was killed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + SUFFIX)
        self._file: int | None = None
        self._number = 0

    def begin(self, connection: sqlite3.Connection) -> None:
        """Go on counting. Raises `DatabaseDamaged`: the file has fewer than were noted."""
        self._number = self.require(connection)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._write()

    def require(self, connection: sqlite3.Connection | None) -> int:
        """The count in the file, which may be gone. Raises `DatabaseDamaged`: there are fewer than were noted."""
        row = connection and connection.execute("SELECT value FROM state WHERE name = ?", (STATE,)).fetchone()
        number, noted = int(row[0]) if row else 0, self._noted()
        if number < noted:
            raise damaged(f"the newest {noted - number} of {noted} transactions are missing")
        return number

    def count(self, connection: sqlite3.Connection) -> None:
        """One more, inside the transaction that it counts."""
        connection.execute(
            "INSERT INTO state VALUES (?, CAST('1' AS BLOB)) ON CONFLICT (name) DO UPDATE"
            " SET value = CAST(CAST(CAST(state.value AS TEXT) AS INTEGER) + 1 AS BLOB)",
            (STATE,),
        )

    def note(self) -> None:
        """After the commit."""
        self._number += 1
        self._write()

    def _write(self) -> None:
        # what was committed stays committed; a note that lags is a check less
        with suppress(OSError):
            if self._file is not None:
                os.pwrite(self._file, f"{self._number:0{_DIGITS}}\n".encode(), 0)

    def close(self) -> None:
        """No more is counted."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _noted(self) -> int:
        try:
            return int(self._path.read_bytes()[:_DIGITS])
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise damaged(f"{self._path.name} cannot be read") from error


LOOK_SECONDS = 0.2
"""How long pages are read; some hundred megabytes are whole tables in that time."""
_STEPS = 2_000
"""Operations of SQLite between two looks at the clock."""
_HEADER = b"SQLite format 3\x00"


def require_sound(path: Path) -> None:
    """Refuse a database that lost pages, tables or entries of its log.

    One of a later version is left to `migrations`. Raises `DatabaseDamaged`.
    """
    commits = Commits(path)
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
    with path.open("rb") as file:
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
    still = "" if being_written(path) else "&immutable=1"
    uri = f"{path.absolute().as_uri()}?mode=ro{still}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)


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

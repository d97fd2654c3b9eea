"""How many transactions a SQLite file has kept, noted beside it as well.

A file that came back without its write-ahead log, or out of yesterday's copy, is sound by itself and has lost
what was promised since. The note beside it is written after each commit, so it is never ahead of a file that
lost nothing, whenever the process was killed.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from freehold.kernel.databases.errors import damaged

SUFFIX = "-commits"
STATE = "commits"
_DIGITS = 20


class Commits:
    """The count of one file."""

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

"""How many transactions a database has kept, noted in the home as well, with the database's name."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from freehold import plain_file
from freehold.core.connection import Connection
from freehold.kernel.databases.errors import DatabaseMismatch, damaged

SUFFIX = "-commits"
STATE = "commits"
_DIGITS = 20
MOST_BYTES = 1 << 16
COUNT_ON_SERVER = (
    f"INSERT INTO state VALUES ('{STATE}', '1') ON CONFLICT (name) DO UPDATE"  # noqa: S608 - a fixed name
    " SET value = convert_to((convert_from(state.value, 'UTF8')::bigint + 1)::text, 'UTF8')"
    " RETURNING convert_from(value, 'UTF8')::bigint"
)
"""`Commits.count` in the words of a server, which takes it in one message with the commit."""


class Commits:
    """The count in a database and the note of it in the home.

    A file that came back without its write-ahead log, a database out of yesterday's copy, or an empty one that was
    named by mistake, is sound by itself and lacks what was promised since. The note is written after each commit, so
    it is never ahead of a database that lost nothing, whenever the process was killed. Making the tables keeps
    nothing yet and is not counted.
    """

    def __init__(self, file: Path, place: str = "") -> None:
        """`file` is where SQLite keeps the database, or would in this home; `place` names another."""
        self._path = file.with_name(file.name + SUFFIX)
        self._own, self._place = file.name, place or file.name
        self._said = f"\n{self._place}\n"
        """What is still to be said of the place."""
        self._file: int | None = None

    def require(self, connection: Connection | None) -> None:
        """That the database, which may have no tables yet, kept all that was noted.

        Raises `DatabaseDamaged`: it has fewer. `DatabaseMismatch`: it is not the one that was noted.
        """
        number, (noted, place) = kept(connection), self._noted()
        if number >= noted:
            return
        if place != self._place:
            raise DatabaseMismatch(
                f"this home last wrote to {place}, which kept {noted} transactions; {self._place} has {number}",
                hint="Name that one again: by --database, FREEHOLD_DATABASE or config.toml, its schema by the role's"
                f" search_path; {self._own} is the one where none is named. To move a node: freehold backup, then"
                " freehold restore --database.",
            )
        raise damaged(f"the newest {noted - number} of {noted} transactions are missing")

    def begin(self, connection: Connection | None) -> None:
        """As `require`, before anything is written."""
        self.require(connection)
        self._file = plain_file.plain(self._path, write=True)

    def count(self, connection: sqlite3.Connection) -> int:
        """One more, inside the transaction that it counts."""
        connection.execute(
            "INSERT INTO state VALUES (?, CAST('1' AS BLOB)) ON CONFLICT (name) DO UPDATE"
            " SET value = CAST(CAST(CAST(state.value AS TEXT) AS INTEGER) + 1 AS BLOB)",
            (STATE,),
        )
        return kept(connection)

    def note(self, number: int) -> None:
        """After the commit."""
        # what was committed stays committed; a note that lags is a check less
        with suppress(OSError):
            if self._file is not None:
                said = f"{number:0{_DIGITS}}{self._said}".encode(errors="replace")
                # a disk may take a part, which is read as a number that lags
                if os.pwrite(self._file, said, 0) == len(said) and self._said:
                    os.truncate(self._file, len(said))
                    self._said = ""

    def close(self) -> None:
        """No more is counted."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _noted(self) -> tuple[int, str]:
        try:
            text = plain_file.content(self._path, MOST_BYTES)
            # a process that was killed at the first opening leaves an empty one
            return int(text[:_DIGITS] or b"0"), text[_DIGITS:].decode(errors="replace").strip() or self._own
        except FileNotFoundError:
            return 0, self._own
        except (OSError, ValueError) as error:
            raise damaged(f"{self._path.name} cannot be read") from error


def kept(connection: Connection | None) -> int:
    """How many transactions a database has kept."""
    row = connection and connection.execute("SELECT value FROM state WHERE name = ?", (STATE,)).fetchone()
    return int(row[0]) if row else 0


def forget(file: Path) -> None:
    """The rows of a home were moved: what it writes to next is the one that it writes to."""
    file.with_name(file.name + SUFFIX).unlink(missing_ok=True)

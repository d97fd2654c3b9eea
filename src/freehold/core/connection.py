"""What the rooms that keep rows ask of a database connection; `sqlite3.Connection` is one as it stands.

Statements are those that SQLite and Postgres both understand, with `?` for each parameter. `BEGIN IMMEDIATE`
starts the one transaction that may write, `BEGIN` one that only reads, from one snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """Rows that a write changed."""

    def fetchone(self) -> Any:
        """The next row as a tuple; None after the last."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""


class Connection(Protocol):
    """One session with a database; used by one thread at a time."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor:
        """Run one writing statement once for each row of parameters."""

    def rollback(self) -> None:
        """End the transaction, if one is open; nothing of it is kept."""

    def close(self) -> None:
        """End the session."""

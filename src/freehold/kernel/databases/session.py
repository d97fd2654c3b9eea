"""One session with a Postgres server, in the words of `core.connection`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pg8000.exceptions import DatabaseError  # type: ignore[import-untyped]
from pg8000.native import Connection as Wire  # type: ignore[import-untyped]
from pg8000.native import PreparedStatement

from freehold.core.errors import InvalidInput
from freehold.kernel.databases.address import Address
from freehold.kernel.databases.dialing import ELSEWHERE, LOST, SessionLost, dial, end, refused
from freehold.kernel.databases.errors import DatabaseInUse, DatabaseLocked, StorageFailed

LOCK_SECONDS = 3.0
"""A killed node's session ends a moment after it; longer means that the other node lives."""
LOCKED_SECONDS = 2
"""How long a statement waits for a lock of somebody else's."""
STATEMENT_SECONDS = 25
"""How long one may take in all; the session itself is given up a little later."""
_AGAIN_SECONDS = 0.5
_LOCKED_AGAIN_SECONDS = 3.0
"""While others wait behind a lock, they are told so at once: each would wait as long as the first, one by one."""
_APPLICATION = 0x46524548
_BEGINNINGS = {
    "BEGIN IMMEDIATE": "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_current_xact_id()::text",
    "BEGIN": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}
_SESSION = (
    "SET client_encoding = 'UTF8'; SET bytea_output = 'hex'; SET client_min_messages = 'warning';"
    f" SET lock_timeout = '{LOCKED_SECONDS}s'; SET statement_timeout = '{STATEMENT_SECONDS}s';"
    " SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    " SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
_WHERE = "SELECT current_schema()::text, current_setting('server_encoding')"
_LOCK = f"SELECT pg_try_advisory_lock(({_APPLICATION}::bigint << 32) | current_schema()::regnamespace::oid::bigint)"


class Rows:
    """An answer that has arrived whole."""

    def __init__(self, rows: Iterable[Sequence[Any]], rowcount: int) -> None:
        self._rows = iter([tuple(row) for row in rows])
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        """The next row; None after the last."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class Session:
    """A connection that opens itself again when the server came back; never inside a transaction.

    With `writer` it holds this database's one advisory lock, as long as it lasts: what is written is
    written by the holder, because the lock and the session end together.
    """

    def __init__(self, address: Address, *, writer: bool) -> None:
        self.address, self._writer = address, writer
        self.schema = ""
        """The first of the role's search_path, as long as this lasts: a server that comes back may say another."""
        self._wire: Wire | None = None
        self._prepared: dict[str, PreparedStatement] = {}
        self._failed_at = float("-inf")
        self._locked_at = float("-inf")
        self._closed = False
        self.in_transaction = False
        self.transaction_id = 0
        """Of the last writing transaction; the server knows what became of it."""
        self._open()

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run one statement.

        Raises `StorageFailed`: the server refused it or went away. `InvalidInput`: text that it cannot hold.
        """
        if not self.in_transaction and time.monotonic() - self._locked_at < _LOCKED_AGAIN_SECONDS:
            raise DatabaseLocked(
                "the database is locked by another session", hint="It is tried again in a moment."
            )
        if sql in _BEGINNINGS:
            return self._begin(sql)
        if self.in_transaction:
            return self._run(sql, parameters)
        if not sql.startswith("SELECT"):
            raise RuntimeError("writes need a transaction")
        return self._twice(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Rows:
        """Run one writing statement once for each row of parameters."""
        return Rows((), sum(self.execute(sql, row).rowcount for row in parameters))

    def commit(self, last: str = "") -> Rows:
        """Keep the transaction after a `last` statement of it, in one message; says what that answered.

        When this raises, `transaction_id` tells what to ask about.
        """
        done = self._simple(f"{last}; COMMIT" if last else "COMMIT")
        self.in_transaction = False
        return done

    def rollback(self) -> None:
        """End the transaction, if one is open."""
        if self.in_transaction:
            self.in_transaction = False
            with suppress(StorageFailed):
                self._simple("ROLLBACK")

    def close(self) -> None:
        """End it; further use fails."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        self.in_transaction = False
        self._prepared.clear()
        wire, self._wire = self._wire, None
        if wire is not None:
            end(wire)

    def _begin(self, sql: str) -> Rows:
        if self.in_transaction:
            raise RuntimeError("a transaction is open already")
        begun = self._twice(_BEGINNINGS[sql], None)
        self.in_transaction = True
        if found := begun.fetchone():
            self.transaction_id = int(found[0])
        return Rows((), -1)

    def _twice(self, sql: str, parameters: Sequence[Any] | None) -> Rows:
        """What changes nothing may be said again to a server that came back."""
        for last in (False, True):
            if self._wire is None:
                self._open()
            try:
                return self._simple(sql) if parameters is None else self._run(sql, parameters)
            except SessionLost:
                if last:
                    raise
        raise AssertionError

    def _open(self) -> None:
        if self._closed:
            raise SessionLost("the database is closed", hint="Start the node again.")
        if time.monotonic() - self._failed_at < _AGAIN_SECONDS:
            raise SessionLost(f"the database at {self.address} does not answer", hint=ELSEWHERE)
        try:
            self._wire = dial(self.address)
            self._simple(_SESSION)
            self._settle()
            if self._writer:
                self._lock()
            else:
                self._simple("SET default_transaction_read_only = on")
        except BaseException:
            self._failed_at = time.monotonic()
            self._drop()
            raise

    def _settle(self) -> None:
        schema, encoding = self._simple(_WHERE).fetchone()
        self.schema = self.schema or schema or ""
        if not self.schema:
            raise StorageFailed(
                f"the role {self.address.user} has no schema in the database {self.address}: its search_path names none",
                hint="Give it one: CREATE SCHEMA AUTHORIZATION, or ALTER ROLE ... SET search_path.",
            )
        if self._writer and encoding != "UTF8":
            raise StorageFailed(
                f"the database {self.address} is in {encoding}, which cannot hold every name",
                hint="Make one with createdb --encoding UTF8 --template template0. A node that is in this one moves by"
                " freehold backup and freehold restore --database.",
            )
        self._run("SELECT set_config('search_path', quote_ident(?), false)", (self.schema,))

    def _lock(self) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while not self._simple(_LOCK).fetchone()[0]:
            if time.monotonic() > deadline:
                raise DatabaseInUse(
                    f"another node runs on the database {self.address}",
                    hint="Stop it. Each node needs a database, or a schema, of its own.",
                )
            time.sleep(0.1)

    def _run(self, sql: str, parameters: Sequence[Any]) -> Rows:
        for value in parameters:
            # a null character, or half a character
            if isinstance(value, str) and ("\0" in value or value != value.encode(errors="ignore").decode()):
                raise InvalidInput("text holds a character that cannot be kept", hint="Leave it out.")
        if self._wire is None:
            raise SessionLost("the database went away", hint=ELSEWHERE)
        with self._failures():
            statement = self._prepared.get(sql)
            if statement is None:
                statement = self._prepared[sql] = self._wire.prepare(_numbered(sql))
            named = {f"p{number}": value for number, value in enumerate(parameters)}
            rows = statement.run(**named)
            return Rows(rows or (), statement._context.row_count)  # noqa: SLF001 - it has no other way out

    def _simple(self, sql: str) -> Rows:
        if self._wire is None:
            raise SessionLost("the database went away", hint=ELSEWHERE)
        with self._failures():
            return Rows(self._wire.run(sql) or (), self._wire.row_count)

    @property
    def server(self) -> str:
        """Version of the server, such as 15.4."""
        return str(self.execute("SELECT split_part(current_setting('server_version'), ' ', 1)").fetchone()[0])

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            told = refused(error)
            if isinstance(told, DatabaseLocked):
                self._locked_at = time.monotonic()
            raise told from error
        except LOST as error:
            wire, self._wire = self._wire, None
            self._prepared.clear()
            if wire is not None:
                end(wire)
            raise SessionLost("the database server went away", hint=ELSEWHERE) from error


def _numbered(sql: str) -> str:
    """`?` as the names that the driver takes; no statement here has one inside quotes."""
    first, *others = sql.split("?")
    return first + "".join(f":p{number}{text}" for number, text in enumerate(others))

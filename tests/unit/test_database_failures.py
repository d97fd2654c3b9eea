"""What an error of SQLite's means for whoever wanted to keep something."""

import sqlite3
import time

import pytest

from freehold.kernel.databases import opening
from freehold.kernel.databases.errors import DatabaseLocked, StorageFailed, StorageUncertain
from freehold.kernel.store import Store


class Failing:
    """A connection whose commit fails as the disk does."""

    def __init__(self, connection, code):
        self._connection, self._code = connection, code

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, sql, *given):
        if sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self._code
            raise error
        return self._connection.execute(sql, *given)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / opening.FILE)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("code", "said"),
    [(sqlite3.SQLITE_IOERR, StorageUncertain), (sqlite3.SQLITE_IOERR | 4 << 8, StorageUncertain), (sqlite3.SQLITE_FULL, StorageFailed)],
)  # fmt: skip
def test_a_commit_that_could_not_be_flushed_may_be_found_after_a_crash(store, monkeypatch, code, said):
    monkeypatch.setattr(store._database, "connection", Failing(store._database.connection, code))
    with pytest.raises(StorageFailed) as raised, store.transaction() as tx:
        tx.set("name", 1)
    assert type(raised.value) is said
    monkeypatch.undo()
    assert store.state("name") is None


def test_another_program_that_writes_is_named_and_waited_for_once(store, tmp_path):
    with store.reading() as connection:
        connection.execute("PRAGMA busy_timeout = 200")
    other = sqlite3.connect(tmp_path / opening.FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseLocked) as raised, store.transaction():
        pass
    assert "Another program" in raised.value.hint
    other.close()
    with store.transaction() as tx:
        tx.set("name", 1)


def test_tidying_waits_for_no_reader(store, tmp_path):
    with store.transaction() as tx:
        tx.set("name", 1)
    reader = sqlite3.connect(tmp_path / opening.FILE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM state").fetchone()
    began = time.monotonic()
    store.tidy()
    assert time.monotonic() - began < 2
    reader.close()
    with store.reading() as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (opening.BUSY_SECONDS * 1_000,)

"""What an error of SQLite's means for whoever wanted to keep something."""

import os
import sqlite3
import time

import pytest

from freehold.kernel import faults
from freehold.kernel.databases import opening
from freehold.kernel.databases.errors import DatabaseLocked, StorageFailed, StorageUncertain
from freehold.kernel.store import Store


class Failing:
    """A connection whose commit, or what begins otherwise, fails as the disk does."""

    def __init__(self, connection, code, kind=sqlite3.OperationalError, begins="COMMIT"):
        self._connection, self._code, self._kind, self._begins = connection, code, kind, begins

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, sql, *given):
        if sql.startswith(self._begins):
            error = self._kind("disk I/O error")
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


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CORRUPT | 1 << 8, sqlite3.SQLITE_NOTADB]
)
def test_a_disk_that_fails_at_reading_is_no_fault_of_this_program(store, monkeypatch, code):
    """SQLite takes what could not be read for a damaged file, and says so by an error of another class."""
    broken = Failing(store._database.connection, code, sqlite3.DatabaseError, "INSERT")
    monkeypatch.setattr(store._database, "connection", broken)
    with pytest.raises(StorageFailed, match="cannot read") as raised, store.transaction() as tx:
        tx.set("name", 1)
    assert type(raised.value) is StorageFailed
    assert isinstance(faults.known(raised.value.__cause__), StorageFailed)
    monkeypatch.undo()
    with store.transaction() as tx:
        tx.set("name", 2)
    assert store.state("name") == 2


def test_a_statement_that_is_wrong_stays_a_fault_of_this_program(store):
    with pytest.raises(sqlite3.IntegrityError) as raised, store.transaction() as tx:
        tx.connection.execute("INSERT INTO state VALUES ('name', NULL), ('name', NULL)")
    assert faults.known(raised.value) is None


@pytest.mark.parametrize("taken", range(36))
def test_a_note_of_which_the_disk_took_a_part_says_no_more_than_was_kept(tmp_path, monkeypatch, taken):
    path = tmp_path / opening.FILE
    made, pwrite = Store(path), os.pwrite
    (tmp_path / f"{opening.FILE}-commits").write_bytes(b"")
    with monkeypatch.context() as short:
        short.setattr(os, "pwrite", lambda file, said, at: pwrite(file, said[:taken], at))
        with made.transaction() as tx:
            tx.set("name", 1)
    made.close()
    made = Store(path)
    assert made.state("name") == 1
    made.close()


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

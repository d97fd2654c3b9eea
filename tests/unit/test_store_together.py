"""Transactions that are kept by one commit: each whole or nothing by itself, and none before all are on the disk."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.core.errors import Conflict, Unavailable
from freehold.kernel import together as gathering
from freehold.kernel.databases import commits, opening, session
from freehold.kernel.databases.errors import DatabaseLocked, StorageFailed, StorageUncertain
from freehold.kernel.store import MustWait, Store
from freehold.kernel.together import MOST_AT_ONCE, Together


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def store(tmp_path: Path, url: str) -> Iterator[Store]:
    opened = Store(opening.for_writing(tmp_path, url))
    yield opened
    opened.close()


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / opening.FILE)
    yield opened
    opened.close()


def keep(store: Store, name: str, error: BaseException | None = None) -> int:
    """One transaction: an entry of the log and a value, then an error."""
    with store.transaction() as tx:
        place = tx.log.append(name.encode())
        tx.set(f"kept:{name}", place)
        if error is not None:
            raise error
    return place


def seen(store: Store) -> dict[str, int]:
    """What is kept, after the log agreed with it."""
    found = {name.partition(":")[2]: place for name, place in store.states("kept:").items()}
    with store.log() as log:
        entries = [log.entry(place).decode() for place in range(log.verify()[0])]
    assert entries == sorted(found, key=found.__getitem__)
    return found


def outside(home: Path, url: str) -> list[str]:
    """What another connection sees."""
    with closing(opening.for_reading(home, url)) as connection:
        return [
            name.partition(":")[2]
            for (name,) in connection.execute(
                "SELECT name FROM state WHERE name >= 'kept:' AND name < 'kept;' ORDER BY name"
            )
        ]


def counted(store: Store) -> int:
    with store.reading() as connection:
        return commits.kept(connection)


def node_of(store: Store, require: Callable[[float], None] = lambda _: None) -> Any:
    """As much of a node as is asked."""
    return SimpleNamespace(store=store, continuity=SimpleNamespace(require=require))


def run(
    store: Store, *acts: Callable[[], Any], require: Callable[[float], None] = lambda _: None
) -> list[Any]:
    """What came of acts that wait together: all are there before the first is done."""
    together = Together(node_of(store, require))

    all_wait = threading.Event()

    async def all_of_them() -> list[Any]:
        before = asyncio.ensure_future(together.do(all_wait.wait))
        await asyncio.sleep(0.05)
        waiting = [asyncio.ensure_future(together.do(act)) for act in acts]
        await asyncio.sleep(0.05)
        all_wait.set()
        await before
        return await asyncio.gather(*waiting, return_exceptions=True)

    try:
        return asyncio.run(all_of_them())
    finally:
        together.stop()


def test_parts_are_one_commit_that_nobody_sees_before_its_end(store: Store, tmp_path: Path, url: str) -> None:
    before = counted(store)
    with store.together():
        assert [keep(store, name) for name in "abc"] == [0, 1, 2]
        assert outside(tmp_path, url) == []
        assert set(seen(store)) == set("abc"), "this thread goes on with what it did"
    assert outside(tmp_path, url) == ["a", "b", "c"]
    assert counted(store) == before + 1


def test_a_refused_part_is_undone_alone(store: Store) -> None:
    with store.together():
        keep(store, "a")
        for error in (Conflict("no"), MustWait()):
            with pytest.raises(type(error)):
                keep(store, "b", error)
        assert keep(store, "c") == 1
    assert seen(store) == {"a": 0, "c": 1}


def test_an_unexpected_error_undoes_all_and_lets_none_begin(store: Store) -> None:
    before = counted(store)
    with pytest.raises(MustWait), store.together():  # noqa: PT012 - what fails is inside
        keep(store, "a")
        with suppress(ZeroDivisionError):
            keep(store, "b", ZeroDivisionError())
        with pytest.raises(MustWait):
            keep(store, "c")
    assert seen(store) == {}
    assert counted(store) == before
    assert keep(store, "d") == 0


def test_nothing_done_writes_nothing(store: Store) -> None:
    before = counted(store)
    with store.together():
        assert seen(store) == {}
    assert counted(store) == before


def test_a_transaction_within_a_part_is_refused(store: Store) -> None:
    with pytest.raises(MustWait), store.together(), suppress(RuntimeError), store.transaction():  # noqa: PT012 - what fails is inside
        with pytest.raises(RuntimeError, match="open already"):
            keep(store, "b")
        raise RuntimeError
    assert seen(store) == {}


def test_what_the_caller_raises_undoes_all(store: Store) -> None:
    with pytest.raises(KeyError), store.together():  # noqa: PT012 - what fails is inside
        keep(store, "a")
        raise KeyError
    assert seen(store) == {}
    assert not store.is_together
    assert keep(store, "b") == 0


def test_only_the_thread_inside_must_not_wait_and_others_do(store: Store) -> None:
    found, done = [], threading.Event()

    def other() -> None:
        found.append(store.is_together)
        store.may_wait()
        keep(store, "other")
        done.set()

    thread = threading.Thread(target=other)
    with store.together():
        assert store.is_together
        with pytest.raises(MustWait):
            store.may_wait()
        keep(store, "a")
        thread.start()
        assert not done.wait(0.1)
    thread.join(10)
    assert found == [False]
    assert seen(store) == {"a": 0, "other": 1}
    store.may_wait()


def fill(store: Store) -> None:
    """From now on the disk is full."""
    with store.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")


def big(store: Store, name: str) -> int:
    with store.transaction() as tx:
        tx.set("big", "x" * 3_000_000)
    return keep(store, name)


def test_a_full_disk_in_one_part_undoes_all_and_each_is_told_by_itself(file_store: Store) -> None:
    store = file_store
    keep(store, "first")
    fill(store)
    told = run(store, lambda: keep(store, "a"), lambda: big(store, "b"), lambda: keep(store, "c"))
    assert all(isinstance(one, MustWait) for one in told[1:])
    assert "b" not in seen(store)
    with pytest.raises(StorageFailed, match="full"):
        big(store, "b")
    assert keep(store, "d") == len(seen(store)) - 1


def test_a_locked_database_is_waited_for_once_and_not_by_one_after_the_other(
    store: Store, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits again for what all have waited for."""
    seconds = session.LOCKED_SECONDS if url else 0.5
    if url:
        other: Any = opening.for_reading(tmp_path, url)
        other.execute("BEGIN")
        other._simple("SET TRANSACTION READ WRITE")
        other._simple("LOCK TABLE state IN SHARE MODE")
    else:
        with store.reading() as connection:
            connection.execute("PRAGMA busy_timeout = 500")
        other = sqlite3.connect(tmp_path / opening.FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    told = run(store, *(lambda name=name: keep(store, name) for name in "abcdefghijklmnopqrst"))
    took = time.monotonic() - began
    other.close()
    assert [type(one) for one in told] == [DatabaseLocked] * 20
    assert seconds <= took < 3 * seconds, "those who came first, and those who came meanwhile"
    monkeypatch.setattr(session, "_LOCKED_AGAIN_SECONDS", 0)
    assert seen(store) == {}


def test_what_the_database_refuses_breaks_what_is_kept_with_it(store: Store) -> None:
    def wrong() -> None:
        with store.transaction() as tx:
            tx.connection.execute("INSERT INTO uses VALUES ('grant', 1, 1)")
            tx.connection.execute("INSERT INTO uses VALUES ('grant', 1, 1)")

    told = run(store, lambda: keep(store, "a"), wrong, lambda: keep(store, "b"))
    assert all(isinstance(one, MustWait) for one in told[1:])
    assert "b" not in seen(store)
    assert store.uses("grant") == (0, 0)
    keep(store, "c")


def test_a_reading_that_fails_keeps_nothing_of_what_came_before(
    postgres: Any, tmp_path: Path, new_url: str
) -> None:
    """A server takes COMMIT of what it has given up, and says that it is well."""
    store = Store(opening.for_writing(tmp_path, new_url))

    def wrong() -> None:
        with suppress(StorageFailed):
            store.rows("SELECT 1 / 0")

    told = run(store, lambda: keep(store, "a"), lambda: keep(store, "b"), wrong, lambda: "read")
    assert all(isinstance(one, MustWait) for one in told[1:])
    assert set(seen(store)) <= {"a"}
    keep(store, "c")
    store.close()


def test_a_transaction_that_the_database_ended_is_not_gone_on_with(file_store: Store) -> None:
    """SQLite may end one where the disk fails at a reading, too; what follows is no part of anything then."""
    store = file_store
    with pytest.raises((MustWait, StorageFailed)), store.together():  # noqa: PT012 - what fails is inside
        keep(store, "a")
        with store.reading() as connection:
            connection.execute("ROLLBACK")
        with suppress(MustWait):
            keep(store, "b")
    assert seen(store) == {}
    assert keep(store, "c") == 0


class Refusing:
    """A connection whose commits fail."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection, self.left = connection, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def execute(self, sql: str, *given: Any) -> Any:
        if sql == "COMMIT" and self.left:
            self.left -= 1
            raise sqlite3.OperationalError("database or disk is full")
        return self.connection.execute(sql, *given)


def test_a_commit_that_fails_is_told_to_none_as_kept_and_each_tries_by_itself(file_store: Store) -> None:
    store = file_store
    database: Any = store._database
    database.connection = Refusing(database.connection)
    told = run(store, lambda: keep(store, "a"), lambda: keep(store, "b"), lambda: "known")
    assert [type(one) for one in told] == [MustWait] * 3, "one that is alone may fit, or only read"
    assert seen(store) == {}
    assert keep(store, "a") == 0


def test_a_commit_that_is_uncertain_is_told_to_all_who_wrote_and_who_only_read_does_so_again(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = file_store
    database: Any = store._database

    class Away(Refusing):
        def execute(self, sql: str, *given: Any) -> Any:
            done = self.connection.execute(sql, *given)
            if sql == "COMMIT":
                raise StorageUncertain("gone")
            return done

    with monkeypatch.context() as away:
        away.setattr(database, "connection", Away(database.connection))
        told = run(store, lambda: keep(store, "a"), lambda: "known", lambda: keep(store, "b"))
    assert [type(one) for one in told] == [StorageUncertain, MustWait, StorageUncertain]
    assert seen(store) == {"a": 0, "b": 1}


def test_each_act_is_told_its_own(store: Store) -> None:
    told = run(
        store,
        lambda: keep(store, "a"),
        lambda: keep(store, "b", Conflict("no")),
        lambda: keep(store, "c"),
        store.may_wait,
        lambda: 1 / 0,
    )
    assert [type(one) for one in told] == [int, Conflict, int, MustWait, ZeroDivisionError]
    assert seen(store) == {"a": 0, "c": 1}


def test_many_are_few_commits_and_a_reader_gets_between_them(store: Store) -> None:
    before = counted(store)
    told = run(store, *(lambda number=number: keep(store, f"{number}") for number in range(64)))
    assert sorted(told) == list(range(64))
    assert before + 64 / MOST_AT_ONCE <= counted(store) <= before + 64 / MOST_AT_ONCE + 1


def test_an_act_that_fails_at_everything_does_not_end_the_thread(store: Store) -> None:
    told = run(
        store, lambda: keep(store, "a", StopIteration()), lambda: keep(store, "b"), lambda: next(iter(()))
    )
    assert all(isinstance(one, MustWait) for one in told)


@pytest.mark.parametrize(
    "error", [StopIteration, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError]
)
def test_whatever_an_act_raises_the_others_are_told_and_the_thread_goes_on(
    file_store: Store, error: type[BaseException]
) -> None:
    """A future takes no StopIteration, and a loop that awaits an exit of the program ends."""
    store = file_store

    def raising() -> None:
        raise error

    together = Together(node_of(store))

    async def told() -> list[Any]:
        with store.reading():
            acts = (lambda: keep(store, "a"), raising, lambda: keep(store, "b"))
            waiting = [asyncio.ensure_future(together.do(act)) for act in acts]
            await asyncio.sleep(0.05)
        return await asyncio.gather(*waiting, together.do(lambda: keep(store, "c")), return_exceptions=True)

    found = asyncio.run(asyncio.wait_for(told(), 10))
    together.stop()
    assert [type(one) for one in found] == [int, RuntimeError, int, int]
    assert isinstance(found[1].__cause__, error)
    assert set(seen(store)) == {"a", "b", "c"}


def test_what_ends_a_part_undoes_all_and_not_the_thread(file_store: Store) -> None:
    store = file_store
    told = run(store, lambda: keep(store, "a", SystemExit()), lambda: keep(store, "b"), lambda: 1)
    assert isinstance(told[0], MustWait)
    assert keep(store, "c") == len(seen(store)) - 1


def test_where_there_is_no_room_for_a_thread_the_next_act_tries_again(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Together(node_of(file_store))

    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", full)
        with pytest.raises(RuntimeError, match="new thread"):
            asyncio.run(together.do(lambda: keep(file_store, "a")))
    assert asyncio.run(asyncio.wait_for(together.do(lambda: keep(file_store, "b")), 10)) == 0
    together.stop()
    assert set(seen(file_store)) == {"b"}


def test_where_this_home_must_not_sign_each_act_finds_out_by_itself(store: Store) -> None:
    """One that was answered before is answered, though nothing new is signed."""

    def refuse(_: float) -> None:
        raise Conflict("another log")

    assert run(store, lambda: "known", require=refuse) == ["known"]


def test_after_the_end_nothing_is_begun(store: Store) -> None:
    together = Together(node_of(store))
    assert asyncio.run(together.do(lambda: keep(store, "a"))) == 0
    together.stop()
    together.stop()
    with pytest.raises(Unavailable):
        asyncio.run(together.do(lambda: keep(store, "b")))
    assert set(seen(store)) == {"a"}


def test_a_stop_does_what_waits_first(store: Store) -> None:
    together = Together(node_of(store))

    async def stopped() -> list[Any]:
        with store.reading():
            waiting = [asyncio.ensure_future(together.do(lambda n=n: keep(store, f"{n}"))) for n in range(20)]
            await asyncio.sleep(0.05)
            stopping = threading.Thread(target=together.stop)
            stopping.start()
            await asyncio.sleep(0.05)
        told = await asyncio.gather(*waiting, return_exceptions=True)
        stopping.join(10)
        assert not stopping.is_alive()
        return told

    assert sorted(asyncio.run(stopped())) == list(range(20))
    assert len(seen(store)) == 20


def test_a_caller_that_hung_up_holds_up_nobody(store: Store) -> None:
    together = Together(node_of(store))

    async def hung_up() -> Any:
        with store.reading():
            first, second = (asyncio.ensure_future(together.do(lambda n=n: keep(store, n))) for n in "ab")
            await asyncio.sleep(0.05)
            first.cancel()
        return await second

    assert asyncio.run(hung_up()) == 1
    together.stop()
    assert seen(store) == {"a": 0, "b": 1}, "what was done stays done"


@pytest.mark.parametrize(("told_before", "commits_made"), [(2, 1), (1, 2)])
def test_as_many_as_were_told_are_awaited_and_nobody_where_only_one_was(
    file_store: Store, monkeypatch: pytest.MonkeyPatch, told_before: int, commits_made: int
) -> None:
    """Two come again, one a moment after the other."""
    monkeypatch.setattr(gathering, "GATHERING_SECONDS", 5.0)
    store = file_store
    together = Together(node_of(store))
    busy = threading.Event()

    async def come_again() -> int:
        first = asyncio.ensure_future(together.do(busy.wait))
        await asyncio.sleep(0.05)
        others = [together.do(lambda name=name: keep(store, name)) for name in "ab"[:told_before]]
        waiting = asyncio.gather(*others)
        await asyncio.sleep(0.05)
        busy.set()
        await first
        await waiting
        before = counted(store)
        one = asyncio.ensure_future(together.do(lambda: keep(store, "c")))
        await asyncio.sleep(0.2)
        assert one.done() is (told_before == 1)
        await asyncio.gather(one, together.do(lambda: keep(store, "d")))
        return counted(store) - before

    try:
        assert asyncio.run(come_again()) == commits_made
    finally:
        together.stop()


def test_who_does_not_come_again_is_not_awaited_for_long(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "GATHERING_SECONDS", 0.1)
    store = file_store
    together = Together(node_of(store))
    busy = threading.Event()

    async def fewer() -> float:
        first = asyncio.ensure_future(together.do(busy.wait))
        await asyncio.sleep(0.05)
        waiting = asyncio.gather(*(together.do(lambda name=name: keep(store, name)) for name in "abc"))
        await asyncio.sleep(0.05)
        busy.set()
        await first
        await waiting
        began = time.monotonic()
        await together.do(lambda: keep(store, "d"))
        return time.monotonic() - began

    try:
        assert asyncio.run(fewer()) < 5
    finally:
        together.stop()

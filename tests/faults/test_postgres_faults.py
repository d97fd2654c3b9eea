"""A Postgres server that stops, restarts or loses an answer: each transaction is wholly there or not at all."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import node_tables
import pytest
from node_process import Process
from node_world import World, free_port, require_sound_file, until
from postgres_server import Server, serving
from wire import Wire

from freehold.kernel.databases import opening, postgresql, session
from freehold.kernel.databases.errors import DatabaseInUse, StorageFailed, StorageUncertain
from freehold.kernel.store import Store


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that these tests may stop."""
    with serving() as made:
        yield made


class Far:
    """A store whose session passes through a wire that tests can cut."""

    def __init__(self, server: Server, home: Path, name: str) -> None:
        server.database(name)
        self.wire = Wire(server.port)
        self.url = server.url(name).replace(str(server.port), str(self.wire.port))
        self.store = Store(opening.for_writing(home, self.url))
        self.commits = 0

    def cut(self, *, before: bool, then_dead: bool = False) -> None:
        """Lose the next COMMIT, before the server hears of it or after it was done."""

        def heard(data: bytes) -> None:
            if b"COMMIT\0" in data:
                self.commits += 1
                if then_dead:
                    self.wire.target_port = 1
                if before:
                    self.wire.on_request = None
                    raise ConnectionAbortedError

        def answered(data: bytes) -> None:
            if self.commits and b"COMMIT\0" in data:
                self.wire.on_request = self.wire.on_answer = None
                raise ConnectionAbortedError

        self.wire.on_request = heard
        self.wire.on_answer = None if before else answered

    def close(self) -> None:
        self.store.close()
        self.wire.close()


@pytest.fixture
def far(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Far]:
    made = Far(server, tmp_path, f"far{abs(hash(request.node.name))}")
    yield made
    made.close()


def write(store: Store, data: bytes) -> int:
    with store.transaction() as tx:
        tx.set("last", data.hex())
        return tx.log.append(data)


def entries(store: Store) -> list[bytes]:
    with store.log() as log:
        return [log.entry(place) for place in range(log.verify()[0])]


def test_a_commit_whose_answer_is_lost_is_known_to_be_kept(far: Far) -> None:
    write(far.store, b"first")
    far.cut(before=False)
    assert write(far.store, b"second") == 1
    assert far.commits == 1, "said once"
    assert write(far.store, b"third") == 2
    assert entries(far.store) == [b"first", b"second", b"third"]


def test_a_commit_that_never_arrived_is_known_to_be_lost(far: Far) -> None:
    write(far.store, b"first")
    far.cut(before=True)
    with pytest.raises(StorageFailed) as failed:
        write(far.store, b"second")
    assert not isinstance(failed.value, StorageUncertain)
    assert far.commits == 1, "not said again"
    assert entries(far.store) == [b"first"]
    assert far.store.state("last") == b"first".hex()
    assert write(far.store, b"third") == 1


@pytest.mark.parametrize("before", [True, False])
def test_a_server_that_does_not_come_back_leaves_it_open(
    far: Far, server: Server, monkeypatch: pytest.MonkeyPatch, *, before: bool
) -> None:
    monkeypatch.setattr(postgresql, "RESOLVE_SECONDS", 0.8)
    monkeypatch.setattr(session, "_AGAIN_SECONDS", 0.1)
    write(far.store, b"first")
    far.cut(before=before, then_dead=True)
    with pytest.raises(StorageUncertain) as failed:
        write(far.store, b"second")
    assert "look whether" in failed.value.hint
    with pytest.raises(StorageFailed):
        far.store.state("last")
    far.wire.target_port = server.port
    until(lambda: answers(far.store), "the store answers again")
    assert entries(far.store) == [b"first"] + [b"second"] * (not before)
    write(far.store, b"third")
    assert entries(far.store)[-1] == b"third"


def answers(store: Store) -> bool:
    try:
        store.state("last")
    except StorageFailed:
        return False
    return True


def test_a_transaction_that_was_open_when_the_server_restarted_is_not_kept(
    server: Server, tmp_path: Path
) -> None:
    url = server.database("restarted")
    store = Store(opening.for_writing(tmp_path, url))
    write(store, b"first")
    with pytest.raises(StorageFailed), store.transaction() as tx:  # noqa: PT012 - the failure is inside
        tx.log.append(b"second")
        server.stop()
        server.start()
        tx.set("last", "second")
    assert entries(store) == [b"first"]
    server.stop()
    with pytest.raises(StorageFailed, match="database"):
        store.state("last")
    with pytest.raises(StorageFailed), store.transaction():
        pass
    server.start()
    until(lambda: answers(store), "the store answers again")
    assert write(store, b"second") == 1
    store.close()


def test_writers_while_the_server_is_killed_again_and_again(server: Server, tmp_path: Path) -> None:
    url = server.database("killed")
    store, kept, stop = Store(opening.for_writing(tmp_path, url)), [], threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            data = b"%d" % number
            try:
                place = write(store, data)
            except StorageFailed:
                stop.wait(0.05)
            else:
                kept.append((place, data))

    writer = threading.Thread(target=work)
    writer.start()
    for _ in range(2):
        had = len(kept)
        until(lambda had=had: len(kept) > had + 5, "some are written", 20)
        server.stop("immediate")
        server.start()
    stop.set()
    writer.join()
    until(lambda: answers(store), "the store answers again")
    found = entries(store)
    assert [found[place] for place, _ in kept] == [data for _, data in kept]
    assert len(found) == len(kept), "what was said to be lost is not there"
    store.close()


def test_two_writers_are_never_on_one_database(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOCK_SECONDS", 0.2)
    url = server.database("contended")
    store = Store(opening.for_writing(tmp_path, url))
    with pytest.raises(DatabaseInUse) as refused:
        opening.for_writing(tmp_path, url)
    assert refused.value.hint
    # another takes over while the first has lost its session
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'contended'")
    other = Store(opening.for_writing(tmp_path, url))
    write(other, b"other")
    with pytest.raises(DatabaseInUse):
        write(store, b"first")
    other.close()
    until(lambda: free(store), "the lock is free")
    assert write(store, b"second") == 1
    store.close()


def free(store: Store) -> bool:
    with contextlib.suppress(DatabaseInUse, StorageFailed):
        return store.state("last") is not None
    return False


def test_nodes_in_schemas_of_their_own_share_a_database(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = server.database("shared")
    for name in ("north", "south"):
        server.sql(f"CREATE ROLE {name} LOGIN", "shared")
        server.sql(f"CREATE SCHEMA AUTHORIZATION {name}", "shared")
    stores = [
        Store(opening.for_writing(tmp_path_factory.mktemp(name), url.replace("//freehold@", f"//{name}@")))
        for name in ("north", "south")
    ]
    for number, store in enumerate(stores):
        assert write(store, b"%d" % number) == 0
    assert [entries(store) for store in stores] == [[b"0"], [b"1"]]
    for store in stores:
        store.close()


def test_the_log_cannot_be_rewritten(server: Server, tmp_path: Path) -> None:
    store = Store(opening.for_writing(tmp_path, server.database("rewritten")))
    write(store, b"first")
    for act in ("UPDATE log_entries SET data = 'x'", "DELETE FROM log_nodes", "TRUNCATE log_entries"):
        with pytest.raises(StorageFailed, match="append-only"), store.transaction() as tx:
            tx.connection.execute(act)
    assert entries(store) == [b"first"]
    store.close()


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for one in started:
        one.kill()


@pytest.mark.slow
def test_a_node_killed_while_it_publishes_comes_back_whole_and_alone_and_nowhere_else(
    world: World, server: Server, processes: list[Process], tmp_path: Path
) -> None:
    url = server.database("node")
    node = Process(tmp_path / "node", world.rpc_url, database=url, port=free_port())
    processes.append(node.start())
    rival = Process(tmp_path / "rival", world.rpc_url, database=url)
    processes.append(rival)
    code, (name, *_) = rival.refused()
    assert (code, name) == (5, "store.in_use")
    table = node_tables.write(tmp_path / "table.csv", node_tables.make(20, seed=1))
    asked = {"path": str(table), "label": node_tables.LABEL}
    published = []

    def publish() -> None:
        with contextlib.suppress(Exception):  # it dies while it is asked
            while True:
                published.append(node.api("/publish", asked)["asset"]["id"])

    writer = threading.Thread(target=publish)
    writer.start()
    until(lambda: len(published) > 1, "it publishes")
    node.kill()
    writer.join()
    node.start()
    account = node.account
    listed = {item["id"] for item in node.api("/assets")["assets"]}
    assert set(published) <= listed
    assert "PostgreSQL" in node.api("/status")["database"]
    assert node.terminate() == 0
    with contextlib.closing(opening.for_reading(tmp_path, url)) as connection:
        assert require_sound_file(connection, account) == len(listed) + 1, "the assets and the party"
    code, (name, *_) = rival.refused()
    assert name == "store.mismatch", "another's database"
    moved = Process(node.home, world.rpc_url, database=server.database("empty"))
    code, (name, _, hint, *_) = moved.refused()
    assert (code, name) == (5, "store.mismatch"), "a second log under the same keys"
    assert "restore" in hint


def test_training_goes_on_where_it_stood_when_the_server_restarted(
    world: World, server: Server, processes: list[Process], tmp_path: Path
) -> None:
    rounds, owner = 12, world.owners(1)[0]
    builder = Process(tmp_path / "builder", world.rpc_url, database=server.database("builder"))
    processes.append(builder.start())
    builder.api("/peers", {"url": owner.url})
    test = node_tables.write(tmp_path / "test.csv", node_tables.make(40, seed=7))
    assets = [item["id"] for item in builder.api("/search")["assets"]]
    job_id = builder.api("/train", {"assets": assets, "test": str(test), "name": "m", "rounds": rounds})[
        "job"
    ]
    until(lambda: builder.api(f"/jobs/{job_id}")["round"] >= 3, "the run is under way")
    server.stop()
    time.sleep(0.5)
    server.start()

    def over() -> bool:
        with contextlib.suppress(AssertionError):  # it may answer that its database is away
            job = builder.api(f"/jobs/{job_id}")
            if not job["running"] and job["step"] != "done":
                builder.api(f"/jobs/{job_id}/resume", {})
            return bool(job["step"] == "done")
        return False

    until(over, "the run ends", 60)
    grant = builder.api(f"/jobs/{job_id}")["grants"][owner.account]
    assert owner.node.store.uses(grant) == (rounds, 0), "no round was asked for twice"
    assert builder.terminate() == 0

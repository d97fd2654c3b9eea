"""A lock that somebody else holds in Postgres makes a node wait for seconds, say so, and go on afterwards."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from node_process import Process
from node_world import World, free_port, until
from postgres_server import USER, Server

from freehold.kernel.databases import opening, session
from freehold.kernel.databases.dialing import DatabaseLocked
from freehold.kernel.store import Store

SECONDS = 12.0
"""What an answer may take on a slow machine; without a limit it would be for ever."""


def _write(store: Store) -> None:
    with store.transaction() as tx:
        tx.log.append(b"kept only with the rest")
        tx.set("anything", 1)


@contextlib.contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Somebody else's session holds a table."""
    import pg8000.native

    parts = urlsplit(url)
    with contextlib.closing(
        pg8000.native.Connection(
            USER, host="127.0.0.1", port=parts.port, database=parts.path[1:], ssl_context=False
        )
    ) as wire:
        wire.run("BEGIN")
        wire.run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        wire.run("ROLLBACK")


@pytest.mark.parametrize(
    "table",
    [
        "state",
        pytest.param("documents", marks=pytest.mark.slow),
        pytest.param("log_entries", marks=pytest.mark.slow),
    ],
)
def test_a_node_answers_while_its_tables_are_locked_and_goes_on_after(
    world: World, new_url: str, tmp_path: Path, table: str
) -> None:
    (tmp_path / "owner").mkdir(mode=0o700)
    owner = Process(tmp_path / "owner", world.rpc_url, database=new_url, port=free_port()).start()
    token = (owner.home / "api-token").read_text().strip()
    took: list[float] = []
    said: list[tuple[int, str]] = []

    def ask() -> None:
        began = time.monotonic()
        with httpx.Client(trust_env=False, timeout=60) as client:
            answer = client.get(f"{owner.url}/api/status", headers={"authorization": f"Bearer {token}"})
        took.append(time.monotonic() - began)
        said.append((answer.status_code, answer.json().get("code", "")))

    try:
        with locked(new_url, table):
            asking = [threading.Thread(target=ask) for _ in range(12)]
            for one in asking:
                one.start()
            for one in asking:
                one.join(60)
            assert len(took) == 12
            assert max(took) < SECONDS, took
            assert set(said) == {(503, "store.locked")}
            if table == "state":
                with httpx.Client(trust_env=False, timeout=60) as client:
                    until(
                        lambda: (
                            client.get(f"{owner.url}/readyz").json()["checks"]["store"]["reason"]
                            == "store.locked"
                        ),
                        "it says so to supervisors",
                        3 * SECONDS,
                    )
                    assert client.get(f"{owner.url}/healthz").status_code == 200
        took.clear()
        said.clear()
        until(lambda: (ask(), said[-1][0] == 200)[1], "it goes on", 4 * SECONDS)
        assert owner.alive
    finally:
        owner.kill()


def test_whoever_comes_behind_a_lock_is_told_at_once(postgres: Server, new_url: str, tmp_path: Path) -> None:
    store = Store(opening.for_writing(tmp_path, new_url))
    try:
        with locked(new_url, "state"):
            with pytest.raises(DatabaseLocked, match="locked by another session"):
                store.state("anything")
            began = time.monotonic()
            for _ in range(50):
                with pytest.raises(DatabaseLocked):
                    store.state("anything")
            assert time.monotonic() - began < session.LOCKED_SECONDS
        time.sleep(session._LOCKED_AGAIN_SECONDS)
        assert store.state("anything") is None
        with store.transaction() as tx:
            tx.set("anything", 1)
        assert store.state("anything") == 1
    finally:
        store.close()


def test_a_write_that_meets_a_lock_leaves_nothing(postgres: Server, new_url: str, tmp_path: Path) -> None:
    store = Store(opening.for_writing(tmp_path, new_url))
    try:
        with locked(new_url, "state"), pytest.raises(DatabaseLocked):
            _write(store)
        time.sleep(session._LOCKED_AGAIN_SECONDS)
        with store.log() as log:
            assert log.size() == 0
        assert store.state("anything") is None
    finally:
        store.close()

"""A home out of an older backup, or one that runs twice, never writes what contradicts its anchored log."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import httpx
import node_tables
import pytest
from node_process import PASSPHRASE, Process
from node_world import BUDGET, World, finished, free_port, order

from freehold.features.identity import peers
from freehold.kernel.continuity import FRESH_SECONDS
from freehold.log.store import LogStore
from freehold.shell.backup import restoring, saving
from freehold.vault.keystore import Keys


@pytest.fixture
def running(world: World, tmp_path: Path):
    started: list[Process] = []

    def start(home: Path, **settings: object) -> Process:
        process = Process(home, world.rpc_url, **settings)
        started.append(process)
        return process.start()

    yield start
    for one in started:
        one.kill()


def asked(process: Process, path: str, body: dict[str, object] | None) -> httpx.Response:
    """Whatever the control API answers."""
    headers = {"authorization": f"Bearer {(process.home / 'api-token').read_text().strip()}"}
    with httpx.Client(trust_env=False, timeout=60, headers=headers) as client:
        return client.request("GET" if body is None else "POST", f"{process.url}/api{path}", json=body)


def publish(process: Process, name: str, rows: int = 12) -> httpx.Response:
    path = node_tables.write(process.home / f"{name}.csv", node_tables.make(rows, seed=len(name)))
    answer = asked(
        process, "/publish", {"path": str(path), "label": node_tables.LABEL, "name": name, **BUDGET}
    )
    path.unlink()
    return answer


def log_of(home: Path) -> tuple[int, bytes]:
    with closing(sqlite3.connect(home / "node.sqlite")) as connection:
        log = LogStore(connection)
        return log.size(), log.root()


def require_stopped(process: Process, code: str) -> None:
    """It shows what it has, says why it writes no more, and its log does not grow."""
    before = log_of(process.home)
    for answer in (publish(process, "late"), asked(process, "/anchor", {})):
        assert (answer.status_code, answer.json()["code"]) == (409, code), answer.text
        assert answer.json()["hint"]
    notices = process.api("/status")["notices"]
    assert code in {notice["code"] for notice in notices}
    with httpx.Client(trust_env=False) as stranger:
        assert stranger.get(f"{process.url}/catalogue").status_code == 200
        checkpoint = stranger.get(f"{process.url}/log/checkpoint")
        assert (checkpoint.status_code == 200) == (code == "log.behind"), "no second signature for one size"
    assert log_of(process.home) == before
    assert "writes no more" in process.log()


def test_an_older_backup_serves_what_it_has_and_writes_nothing(world, running, tmp_path):
    first = running(tmp_path / "first")
    assert publish(first, "early").status_code == 200
    saving.save(first.home, tmp_path / "old.backup", PASSPHRASE)
    assert publish(first, "later").status_code == 200
    first.api("/anchor", {})
    first.kill()
    home = tmp_path / "restored"
    restoring.restore(tmp_path / "old.backup", home, PASSPHRASE, allow_older=True)
    before = log_of(home)
    again = running(home)
    require_stopped(again, "log.behind")
    assert log_of(home) == before, "not even a new address is signed"
    # what brings money home needs no log
    assert asked(again, "/settle", {}).status_code == 200


def test_of_two_copies_that_run_the_second_stops_before_it_writes(world, running, tmp_path):
    first = running(tmp_path / "first", port=free_port())
    assert publish(first, "early").status_code == 200
    first.terminate()
    shutil.copytree(first.home, tmp_path / "second")
    first.start()
    second = running(tmp_path / "second", port=free_port())
    assert publish(first, "by the first").status_code == 200
    first.api("/anchor", {})
    time.sleep(FRESH_SECONDS + 0.1)
    require_stopped(second, "log.forked")
    assert publish(first, "goes on").status_code == 200
    first.api("/anchor", {})


@pytest.mark.slow
def test_a_copy_that_was_rolled_back_stops_at_its_start(world, running, tmp_path):
    """A disk image of yesterday, which no restore has marked."""
    first = running(tmp_path / "first", port=free_port())
    first.terminate()
    shutil.copytree(first.home, tmp_path / "image")
    first.start()
    assert publish(first, "since").status_code == 200
    first.api("/anchor", {})
    first.terminate()
    shutil.rmtree(first.home)
    (tmp_path / "image").rename(first.home)
    first.start()
    require_stopped(first, "log.behind")


def test_transactions_after_the_backup_stop_a_restored_home_until_its_owner_says_so(world, running, tmp_path):
    first = running(tmp_path / "first", port=free_port())
    first.api("/anchor", {})
    saving.save(first.home, tmp_path / "a.backup", PASSPHRASE)
    first.terminate()
    # the other copy sends something that its log does not show
    keys = Keys.load(first.home / "keys.jwe", PASSPHRASE)
    world.chain.send(keys.account_key, "TestDollar", "mint", keys.account, 5)
    home = tmp_path / "restored"
    restoring.restore(tmp_path / "a.backup", home, PASSPHRASE)
    again = running(home, port=first.settings["port"])
    assert publish(again, "late").json()["code"] == "log.behind"
    again.terminate()
    restoring.adopt(home, nothing_since=True)
    again.start()
    assert publish(again, "late").status_code == 200
    assert not again.api("/status")["notices"]


@pytest.mark.parametrize(
    "nothing_since", [pytest.param(True, id="kept", marks=pytest.mark.slow), pytest.param(False, id="closed")]
)
def test_a_restored_home_trains_once_its_owner_has_said_what_was_spent(
    world, running, tmp_path, nothing_since
):
    first = running(tmp_path / "first", port=free_port())
    asset = publish(first, "table", rows=24).json()["asset"]["id"]
    first.api("/anchor", {})
    saving.save(first.home, tmp_path / "a.backup", PASSPHRASE)
    first.terminate()
    home = tmp_path / "restored"
    restoring.restore(tmp_path / "a.backup", home, PASSPHRASE)
    again = running(home, port=first.settings["port"])
    assert [one["code"] for one in again.api("/status")["notices"]] == ["privacy.restored"]
    builder = world.party(f"builder-{nothing_since}")
    peers.add(builder.services, again.url)
    wanted = order(builder, [], rounds=2, assets=[asset])
    job = finished(builder, builder.jobs.start(wanted))
    assert "restored from a backup" in job["error"]["title"], job["error"]
    again.terminate()
    restoring.adopt(home, nothing_since=nothing_since)
    with pytest.raises(restoring.NotRestored):
        restoring.adopt(home, nothing_since=nothing_since)
    again.start()
    job = finished(builder, builder.jobs.start(wanted))
    if nothing_since:
        assert job["step"] == "done", job["error"]
    else:
        assert "counts as spent" in job["error"]["title"], job["error"]
        # rows that no backup held have their own budget
        assert publish(again, "other rows", rows=20).status_code == 200


def test_a_restored_home_does_not_start_before_it_was_compared(world, running, tmp_path):
    first = running(tmp_path / "first")
    saving.save(first.home, tmp_path / "a.backup", PASSPHRASE)
    first.terminate()
    home = tmp_path / "restored"
    restoring.restore(tmp_path / "a.backup", home, PASSPHRASE)
    before = log_of(home)
    code, (name, *_) = Process(home, f"http://127.0.0.1:{free_port()}").refused()
    assert (code, name) == (8, "chain.unreachable")
    assert log_of(home) == before

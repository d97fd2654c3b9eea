"""A home whose database or data is damaged: one clear error, nothing written, and the way back."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import node_tables
import pytest
from node_process import PASSPHRASE, Process
from node_world import BUDGET, World, finished, order

from freehold.core.errors import FreeholdError
from freehold.kernel import custody
from freehold.kernel.databases import soundness
from freehold.kernel.databases.errors import DatabaseDamaged
from freehold.kernel.databases.opening import SqliteDatabase
from freehold.kernel.settings import Settings
from freehold.kernel.store import Store
from freehold.log.store import LogCorrupt, LogStore
from freehold.shell import daemon


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def killed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a table and a log, whose node was killed; its newest rows are in the write-ahead log."""
    process = Process(tmp_path_factory.mktemp("killed") / "home", world.rpc_url).start()
    path = node_tables.write(process.home / "t.csv", node_tables.make(24, seed=1))
    for number in range(3):
        process.api(
            "/publish", {"path": str(path), "label": node_tables.LABEL, "name": f"t{number}", **BUDGET}
        )
    process.api("/anchor", {})
    process.kill()
    path.unlink()
    return process.home


@pytest.fixture(scope="module")
def stopped(killed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same home after a clean stop: everything is in the one file."""
    home = tmp_path_factory.mktemp("stopped") / "home"
    shutil.copytree(killed, home)
    Store(home / "node.sqlite").close()
    assert not (home / "node.sqlite-wal").exists()
    return home


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def cut_to_the_header(path: Path) -> None:
    os.truncate(path, 4_096)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def gone(path: Path) -> None:
    path.unlink()


def text(path: Path) -> None:
    path.write_text("this was a database once\n" * 500)


def pages_flipped(path: Path) -> None:
    """Whole pages of noise, not the first."""
    noise = random.Random(7)
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4_096, 3):
        data[page * 4_096 : (page + 1) * 4_096] = noise.randbytes(4_096)
    path.write_bytes(data)


def table_missing(path: Path) -> None:
    statement(path, "DROP TABLE privacy_spent")


def trigger_missing(path: Path) -> None:
    statement(path, "DROP TRIGGER log_entries_keep_update")


def entry_missing(path: Path) -> None:
    without_triggers(path, "DELETE FROM log_entries WHERE position = (SELECT max(position) FROM log_entries)")


def entry_altered(path: Path) -> None:
    without_triggers(path, "UPDATE log_entries SET data = CAST('other' AS BLOB) WHERE position = 1")


def hash_altered(path: Path) -> None:
    without_triggers(path, "UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 1 AND position = 0")


def epoch_key_altered(path: Path) -> None:
    statement(path, "UPDATE vault_epochs SET wrapped = zeroblob(122)")


def older_copy(path: Path) -> None:
    """Yesterday's file in today's home."""
    statement(path, "UPDATE state SET value = CAST('2' AS BLOB) WHERE name = 'commits'")


def statement(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for one in statements:
            connection.execute(one)
        connection.commit()


def without_triggers(path: Path, change: str) -> None:
    """As somebody with the disk would, who leaves no other trace."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    dropped = [f"DROP TRIGGER {name}" for name, _ in triggers]
    statement(path, *dropped, change, *(sql for _, sql in triggers))


DAMAGES: list[Callable[[Path], None]] = [
    truncated, cut_to_the_header, emptied, gone, text, pages_flipped, table_missing, trigger_missing,
    entry_missing, entry_altered, hash_altered, epoch_key_altered, older_copy,
]  # fmt: skip


def files(home: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in home.rglob("*")
        # what a reader of a write-ahead log keeps in memory shared with others is no content
        if path.is_file() and path.name not in ("lock", "node.json", "node.sqlite-shm")
    }


def refused(world: World, home: Path) -> FreeholdError:
    before = files(home)
    with pytest.raises(FreeholdError) as caught:
        daemon.run(home, PASSPHRASE, Settings(name="home", port=0, rpc_url=world.rpc_url))
    assert files(home) == before, "a refused start wrote something"
    return caught.value


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_database_is_refused_and_left_as_it_is(world, stopped, tmp_path, damage):
    home = tmp_path / "home"
    shutil.copytree(stopped, home)
    damage(home / "node.sqlite")
    error = refused(world, home)
    assert isinstance(error, DatabaseDamaged), error
    assert "freehold restore" in error.hint
    # and again: the first look did not make it look whole
    assert isinstance(refused(world, home), DatabaseDamaged)


@pytest.mark.parametrize("lost", ["node.sqlite-wal", "node.sqlite"], ids=["log", "file"])
def test_a_killed_nodes_write_ahead_log_belongs_to_it(world, killed, tmp_path, lost):
    home = tmp_path / "home"
    shutil.copytree(killed, home)
    assert (home / "node.sqlite-wal").stat().st_size
    (home / lost).unlink()
    assert isinstance(refused(world, home), DatabaseDamaged)


def test_after_a_kill_the_home_is_whole(killed, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(killed, home)
    with closing(Store(home / "node.sqlite")) as store, store.log() as log:
        assert log.verify()[0] >= 4


def test_a_log_that_is_damaged_far_back_is_no_fork(world, stopped, tmp_path):
    """Where the quick look does not reach, the chain's root does."""
    home = tmp_path / "home"
    shutil.copytree(stopped, home)
    with closing(Store(home / "node.sqlite")) as store, store.transaction() as tx:
        tx.log.extend(b"entry %d" % number for number in range(600))
    without_triggers(
        home / "node.sqlite", "UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 0 AND position = 0"
    )
    with closing(sqlite3.connect(home / "node.sqlite")) as connection:
        LogStore(connection).verify_newest()
        with pytest.raises(LogCorrupt):
            LogStore(connection).verify()


def test_the_look_at_the_start_is_bounded_however_large_the_file(tmp_path):
    path = tmp_path / "node.sqlite"
    database = SqliteDatabase(path)
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO answers VALUES (?, '', ?)", ((str(number), bytes(900)) for number in range(120_000))
        )
    database.close()
    began = time.monotonic()
    soundness.require_sound(path)
    # 0.2 s and a little; a slower machine has more
    assert time.monotonic() - began < 2


def test_a_read_only_and_a_full_disk_are_said(world, stopped, tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or mounted("-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", place):
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(stopped, place / "home")
        subprocess.run(["/bin/mount", "-o", "remount,ro", str(place)], check=True)
        with pytest.raises(FreeholdError, match=r"(?i)read-?only") as caught:
            daemon.run(place / "home", PASSPHRASE, Settings(name="home", port=0, rpc_url=world.rpc_url))
        assert caught.value.hint
        subprocess.run(["/bin/mount", "-o", "remount,rw", str(place)], check=True)
        before = files(place / "home")
        fill(place / "filler")
        with pytest.raises(FreeholdError, match=r"(?i)full|room|cannot") as caught:
            daemon.run(place / "home", PASSPHRASE, Settings(name="other", port=0, rpc_url=world.rpc_url))
        assert "space" in caught.value.hint
        (place / "filler").unlink()
        assert {name: data for name, data in files(place / "home").items() if "-wal" not in name} == before
    finally:
        subprocess.run(["/bin/umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4_096))


def mounted(*arguments: object) -> int:
    return subprocess.run(["/bin/mount", *map(str, arguments)], check=False, capture_output=True).returncode


@pytest.mark.parametrize("how", ["missing", "altered"])
def test_lost_data_is_told_to_its_owner_and_to_who_wants_it_and_costs_no_budget(world, how):
    owner, builder = world.party(f"owner-{how}"), world.party(f"builder-{how}")
    asset = owner.publish(node_tables.make(24, seed=2))
    builder.knows(owner)
    blob = owner.home / "blobs" / custody.record(owner.node, asset.id).cid
    whole = blob.read_bytes()
    if how == "missing":
        blob.unlink()
    else:
        blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    began = time.monotonic()
    job = finished(builder, builder.jobs.start(order(builder, [owner])))
    assert "missing or damaged" in job["error"]["title"], job["error"]
    assert time.monotonic() - began < 60
    (notice,) = custody.missing(owner.node)
    assert "owner-" in notice.message
    assert "restore" in notice.hint
    with owner.node.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM privacy_spent").fetchone()[0] == 0
    blob.write_bytes(whole)
    custody.unseal(owner.node, asset.id)
    assert not custody.missing(owner.node)

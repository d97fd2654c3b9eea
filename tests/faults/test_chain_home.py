"""A chain's directory that is not as it was left: each says what is wrong, and none becomes a fresh chain."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freehold.chain.embedded import DEV_KEY, EmbeddedNode, genesis
from freehold.chain.embedded.home import DATABASE, LOCK, ChainDamaged, ChainHeld, ChainHomeUnusable
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.transaction import Transaction
from freehold.core.errors import Conflict

SINK = b"\x01" * 20


def send(ledger, nonce):
    ledger.settle(ledger.offer(Transaction(31337, nonce, SINK, b"", 21_000, 100, 1, 1).sign(DEV_KEY)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A chain of three blocks, closed."""
    home = tmp_path_factory.mktemp("made")
    ledger = Ledger(home)
    for nonce in range(3):
        send(ledger, nonce)
    ledger.close()
    assert {path.name for path in home.iterdir()} == {DATABASE, LOCK}
    return home


@pytest.fixture
def home(made, tmp_path):
    return shutil.copytree(made, tmp_path / "chain")


def change(home, *statements):
    connection = sqlite3.connect(home / DATABASE)
    for one in statements:
        connection.execute(*one)
    connection.commit()
    connection.close()


def cut(home, size):
    os.truncate(home / DATABASE, size)


def header(home, number):
    connection = sqlite3.connect(home / DATABASE)
    ((found,),) = connection.execute("SELECT header FROM blocks WHERE number = ?", (number,)).fetchall()
    connection.close()
    return found


DAMAGE = {
    "empty": lambda home: cut(home, 0),
    "ten bytes": lambda home: cut(home, 10),
    "half a header": lambda home: cut(home, 50),
    "one page": lambda home: cut(home, 4096),
    "last page": lambda home: cut(home, (home / DATABASE).stat().st_size - 4096),
    "half a page": lambda home: cut(home, (home / DATABASE).stat().st_size - 100),
    "other file": lambda home: (home / DATABASE).write_text("not a database, " * 100),
    "zeros": lambda home: (home / DATABASE).write_bytes(bytes(100_000)),
    "other database": lambda home: (
        (home / DATABASE).unlink(),
        change(home, ("CREATE TABLE things (x)",), ("PRAGMA user_version = 1",)),
    ),
    "no genesis": lambda home: change(home, ("DELETE FROM blocks WHERE number = 0",)),
    "no blocks": lambda home: change(home, ("DELETE FROM blocks",)),
    "a gap": lambda home: change(home, ("DELETE FROM blocks WHERE number = 2",)),
    "other genesis": lambda home: change(home, ("UPDATE blocks SET hash = ? WHERE number = 0", (bytes(32),))),
    "half a block header": lambda home: change(
        home, ("UPDATE blocks SET header = ? WHERE number = 3", (header(home, 3)[:200],))
    ),
    "header of another": lambda home: change(
        home, ("UPDATE blocks SET header = ? WHERE number = 3", (header(home, 2),))
    ),
    "no state": lambda home: change(home, ("DELETE FROM nodes",)),
    "database gone, its log there": lambda home: (
        (home / f"{DATABASE}-wal").write_bytes(b"x"),
        (home / DATABASE).unlink(),
    ),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_a_damaged_chain_is_told_and_left_as_it_is(home, damage):
    DAMAGE[damage](home)
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.name != f"{DATABASE}-shm"}
    with pytest.raises(ChainDamaged) as told:
        EmbeddedNode(home).start()
    assert "--home" in told.value.hint
    assert DATABASE not in before or (home / DATABASE).read_bytes()[:100] == before[DATABASE][:100]
    with pytest.raises(ChainDamaged):
        EmbeddedNode(home).start()


def test_another_format_is_told(home):
    change(home, ("PRAGMA user_version = 7",))
    with pytest.raises(Conflict, match="format 7"):
        EmbeddedNode(home).start()


def test_a_piece_of_state_that_is_missing_is_told_when_it_is_asked_for(home):
    ledger = Ledger(home)
    root = ledger.head.state_root
    ledger.close()
    change(home, ("DELETE FROM nodes WHERE key != ?", (root,)))
    import httpx

    with EmbeddedNode(home) as node:
        asked = {"id": 1, "method": "eth_getBalance", "params": ["0x" + SINK.hex(), "latest"]}
        assert "damaged" in httpx.post(node.url, json=asked).json()["error"]["message"]


@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}.new", LOCK])
@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
def test_what_is_no_plain_file_is_not_opened(tmp_path, kind, name):
    path = tmp_path / name
    {"fifo": os.mkfifo, "directory": os.mkdir, "link": lambda one: one.symlink_to("/dev/zero")}[kind](path)
    with pytest.raises(ChainHomeUnusable, match="not a plain file"):
        EmbeddedNode(tmp_path).start()


def test_a_file_or_a_pipe_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "pipe", "file/below"):
        with pytest.raises(ChainHomeUnusable):
            EmbeddedNode(tmp_path / name).start()


def test_the_lock_ends_with_its_holder_and_not_before(home):
    first = Ledger(home)
    with pytest.raises(ChainHeld):
        Ledger(home)
    first.close()
    Ledger(home).close()


def test_a_process_that_an_older_release_serves_the_chain_with_is_seen(home):
    other = sqlite3.connect(home / DATABASE, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ChainHeld):
        Ledger(home)
    other.close()


@pytest.mark.parametrize("moment", range(8))
def test_a_process_killed_while_it_makes_a_chain_leaves_none_or_a_whole_one(tmp_path, moment):
    home = tmp_path / "chain"
    script = "import sys; from pathlib import Path; from freehold.chain.embedded.ledger import Ledger; print(flush=True); Ledger(Path(sys.argv[1])); print(flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    time.sleep(moment * 0.003)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    ledger = Ledger(home)
    assert ledger.head.hash == genesis.HASH
    send(ledger, 0)
    ledger.close()
    assert not (home / f"{DATABASE}.new").exists()


def test_the_hash_of_the_first_block_is_known_and_stable(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.head.hash == genesis.HASH
    ledger.close()


def test_a_chain_that_its_record_tells_of_and_that_is_gone_is_not_begun_anew(made, tmp_path):
    record = {"chain_id": 31337, "genesis": "0x" + genesis.HASH.hex(), "contracts": []}
    contract = dict.fromkeys(
        ("contract", "address", "bytecode_hash", "tx_hash", "block_number", "deployed_at")
    )
    (tmp_path / "deployments.json").write_text(json.dumps({**record, "contracts": [contract]}))
    command = [Path(sys.executable).with_name("freehold"), "chain", "run", "--home", tmp_path, "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "chain.sqlite is missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / DATABASE).exists()

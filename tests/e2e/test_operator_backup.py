"""A node is lost and comes back from its backup: same account, same log, same data, and work goes on."""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import node_tables
import pytest
from json_answers import documented
from node_process import PASSPHRASE, Process
from node_world import BUDGET, EPSILON_RUN_MICRO, Party, World, finished, order, require_sound_file, until

from freehold.core.errors import FreeholdError
from freehold.features.identity import peers
from freehold.kernel import reading
from freehold.log.store import LogStore
from freehold.log.tree import verify_consistency
from freehold.shell.backup import restoring, saving
from freehold.shell.backup.checking import BackupUnsound
from freehold.shell.backup.restoring import BackupOutdated, HomeNotEmpty
from freehold.shell.backup.saving import BackupExists
from freehold.vault.keystore import WrongPassphrase
from freehold.vault.stores import BlobMissing


def freehold(*arguments, secret=None):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "freehold",
            *map(str, arguments),
            *(["--passphrase-fd", "0"] if secret else []),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **({"input": secret + "\n"} if secret else {"stdin": subprocess.DEVNULL}),
    )
    if "--json" in arguments:
        documented(arguments, done.stdout)
    return done.returncode, done.stdout, done.stderr


def log_of(home):
    with closing(sqlite3.connect(home / "node.sqlite")) as connection:
        log = LogStore(connection)
        return log.size(), log.root()


class Owner:
    """A data owner as a process, with one published table."""

    def __init__(self, world: World, home: Path) -> None:
        self.world = world
        self.process = Process(home, world.rpc_url).start()
        path = node_tables.write(home / "table.csv", node_tables.make(24, seed=5))
        asked = {"path": str(path), "label": node_tables.LABEL, "name": "table", **BUDGET}
        self.asset = self.process.api("/publish", asked)["asset"]
        path.unlink()
        self.account = self.process.account
        self.process.api("/anchor", {})

    def train(self, builder: Party, process: Process):
        """Another party trains on this owner's table alone."""
        peers.add(builder.services, process.url)
        wanted = order(builder, [], rounds=2, assets=[self.asset["id"]])
        return finished(builder, builder.jobs.start(wanted))


@pytest.fixture(scope="module")
def owner(world, tmp_path_factory):
    made = Owner(world, tmp_path_factory.mktemp("owner") / "first")
    yield made
    made.process.kill()


@pytest.fixture(scope="module")
def saved(owner, tmp_path_factory):
    """A backup of the running node, made by the command while the node keeps writing."""
    file = tmp_path_factory.mktemp("backups") / "one.backup"
    builder = owner.world.party("early-builder")
    assert owner.train(builder, owner.process)["step"] == "done"
    stop = threading.Event()

    def write():
        while not stop.is_set():
            owner.process.api("/anchor", {})
            owner.process.api("/publish", publication(owner.process.home, "more"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        code, out, err = freehold(
            "backup", "-o", file, "--home", owner.process.home, "--json", secret=PASSPHRASE
        )
    finally:
        stop.set()
        writer.join()
    assert code == 0, err
    return file, json.loads(out)


def publication(home, name):
    path = node_tables.write(home / f"{name}.csv", node_tables.make(12, seed=9))
    return {"path": str(path), "label": node_tables.LABEL, "name": name}


def test_a_backup_is_one_private_file_that_shows_nothing(owner, saved):
    file, said = saved
    assert said["account"] == owner.account
    assert said["log"]["size"] >= 2
    assert file.stat().st_mode & 0o077 == 0
    assert reading.last_backup(owner.process.home), "the console goes on asking for one"
    assert said["size_bytes"] == file.stat().st_size
    data = file.read_bytes()
    for secret in (owner.account.encode(), owner.asset["id"].encode(), b"SQLite format", b"table"):
        assert secret not in data
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert not list(owner.process.home.glob("*.part"))


def test_the_check_says_it_is_whole_and_leaves_nothing(saved):
    file, said = saved
    code, out, err = freehold("restore", file, "--check", "--json", secret=PASSPHRASE)
    assert code == 0, err
    assert json.loads(out)["log"] == said["log"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_wrong_passphrase_a_taken_name_and_a_full_home_are_refused(owner, saved, tmp_path):
    file, _ = saved
    with pytest.raises(WrongPassphrase):
        saving.save(owner.process.home, tmp_path / "b", "wrong")
    with pytest.raises(BackupExists):
        saving.save(owner.process.home, file, PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        restoring.restore(file, tmp_path / "home", "wrong")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "anything").touch()
    with pytest.raises(HomeNotEmpty):
        restoring.restore(file, tmp_path / "full", PASSPHRASE)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeNotEmpty):
        restoring.restore(file, tmp_path / "link", PASSPHRASE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "link"]


def test_a_damaged_backup_leaves_no_home(saved, tmp_path):
    file, _ = saved
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(FreeholdError):
        restoring.restore(tmp_path / "bad", tmp_path / "home", PASSPHRASE)
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]


def test_what_a_killed_restore_left_is_no_obstacle(saved, tmp_path):
    file, said = saved
    left = tmp_path / ".home.restoring"
    (left / "blobs").mkdir(parents=True)
    (left / "keys.jwe").write_text("left over")
    (left / "blobs" / "x").symlink_to("/etc/passwd")
    (tmp_path / "home").mkdir()
    restoring.restore(file, tmp_path / "home", PASSPHRASE, allow_older=True)
    assert log_of(tmp_path / "home")[0] == said["log"]["size"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert Path("/etc/passwd").exists()


def test_the_node_comes_back_and_its_log_goes_on(owner, saved, tmp_path):
    """The first home is destroyed after a last backup; the restored node trains, logs and anchors on."""
    process = owner.process
    file = tmp_path / "last.backup"
    process.api("/anchor", {})
    code, _, err = freehold("backup", "-o", file, "--home", process.home, secret=PASSPHRASE)
    assert code == 0, err
    old_size, old_root = log_of(process.home)
    process.kill()
    shutil.rmtree(process.home)
    code, out, err = freehold("restore", file, "--home", process.home, "--json", secret=PASSPHRASE)
    assert code == 0, err
    assert json.loads(out)["anchored"] == old_size

    assert log_of(process.home) == (old_size, old_root)
    # its owner knows that nothing happened since; unasked, a restored home does not train
    assert freehold("adopt", "--nothing-since", "--home", process.home)[0] == 0
    again = process.start()
    assert again.account == owner.account
    builder = owner.world.party("late-builder")
    done = owner.train(builder, again)
    assert (done["step"], done["absent"]) == ("done", {})
    model = builder.node.asset(done["model"])
    assert owner.asset["id"] in {source.asset for source in model.derived_from}

    again.api("/anchor", {})
    until(lambda: again.api("/log")["size"] > old_size, "the log grows")
    with closing(sqlite3.connect(process.home / "node.sqlite")) as connection:
        log = LogStore(connection)
        root, size, _ = owner.world.chain.read("LogAnchors", "headOf", owner.account)
        assert size > old_size
        proof = log.consistency_proof(old_size, size)
        verify_consistency(old_size, size, old_root, bytes(root), proof)
        require_sound_file(connection, owner.account)
        spent = connection.execute("SELECT asset, epsilon_micro FROM privacy_spent").fetchall()
        assert spent == [(owner.asset["id"], EPSILON_RUN_MICRO)] * 2, "what was spent before stays spent"


def test_an_older_backup_than_what_is_anchored_is_refused_unless_told(owner, saved, tmp_path):
    file, said = saved
    owner.process.api("/anchor", {})
    with pytest.raises(BackupOutdated) as caught:
        restoring.restore(file, tmp_path / "home", PASSPHRASE)
    assert caught.value.fields["anchored"] > said["log"]["size"]
    assert not (tmp_path / "home").exists()
    restoring.restore(file, tmp_path / "home", PASSPHRASE, allow_older=True)
    assert (tmp_path / "home" / "keys.jwe").exists()


def rewrite(home, statement, *values):
    with closing(sqlite3.connect(home / "node.sqlite")) as connection:
        for trigger in ("log_entries_keep_update", "log_nodes_keep_update"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement, values)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        (
            'UPDATE documents SET envelope = replace(envelope, \'"name":"table"\', \'"name":"label"\')',
            "documents",
        ),
        ("UPDATE documents SET type = 'grant' WHERE type = 'asset'", "documents"),
        ("UPDATE documents SET position = NULL WHERE type = 'asset'", "documents"),
        ("DELETE FROM documents WHERE type = 'asset'", "documents"),
    ],
)
def test_a_forged_database_is_not_restored(saved, tmp_path, statement, part):
    """Even by somebody who knows the passphrase: signatures and log decide."""
    file, _ = saved
    restoring.restore(file, tmp_path / "home", PASSPHRASE, allow_older=True)
    rewrite(tmp_path / "home", statement)
    saving.save(tmp_path / "home", tmp_path / "forged", PASSPHRASE)
    with pytest.raises(BackupUnsound) as caught:
        restoring.examine(tmp_path / "forged", tmp_path, PASSPHRASE)
    assert caught.value.fields["part"] == part


def test_damage_is_found_when_the_backup_is_made(saved, tmp_path):
    """A log whose hashes do not follow, or data that is gone or altered: a backup of that helps nobody."""
    file, _ = saved
    restoring.restore(file, tmp_path / "home", PASSPHRASE, allow_older=True)
    blob = next(path for path in (tmp_path / "home" / "blobs").iterdir() if path.is_file())
    good = blob.read_bytes()
    blob.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(FreeholdError, match="damaged or changed"):
        saving.save(tmp_path / "home", tmp_path / "b", PASSPHRASE)
    blob.unlink()
    with pytest.raises(BlobMissing):
        saving.save(tmp_path / "home", tmp_path / "b", PASSPHRASE)
    blob.write_bytes(good)
    rewrite(tmp_path / "home", "UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 0 AND position = 1")
    with pytest.raises(FreeholdError, match="hash"):
        saving.save(tmp_path / "home", tmp_path / "b", PASSPHRASE)
    assert not (tmp_path / "b").exists()

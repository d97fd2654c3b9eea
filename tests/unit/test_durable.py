"""Whatever is kept survives a power cut: bytes are synced before they get their name, the name after.

The calls are the real ones; they are only noted on their way to the kernel, with the paths they are about.
"""

import ast
import os
import shutil
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from own_tables import vault_tables

from freehold import durable
from freehold.chain import deployment_record
from freehold.chain.embedded.ledger import Ledger
from freehold.kernel import settings
from freehold.kernel.evidence.bundle import Bundle
from freehold.shell.backup import pack, restoring, saving
from freehold.shell.backup.manifest import CONFIG, DATABASE, KEYS, Entry, Manifest
from freehold.vault.blobs import Blobs, cid_of
from freehold.vault.keystore import Keys
from freehold.vault.vault import Vault

SOURCE = Path(durable.__file__).parent


class Journal:
    """Syncs and names, in order."""

    def __init__(self, monkeypatch):
        self.steps = []
        fsync, mkdir = os.fsync, os.mkdir

        def noted_fsync(descriptor):
            file = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            fsync(descriptor)
            found = os.fstat(file)
            self.steps.append(("sync", Path(f"/proc/self/fd/{file}").readlink(), found.st_ino))

        def noted_mkdir(path, *given, **named):
            mkdir(path, *given, **named)
            self.steps.append(("name", Path(path).absolute(), Path(path).stat().st_ino))

        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(os, "mkdir", noted_mkdir)
        for name in ("rename", "replace", "link"):
            monkeypatch.setattr(os, name, self._noted(getattr(os, name)))

    def _noted(self, real):
        def noted(source, target, *given, **named):
            self._require_synced(Path(source))
            real(source, target, *given, **named)
            self.steps.append(("name", Path(target).absolute(), Path(target).stat().st_ino))

        return noted

    def _require_synced(self, source):
        synced = {inode for kind, _, inode in self.steps if kind == "sync"}
        parts = [source, *source.rglob("*")] if source.is_dir() else [source]
        for one in parts:
            assert one.stat().st_ino in synced, f"{one} gets its name before its bytes are on the disk"

    def require_durable(self, *paths):
        """Each path got its name, and its directory was synced after that."""
        for path in paths:
            named = [at for at, (kind, name, _) in enumerate(self.steps) if kind == "name" and name == path]
            assert named, f"{path} never got its name: {self.steps}"
            after = [name for kind, name, _ in self.steps[named[-1] :] if kind == "sync"]
            assert path.parent in after, f"{path.parent} was not synced after {path.name} was named"


@pytest.fixture
def journal(monkeypatch):
    return Journal(monkeypatch)


def keys(home, monkeypatch=None):
    made = Keys.generate()
    made.save(home / "keys", "a passphrase")
    return made


def _setting(home):
    settings.write_private(home / "config.toml", "x = 1\n")
    return [home / "config.toml"]


def _keystore(home):
    keys(home)
    return [home / "keys"]


def _keystore_again(home):
    keys(home).save(home / "keys", "another passphrase", replace=True)
    return [home / "keys"]


def _new_directory(home):
    keys(home / "a" / "b")
    return [home / "a", home / "a" / "b", home / "a" / "b" / "keys"]


def _blob(home):
    with Blobs(home / "blobs").writer() as writer:
        writer.write(b"x" * 100_000)
    cid = writer.cid
    return [home / "blobs", home / "blobs" / cid]


def _sealed(home):
    connection = sqlite3.connect(":memory:")
    vault_tables(connection)
    vault = Vault(Blobs(home / "blobs"), connection, Keys.generate())
    cid = vault.put("table", b"y" * 200_000).cid
    connection.close()
    return [home / "blobs" / cid]


def _record(home):
    deployment_record._write(home / "deployments.json", deployment_record.Record(1, "0x", ()))
    return [home / "deployments.json"]


def _evidence(home):
    Bundle({"a/b/c.json": b"{}", "d.json": b"{}"}).write(home / "evidence")
    return [home / "evidence"]


def _chain(home):
    Ledger(home / "chain").close()
    return [home / "chain", home / "chain" / "chain.sqlite"]


def _restored(home):
    # a file of a backup, and the tree that it belongs to
    staging = home / "staging"
    durable.make_directory(staging / "blobs")
    content = b"z" * 10
    entries = [
        Entry(name=name, size_bytes=10, sha256="0x" + sha256(content).hexdigest())
        for name in (KEYS, CONFIG, DATABASE, f"blobs/{cid_of(content)}")
    ]
    known = {"account": "0x" + "11" * 20, "chain_id": 1, "log_size": 0, "log_root": "0x" + "00" * 32}
    manifest = Manifest(software="0", created_at=1, data_elsewhere=False, files=tuple(entries), **known)
    source = home / "source"
    source.write_bytes(content)
    packed, unpacker = pack.Packed(manifest, [source] * 4), pack.Unpacker(staging)
    while piece := packed.read(1_000):
        unpacker.write(piece)
    unpacker.finish()
    durable.sync_tree(staging)
    durable.place(staging, home / "home", replace=True)
    return [home / "home"]


ACTS = {
    act.__name__.strip("_"): act
    for act in (
        _setting,
        _keystore,
        _keystore_again,
        _new_directory,
        _blob,
        _sealed,
        _record,
        _evidence,
        _chain,
        _restored,
    )
}


@pytest.mark.parametrize("act", list(ACTS))
def test_bytes_then_name_then_directory(journal, tmp_path, act):
    journal.require_durable(*ACTS[act](tmp_path))


def test_a_file_that_is_there_is_kept_and_nothing_is_left_beside_it(tmp_path):
    durable.write(tmp_path / "one", b"first", replace=False)
    with pytest.raises(FileExistsError):
        durable.write(tmp_path / "one", b"second", replace=False)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("one", b"first")]
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


MOVES = {"fsync", "fdatasync", "rename", "link", "hardlink_to"}
"""Calls that keep something; `replace` with one argument is a path's."""


def test_nothing_is_kept_in_another_way():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            moves = call.func.attr == "replace" and len(call.args) == 1 and not call.keywords
            if moves or call.func.attr in MOVES:
                found.append(path.relative_to(SOURCE).as_posix())
    assert set(found) == {"durable.py"}


def test_the_writers_of_a_backup_and_its_restoring_go_through_it():
    for module in (saving, restoring, pack):
        assert module.durable is durable


TRACED = """
import sys
from hashlib import sha256
from pathlib import Path
from freehold.chain.embedded import DEV_KEY
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.transaction import Transaction
ledger = Ledger(Path(sys.argv[1]))
for nonce in range(3):
    ledger.settle(ledger.offer(Transaction(31337, nonce, b"\\x01" * 20, b"", 21000, 100, 1, 1).sign(DEV_KEY)))
    print("answered", nonce, flush=True)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_a_block_is_on_the_disk_before_its_sender_is_answered(tmp_path):
    calls = "fsync,fdatasync,write,rename,renameat,renameat2"
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", f"trace={calls}", "-o", trace, sys.executable, "-c", TRACED]
    done = subprocess.run([*command, tmp_path / "chain"], capture_output=True, text=True, check=False)
    if done.returncode and "ptrace" in done.stderr.lower():
        pytest.skip("tracing is not allowed here")
    lines = trace.read_text().splitlines()
    answers = [at for at, line in enumerate(lines) if '"answered' in line]
    assert len(answers) == 3, done.stderr
    for before, after in zip([0, *answers], answers, strict=False):
        part = lines[before:after]
        assert any("sync(" in line and "chain.sqlite-wal" in line for line in part), part


def test_journal_finds_what_is_missing(journal, tmp_path):
    """The guard itself: each of the three steps left out is told."""
    path = SimpleNamespace(new=tmp_path / "new", name=tmp_path / "name")
    path.new.write_bytes(b"x")
    with pytest.raises(AssertionError, match="before its bytes"):
        path.new.replace(path.name)
    with path.new.open("rb") as file:
        os.fsync(file.fileno())
    path.new.replace(path.name)
    with pytest.raises(AssertionError, match="was not synced"):
        journal.require_durable(path.name)

"""A backup through pipes: it leaves as text, comes back from stdin, and is told when it was cut."""

from __future__ import annotations

import base64
import io
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from node_process import PASSPHRASE, Process
from node_world import World

from freehold.shell.backup import restoring
from freehold.vault.envelope import MAGIC, NotABackup
from freehold.vault.sealing import SealBroken


@pytest.fixture(scope="module")
def home(world: World, tmp_path_factory) -> Path:
    node = Process(tmp_path_factory.mktemp("piped") / "node", world.rpc_url).start()
    node.terminate(40)
    secret = node.home.parent / "pass"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    return node.home


def freehold(home: Path, *words: object, **more: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "freehold", *map(str, words), "--passphrase-file", home.parent / "pass"]
    return subprocess.run(command, check=False, **{"capture_output": True, "timeout": 100, **more})


def test_it_leaves_by_stdout_and_comes_back_by_stdin(home: Path, tmp_path: Path) -> None:
    made = freehold(home, "backup", "-o", "-", "--home", home, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.isascii()
    assert base64.b64decode(made.stdout).startswith(MAGIC)
    assert b"written: -" in made.stderr
    assert not list(tmp_path.iterdir())
    whole = freehold(home, "restore", "-", "--check", input=made.stdout)
    assert b"the backup is whole" in whole.stdout, whole.stderr
    (tmp_path / "file").write_bytes(base64.b64decode(made.stdout))
    back = freehold(home, "restore", "-", "--home", tmp_path / "back again", input=made.stdout)
    assert back.returncode == 0, back.stderr
    told = next(line for line in back.stdout.decode().splitlines() if line.startswith("start it: "))
    assert shlex.split(told)[-1] == str(tmp_path / "back again")
    assert b"the chain vouches for" in back.stdout
    # a node may know its chain from the environment alone, and so does a restore
    elsewhere = {**os.environ, "FREEHOLD_RPC_URL": "http://127.0.0.1:9"}
    again = freehold(home, "restore", "-", "--home", tmp_path / "again", input=made.stdout, env=elsewhere)
    assert b"the chain did not answer" in again.stdout, again.stderr
    for data in (made.stdout, (tmp_path / "file").read_bytes()):
        for left in (0, 10, 100, 900, len(data) // 2, len(data) - 2):
            source = io.BufferedReader(io.BytesIO(data[:left]))
            with pytest.raises((NotABackup, SealBroken), match="cut short") as caught:
                restoring.examine(source, tmp_path, PASSPHRASE)
            assert "owner" not in caught.value.said


def test_a_pipe_in_place_of_the_file_is_led_to_stdin(home: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for check in (["--check"], ["--home", tmp_path / "back"]):
        done = freehold(home, "restore", tmp_path / "pipe", *check)
        assert done.returncode == 2
        assert b"freehold restore -" in done.stderr


def test_it_is_not_poured_onto_a_terminal_nor_mixed_with_json(home: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = freehold(home, "backup", "-o", "-", "--home", home, capture_output=False, stdout=theirs, stderr=subprocess.PIPE)  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"terminal" in done.stderr
    assert freehold(home, "backup", "-o", "-", "--json", "--home", home).returncode == 2


def test_what_is_printed_can_be_pasted(home: Path, tmp_path: Path) -> None:
    for name in ("my backup", "-o"):
        made = freehold(home, "backup", f"--output={name}", "--home", home, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        told = next(line for line in made.stdout.decode().splitlines() if line.startswith("check it: "))
        pasted = shlex.split(told.removeprefix("check it: freehold "))
        assert freehold(home, *pasted, cwd=tmp_path).returncode == 0, pasted


def test_a_disk_that_is_full_leaves_no_whole_backup(home: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = freehold(home, "backup", "-o", "-", "--home", home, capture_output=False, stdout=full, stderr=subprocess.PIPE)  # fmt: skip
    assert done.returncode == 8
    assert b"cannot be written" in done.stderr
    assert b"check it" not in done.stderr

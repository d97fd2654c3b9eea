"""A backup or restore that is killed at any moment leaves a whole file or home, or none."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import node_tables
import pytest
from node_process import PASSPHRASE, Process

from freehold.shell.backup import restoring, saving

MOMENTS = 3
pytestmark = pytest.mark.slow
"""A few moments are tried in every run by `test_operator_backup_places`."""


@pytest.fixture(scope="module")
def home(world, tmp_path_factory) -> Path:
    process = Process(tmp_path_factory.mktemp("backed") / "home", world.rpc_url).start()
    table = node_tables.write(process.home / "t.csv", node_tables.make(500, seed=4))
    process.api("/publish", {"path": str(table), "label": node_tables.LABEL, "name": "t"})
    table.unlink()
    process.terminate()
    return process.home


def killed_after(seconds: float | None, *arguments: object) -> float:
    """Run a command and kill it; returns how long it ran."""
    reading, writing = os.pipe()
    os.write(writing, PASSPHRASE.encode() + b"\n")
    os.close(writing)
    command = [
        sys.executable,
        "-m",
        "freehold",
        *map(str, arguments),
        "--passphrase-fd",
        str(reading),
    ]
    began = time.monotonic()
    process = subprocess.Popen(command, pass_fds=[reading], stdout=subprocess.DEVNULL)
    os.close(reading)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return time.monotonic() - began


def test_a_killed_backup_is_whole_or_not_there(home, tmp_path):
    whole = killed_after(None, "backup", "-o", tmp_path / "whole.backup", "--home", home)
    before = {path.name for path in home.iterdir()}
    for moment in range(MOMENTS):
        target = tmp_path / f"{moment}.backup"
        killed_after(whole * (0.4 + 0.6 * moment / MOMENTS), "backup", "-o", target, "--home", home)
        if target.exists():
            assert restoring.examine(target, tmp_path, PASSPHRASE).account
    # what it left behind is swept by the next one
    saving.save(home, tmp_path / "after.backup", PASSPHRASE)
    assert {path.name for path in home.iterdir()} == before


def test_a_killed_restore_is_a_whole_home_or_none(home, tmp_path):
    file = tmp_path / "whole.backup"
    saving.save(home, file, PASSPHRASE)
    whole = killed_after(None, "restore", file, "--home", tmp_path / "whole")
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    for moment in range(MOMENTS):
        target = tmp_path / f"home-{moment}"
        killed_after(whole * (0.4 + 0.6 * moment / MOMENTS), "restore", file, "--home", target)
        if target.exists():
            assert {path.name for path in target.iterdir()} == names
        else:
            restoring.restore(file, target, PASSPHRASE)
            assert not (tmp_path / f".{target.name}.restoring").exists()

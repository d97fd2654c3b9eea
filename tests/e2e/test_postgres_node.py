"""The main path with a data owner whose node keeps its rows on Postgres; then it moves to SQLite and back."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import node_tables
import pytest
from node_process import PASSPHRASE, Process
from node_world import BUDGET, World, finished, free_port, order, require_sound_file

from freehold.features.identity import peers
from freehold.kernel.databases import opening
from freehold.log.store import LogStore
from freehold.shell.doctor import examine


def freehold(*arguments: Any) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "freehold", *map(str, arguments), "--json", "--passphrase-fd", "0"],
        input=PASSPHRASE + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def log_of(home: Path, url: str) -> tuple[int, bytes]:
    with closing(opening.for_reading(home, url)) as connection:
        return LogStore(connection).verify()


@pytest.fixture
def owner(world: World, new_url: str, tmp_path: Path) -> Any:
    (tmp_path / "owner").mkdir(mode=0o700)
    made = Process(tmp_path / "owner", world.rpc_url, database=new_url, port=free_port()).start()
    yield made
    made.kill()


def test_a_node_on_postgres_sells_data_is_backed_up_and_moves_to_sqlite_and_back(
    world: World, owner: Process, postgres: Any, new_url: str, tmp_path: Path
) -> None:
    table = node_tables.write(tmp_path / "table.csv", node_tables.make(24, seed=5))
    terms = {"label": node_tables.LABEL, "price_units": 2_000_000, **BUDGET}
    asset = owner.api("/publish", {"path": str(table), **terms})
    builder = world.party("builder")
    peers.add(builder.services, owner.url)
    wanted = order(builder, [], rounds=2, assets=[asset["asset"]["id"]])
    job = finished(builder, builder.jobs.start(wanted))
    assert job["step"] == "done", job
    assert not (owner.home / "node.sqlite").exists(), "nothing of it lies in the home"
    assert owner.api("/status")["database"].startswith("PostgreSQL 1")
    owner.api("/anchor", {})

    running = freehold("backup", "-o", tmp_path / "running.backup", "--home", owner.home)
    account, port = owner.account, owner.settings["port"]
    found = {one.check: one for one in examine(owner.home)}
    assert not [one for one in found.values() if one.level != "ok"]
    assert "PostgreSQL" in found["database"].detail
    assert owner.terminate() == 0
    size, root = log_of(owner.home, new_url)
    assert running["log"] == {"size": size, "root": "0x" + root.hex()}

    moved = tmp_path / "moved"
    freehold("restore", tmp_path / "running.backup", "--home", moved)
    assert 'database = ""' in (moved / "config.toml").read_text()
    with closing(opening.for_reading(moved, "")) as connection:
        assert require_sound_file(connection, account) == size
    again = Process(moved, world.rpc_url, port=port).start()
    try:
        assert again.account == account
        again.api("/publish", {"path": str(table), "label": node_tables.LABEL})
    finally:
        assert again.terminate() == 0
    size, root = log_of(moved, "")
    freehold("backup", "-o", tmp_path / "moved.backup", "--home", moved)

    back, url = tmp_path / "back", postgres.database("back")
    freehold("restore", tmp_path / "moved.backup", "--home", back, "--database", url)
    assert not (back / "node.sqlite").exists()
    assert log_of(back, url) == (size, root)
    last = Process(back, world.rpc_url, port=port, database=url).start()
    try:
        assert len(last.api("/assets")["assets"]) == 2
    finally:
        assert last.terminate() == 0

    refused = subprocess.run(
        [
            sys.executable, "-m", "freehold", "restore", str(tmp_path / "moved.backup"), "--home",
            str(tmp_path / "third"), "--database", url, "--passphrase-fd", "0",
        ],
        input=PASSPHRASE + "\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 5
    assert "a node in that database already" in refused.stderr
    assert not (tmp_path / "third").exists()


def test_up_takes_the_database_and_refuses_a_password_in_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "freehold", "up", "--home", str(tmp_path / "h"), "--name", "n",
            "--database", "postgresql://u:s3cret@localhost/n", "--passphrase-fd", "0",
        ],
        input="x\n", capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode != 0
    assert "PGPASSWORD" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    assert not (tmp_path / "h" / "config.toml").exists()

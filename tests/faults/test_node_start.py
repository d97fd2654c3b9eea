"""Starts that cannot work say why and what to do, change nothing, and leave the way free for the next."""

import os
import signal
import socket
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from node_process import PASSPHRASE, Process
from node_world import World, free_port

from freehold.chain.embedded import EmbeddedNode
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.kernel import setting_sources, settings
from freehold.kernel.door import Door
from freehold.kernel.node import Node
from freehold.kernel.settings import Settings
from freehold.shell import daemon
from freehold.shell.backup.restoring import adopt
from freehold.shell.cli import chain
from freehold.vault.keystore import WrongPassphrase

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose keys were made at an earlier start."""
    made = tmp_path_factory.mktemp("home")
    daemon.open_keys(made, PASSPHRASE)
    return made


def refused(home: Path, *, passphrase: str = PASSPHRASE, **given: Any) -> FreeholdError:
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(FreeholdError) as stopped:
        daemon.run(home, passphrase, Settings(**{"name": "n", "port": 0, **given}))
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == files, "a start that failed changed something"
    assert stopped.value.message
    return stopped.value


def test_a_wrong_passphrase(world: World, home: Path) -> None:
    error = refused(home, passphrase="not this one", rpc_url=world.rpc_url)
    assert isinstance(error, WrongPassphrase)
    assert "not this one" not in f"{error.message} {error.hint} {error.fields}"


def test_a_port_in_use(world: World, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refused(home, rpc_url=world.rpc_url, port=port)
    assert (error.code, error.fields) == ("port.in_use", {"port": port})
    assert "--port" in error.hint


def test_a_chain_that_does_not_answer(home: Path) -> None:
    error = refused(home, rpc_url=f"http://127.0.0.1:{free_port()}")
    assert error.code == "chain.unreachable"
    assert "freehold chain run" in error.hint


def test_a_chain_without_the_contracts(home: Path, tmp_path: Path) -> None:
    with EmbeddedNode(tmp_path) as bare:
        error = refused(home, rpc_url=bare.url)
    assert error.code == "chain.not_deployed"
    assert "Revocations" in error.fields["missing"]


def test_a_damaged_key_file_is_not_replaced(world: World, tmp_path: Path) -> None:
    (tmp_path / daemon.KEYS_FILE).write_text("{}")
    assert "key file" in refused(tmp_path, rpc_url=world.rpc_url).message


@pytest.mark.parametrize("left", ["node.sqlite", "node.sqlite-commits", "blobs/b1", "api-token"])
def test_keys_that_are_gone_are_not_made_anew_over_what_they_opened(tmp_path: Path, left: str) -> None:
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).write_bytes(b"x")
    error = refused(tmp_path, rpc_url="http://127.0.0.1:1")
    assert (error.code, "freehold restore" in error.hint) == ("keystore.missing", True)
    with pytest.raises(FreeholdError, match="keys of this home are missing"):
        adopt(tmp_path, nothing_since=True)


def test_where_no_node_is_nothing_is_made(tmp_path: Path, home: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises(FreeholdError, match="there is no node"):
            adopt(folder, nothing_since=True)
    with pytest.raises(InvalidInput, match="home of a node"):
        chain.run(home=home, port=0)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]
    assert not list(home.glob("chain*"))


def test_an_empty_token_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "api-token").write_text("\n")
    token = settings.token(tmp_path / daemon.TOKEN_FILE)
    assert len(token) > 40
    assert settings.token(tmp_path / daemon.TOKEN_FILE) == token


def test_a_database_of_a_newer_version_is_left_alone(world: World, home: Path, tmp_path: Path) -> None:
    (tmp_path / daemon.KEYS_FILE).write_bytes((home / daemon.KEYS_FILE).read_bytes())
    connection = sqlite3.connect(tmp_path / "node.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FreeholdError, match="newer Freehold") as stopped:
        daemon.run(tmp_path, PASSPHRASE, Settings(name="n", port=0, rpc_url=world.rpc_url))
    assert stopped.value.code == "store.failed"


@pytest.mark.parametrize(
    "text", ["port = ", "prot = 1", 'port = "x"', "port = true", "peers = [1]", "\xff", "port = 99999"]
)
def test_settings_that_make_no_sense(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInput) as stopped:
        settings.load(tmp_path)
    assert stopped.value.hint


def test_settings_are_kept_for_the_next_start(tmp_path: Path) -> None:
    chosen = Settings(name='Clinic "Süd"\\', port=7, peers=("http://a", "http://b"), max_table_bytes=5)
    settings.save(tmp_path, chosen)
    assert settings.load(tmp_path) == chosen


def test_what_is_set_while_a_node_waits_for_its_passphrase_stays_and_limits_count(
    world: World, tmp_path: Path
) -> None:
    """Also over what the command line said before, and in a start that only a terminal's prompt held up."""
    home, doors, found = tmp_path / "home", [], []
    home.mkdir()
    settings.save(home, Settings(name="n", spend_per_day_micro=1_000_000_000, spend_per_act_micro=7))
    told = {"port": 0, "rpc_url": world.rpc_url, "log_level": "error", "log_format": "json"}
    chosen = setting_sources.choose(home, {}, **told)
    settings.save(home, settings.load(home).with_overrides(log_level="warning"))

    def waiting(_: str) -> None:
        now = settings.load(home).with_overrides(spend_per_day_micro=5_000_000, gas_per_day=9)
        settings.save(home, now)
        doors[0].open(PASSPHRASE, "renamed")

    def ready(node: Node, _: str) -> None:
        found.append(node.settings)
        os.kill(os.getpid(), signal.SIGINT)

    def mount(door: Door) -> Any:
        doors.append(door)
        return SimpleNamespace(knows=lambda _: False)

    with pytest.raises(KeyboardInterrupt):
        daemon.run(home, None, chosen.settings, ready, chosen=chosen, mount=mount, waiting=waiting)
    assert (found[0].spend_per_day_micro, found[0].spend_per_act_micro, found[0].gas_per_day) == (
        5_000_000,
        7,
        0,
    )
    assert settings.stored(home) == {
        **told, "name": "renamed", "spend_per_day_micro": 5_000_000, "spend_per_act_micro": 7,
        "gas_per_day": 9, "log_level": "warning",
    }  # fmt: skip


def test_one_home_runs_one_node_and_keeps_its_secrets_from_others(world: World, tmp_path: Path) -> None:
    first = Process(tmp_path / "home", world.rpc_url).start()
    try:
        code, (name, message, hint, *_) = Process(first.home, world.rpc_url).refused()
        assert (code, name) == (5, "home.in_use")
        assert "already runs" in message
        assert hint
        assert first.api("/status")["account"] == first.account, "the first goes on"
        for path in (daemon.KEYS_FILE, "api-token", "config.toml", "node.json"):
            assert stat.S_IMODE((first.home / path).stat().st_mode) == 0o600, path
        for path in first.home.rglob("*"):
            if path.is_file():
                assert PASSPHRASE.encode() not in path.read_bytes()
        assert PASSPHRASE not in first.log()
    finally:
        first.kill()
    again = Process(first.home, world.rpc_url).start()
    assert again.terminate() == 0
    assert not (again.home / "node.json").exists()

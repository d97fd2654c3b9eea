"""The practice network that `freehold up` keeps running: killed, its port taken, shared by two homes, and gone with them."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from node_process import PASSPHRASE, call_control
from node_world import free_port, until

from freehold.chain.embedded import home as chain_home
from freehold.shell import practice

UP = [sys.executable, "-m", "freehold", "up"]


class Node:
    """A node without a terminal, set up through its first page."""

    def __init__(self, home: Path, state: Path, *arguments: str) -> None:
        self.home = home
        self.log = home.with_name(f"{home.name}.log")
        environment = {**os.environ, "XDG_STATE_HOME": str(state), "COLUMNS": "300"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*UP, "--home", str(home), "--port", "0", *arguments],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env=environment,
            )
        until(lambda: "/console/" in self.log.read_text(), "the console is up", 60)
        self.url = re.search(r"(http://\S+)/console/", self.log.read_text())[1]
        self.browser = httpx.Client(
            base_url=self.url + "/console",
            headers={"sec-fetch-site": "same-origin"},
            trust_env=False,
            timeout=90,
        )

    def enter(self, network: str = "practice", **more: str) -> httpx.Response:
        typed = {"name": self.home.name, "passphrase": PASSPHRASE, "again": PASSPHRASE, "network": network}
        return self.browser.post("/enter", data=typed | more)

    def status(self) -> dict:
        until((self.home / "node.json").exists, "the node runs", 60)
        return call_control(self.url, self.home, "/status", None, self.log.read_text)

    def answers_at(self) -> str | None:
        """Where its chain answers, if it does."""
        found = self.status()["chain"]
        return found["rpc_url"] if found["block"] is not None else None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def nodes(tmp_path):
    made: list[Node] = []

    def node(name: str, *arguments: str) -> Node:
        made.append(Node(tmp_path / name, tmp_path / "state", *arguments))
        return made[-1]

    yield node
    for one in made:
        one.browser.close()
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def pid_of(folder: Path) -> int:
    return int(json.loads((folder / "running.json").read_text())["pid"])


def alive(pid: int) -> bool:
    with suppress(OSError):
        # a child that nobody waited for is no process that runs
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.mark.slow
def test_it_is_started_again_where_it_was_and_elsewhere_if_its_port_was_taken(nodes):
    node = nodes("north")
    assert 'value="practice" checked' in node.browser.get("/enter").text
    assert node.enter().status_code == 303
    assert node.status()["balance_units"] == 1_000 * 10**6
    folder, first = node.home / "chain", node.answers_at()
    killed = pid_of(folder)
    os.kill(killed, signal.SIGKILL)
    until(lambda: pid_of(folder) != killed and node.answers_at() == first, "it answers again", 60)

    port = int(first.rsplit(":", 1)[1])
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def takes() -> bool:
            """The port, unless the node was quicker."""
            with suppress(OSError):
                killed = pid_of(folder)
                os.kill(killed, signal.SIGKILL)
                until(lambda: not alive(killed), "it is gone")
            with suppress(OSError):
                stranger.bind(("127.0.0.1", port))
                return True
            return False

        until(takes, "a stranger has the port", 60)
        stranger.listen()
        until(lambda: chain_home.running(folder) not in (None, first), "it runs elsewhere", 60)
        until(lambda: node.answers_at() not in (None, first), "the node asks it there", 60)
    assert node.status()["balance_units"] == 1_000 * 10**6
    pid = pid_of(folder)
    assert node.stop() == 0
    assert not alive(pid)
    assert chain_home.running(folder) is None


@pytest.mark.slow
def test_a_second_home_is_offered_it_and_takes_it_over(nodes):
    first = nodes("north")
    first.enter()
    folder = first.home / "chain"
    second = nodes("south")
    page = second.browser.get("/enter").text
    assert f"Of your node in {first.home}, at {first.answers_at()}." in page
    assert f'value="shared:{folder}" checked' in page, (
        "two nodes of one machine are there to deal with each other"
    )
    assert second.enter(f"shared:{folder}").status_code == 303
    assert second.answers_at() == first.answers_at()
    assert not (second.home / "chain").exists()
    assert f'practice = "{folder}"' in (second.home / "config.toml").read_text()

    before = pid_of(folder)
    first.process.kill()
    first.process.wait()
    until(lambda: not alive(before), "the chain ended with the node that had it", 30)
    until(lambda: second.answers_at() is not None and pid_of(folder) != before, "the other has it now", 60)
    assert second.status()["balance_units"] == 1_000 * 10**6
    pid = pid_of(folder)
    assert second.stop() == 0
    assert not alive(pid)


def test_a_real_network_is_looked_at_before_anything_is_made(nodes):
    node = nodes("north")
    away = f"http://127.0.0.1:{free_port()}"
    for more, said in (
        ({}, "the address of the network is missing"),
        ({"rpc_url": "ftp://x"}, "not a url"),
        ({"rpc_url": away}, "nothing that is a network answers"),
        ({"rpc_url": away, "look": "yes"}, "nothing that is a network answers"),
        ({"rpc_url": away, "token": "0x12"}, "not an address"),
    ):
        answer = node.enter("real", **more)
        assert answer.status_code in (422, 503), more
        assert said in answer.text.split('role="alert"')[1].split("</div>")[0].lower(), more
        assert 'value="real" checked' in answer.text
    gone = node.enter("shared:/nowhere/chain")
    assert gone.status_code == 422
    assert "does not run any more" in gone.text
    (node.home / "chain").write_text("a file in the way")
    in_the_way = node.enter()
    assert in_the_way.status_code >= 400
    assert 'role="alert"' in in_the_way.text
    left = {path.name for path in node.home.iterdir()}
    assert left <= {"chain", "lock"}, left
    assert node.stop() == 0


def test_only_a_network_whose_folder_is_held_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "home" / "chain"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "chain.lock").touch()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        chain_home.note(folder, f"http://127.0.0.1:{stranger.getsockname()[1]}")
        listed = tmp_path / "state" / "freehold" / "practice.json"
        listed.parent.mkdir(parents=True)
        for told in (json.dumps([str(folder), "relative", 7, "/nowhere"]), '{"a": 1}', "not JSON"):
            listed.write_text(told)
            assert practice.found() == []


def test_what_is_given_decides_without_asking(nodes, tmp_path):
    node = nodes("north", "--rpc-url", f"http://127.0.0.1:{free_port()}")
    assert "Which network?" not in node.browser.get("/enter").text
    assert node.stop() == 0
    both = subprocess.run(
        [*UP, "--practice", "--rpc-url", "http://127.0.0.1:1", "--home", str(tmp_path / "x")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert both.returncode == 2
    assert "not both" in both.stderr


@pytest.mark.slow
def test_the_terminal_asks_the_same(tmp_path):
    command = [*UP, "--home", str(tmp_path / "north"), "--name", "North", "--port", "0"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")})
    seen = b""

    def read(pattern: bytes) -> None:
        nonlocal seen
        ends = time.monotonic() + 60
        while not re.search(pattern, seen, re.DOTALL):
            assert time.monotonic() < ends, seen
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 65_536)

    read(rb"Which network.*Number \[1\]: ")
    for typed, then in (
        ("2", rb"Address \(https"),
        (f"http://127.0.0.1:{free_port()}", rb"dollar token"),
        ("", rb"nothing that is a network answers.*Number \[1\]: "),
        ("", rb"Passphrase for"),
        (PASSPHRASE, rb"The same once more"),
        (PASSPHRASE, rb"ready at"),
    ):
        os.write(terminal, typed.encode() + b"\n")
        read(then)
    assert 'practice = "chain"' in (tmp_path / "north" / "config.toml").read_text()
    os.kill(pid, signal.SIGTERM)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert chain_home.running(tmp_path / "north" / "chain") is None


@pytest.mark.slow
def test_a_node_restored_without_its_practice_network_begins_on_a_new_one_once_its_owner_says_so(tmp_path):
    node = Node(tmp_path / "north", tmp_path / "state")
    try:
        assert node.enter().status_code == 303
        account = node.status()["account"]
        assert "practice network is not in it" in node.browser.get("/backup").text
        made = _command(tmp_path, "backup", "-o", str(tmp_path / "b"), "--home", str(node.home))
        assert made.returncode == 0, made.stderr
    finally:
        node.browser.close()
        node.process.send_signal(signal.SIGTERM)
        node.process.wait(30)
    node.home.rename(tmp_path / "gone")
    restored = _command(tmp_path, "restore", str(tmp_path / "b"), "--home", str(node.home))
    assert restored.returncode == 0, restored.stderr
    refused = _command(tmp_path, "up", "--port", "0", "--home", str(node.home))
    assert refused.returncode == 5
    assert f"freehold chain forget --home {node.home}" in refused.stderr
    assert _command(tmp_path, "chain", "forget", "--home", str(node.home)).returncode == 0
    again = Node(node.home, tmp_path / "state")
    try:
        assert again.enter().status_code == 303
        assert again.status()["account"] == account
    finally:
        again.browser.close()
        again.process.send_signal(signal.SIGTERM)
        again.process.wait(30)


def _command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that is given the passphrase where it needs one."""
    needs = [] if words[0] == "chain" else ["--passphrase-fd", "0"]
    return subprocess.run(
        [sys.executable, "-m", "freehold", *words, *needs],
        input=PASSPHRASE,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "300"},
        timeout=120,
        check=False,
    )

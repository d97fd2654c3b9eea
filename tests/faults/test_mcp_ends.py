"""A server for an assistant ends at once when it is told to or nobody reads it, and says nothing unasked."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from freehold.shell import daemon

HELLO = {
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"},
    },
}  # fmt: skip


class Server:
    """One that has said hello; its node takes what is asked and never answers."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "freehold", "mcp", "--files", str(home.parent), "--home", str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(home.parent)},
        )
        self.ask(0, HELLO)
        assert json.loads(self.process.stdout.readline())["id"] == 0  # type: ignore[union-attr]

    def ask(self, number: int, what: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, **what}).encode() + b"\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    home = tmp_path / "home"
    home.mkdir()
    with daemon.lock(home), closing(socket.create_server(("127.0.0.1", 0))) as node:
        url = f"http://127.0.0.1:{node.getsockname()[1]}"
        (home / "node.json").write_text(json.dumps({"url": url}))
        (home / "api-token").write_text("t" * 43)
        made = Server(home)
        yield made
        made.process.kill()
        made.process.communicate()


def interrupted(server: Server) -> int:
    server.process.send_signal(signal.SIGINT)
    return 130


def terminated(server: Server) -> int:
    server.process.send_signal(signal.SIGTERM)
    return 143


def interrupted_in_a_call(server: Server) -> int:
    server.ask(1, {"method": "tools/call", "params": {"name": "status", "arguments": {}}})
    time.sleep(0.5)
    return interrupted(server)


def unread(server: Server) -> int:
    server.process.stdout.close()  # type: ignore[union-attr]
    server.ask(1, {"method": "tools/list"})
    return 1


@pytest.mark.parametrize(
    "end", [interrupted, terminated, interrupted_in_a_call, unread], ids=lambda end: end.__name__
)
def test_it_ends_at_once_while_its_client_holds_stdin(
    server: Server, tmp_path: Path, end: Callable[[Server], int]
) -> None:
    code = end(server)
    assert server.process.wait(15) == code
    assert server.process.stderr.read() == b""  # type: ignore[union-attr]
    assert not list(tmp_path.glob("freehold*")), "copies of files are gone"

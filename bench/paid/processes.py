"""Servers as processes of their own, and how much the processor worked for each."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
from load import Sent
from node_process import PASSPHRASE, call_control
from node_world import until

HERE = Path(__file__).resolve().parent
READY_SECONDS = 60


class Server:
    """A process that says on its first line where it listens: an URL or a port."""

    def __init__(self, *command: object, log: Path, name: str = "") -> None:
        self.command, self.log_path = [str(part) for part in command], log
        self.name = name or log.stem
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Run it until it says where it is."""
        with self.log_path.open("a") as log:
            self._process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=log, text=True)
        said = self._process.stdout.readline().strip()
        self.url = said if said.startswith("http") else f"http://127.0.0.1:{said}"
        until(self._answers, f"{self.name} answers: {self.log_path.read_text()[-2000:]}", READY_SECONDS)
        return self

    def _answers(self) -> bool:
        try:
            httpx.get(self.url, timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None


def chain(home: Path) -> Server:
    """The local chain, as people run it."""
    command = (sys.executable, "-m", "freehold.chain.embedded", "--home", home, "--port", 0)
    return Server(*command, log=home.with_name("chain.log"))


class Node(Server):
    """`freehold up` of one party."""

    def __init__(self, home: Path, rpc_url: str, database: str = "") -> None:
        home.mkdir(mode=0o700)
        word = home.with_name(f"{home.name}.passphrase")
        word.write_text(PASSPHRASE + "\n")
        word.chmod(0o600)
        super().__init__(
            *(sys.executable, "-m", "freehold", "up", "--home", home, "--name", home.name, "--port", 0),
            *("--rpc-url", rpc_url, "--passphrase-file", word, "--set", f"spend_per_day_micro={10**9}"),
            *(("--database", database) if database else ()),
            log=home.with_name(f"{home.name}.log"),
        )  # fmt: skip
        self.home, self.database = home, database

    def start(self) -> Self:
        """Run it until it answers."""
        with self.log_path.open("a") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, text=True
            )
        until(lambda: self._said().get("pid") == self.pid, f"{self.name} is up", READY_SECONDS)
        self.url = str(self._said()["url"])
        return self

    def _said(self) -> dict[str, Any]:
        path = self.home / "node.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def account(self) -> str:
        return str(self._said()["account"])

    def api(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The control API's answer; GET without a body, else POST."""
        return call_control(self.url, self.home, path, body, self.log_path.read_text)


def worked_seconds(pid: int) -> float:
    """Seconds of the processor (user and system) that a process and its children took, with those that ended."""
    while True:
        try:
            # of the clocks behind utime and stime in /proc/PID/stat, which count hundredths only
            running = sum(time.clock_gettime((~one << 3) | 2) for one in (pid, *children(pid)))
            reaped = sum(map(int, _stat(pid)[13:15])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            # a child ended while it was looked at
            _stat(pid)
        else:
            return running + reaped


def children(pid: int) -> list[int]:
    """Processes that one started and that run."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


class Pass(NamedTuple):
    """What one pass took."""

    sent: Sent
    worked: dict[str, float]
    """Seconds of the processor, by process."""


def passed(port: int, work: list[list[bytes]], watched: dict[str, int], scratch: Path) -> Pass:
    """Send prepared requests, one list a client, from a process of its own; `watched` are process ids by name."""
    scratch.write_bytes(pickle.dumps(work))
    before = {name: worked_seconds(pid) for name, pid in watched.items()}
    subprocess.run([sys.executable, HERE / "load.py", str(port), scratch], check=True)
    worked = {name: worked_seconds(pid) - before[name] for name, pid in watched.items()}
    return Pass(Sent(*pickle.loads(scratch.read_bytes())), worked)


@contextmanager
def blocks(url: str, every_seconds: float = 0.1) -> Iterator[None]:
    """Meanwhile the chain gets a block every so often, as it does where others use it too."""
    ended = threading.Event()

    def mine() -> None:
        with httpx.Client(trust_env=False, timeout=30) as client:
            while not ended.wait(every_seconds):
                asked = {"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": []}
                client.post(url, json=asked).raise_for_status()

    thread = threading.Thread(target=mine)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

"""Nodes as real processes, started, killed and driven through their control API."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from node_world import until

PASSPHRASE = "heron kettle almond tram 58"
_RUNNER = Path(__file__).with_name("run_node.py")


class Process:
    """One node; `start` it as often as it was killed."""

    def __init__(self, home: Path, rpc_url: str, **settings: Any) -> None:
        self.home, self.name = home, home.name
        self.settings = {
            "name": home.name,
            "rpc_url": rpc_url,
            "port": 0,
            "spend_per_day_micro": 10**9,
            **settings,
        }
        self._lock = threading.Lock()
        self._running: subprocess.Popen[str] | None = None

    def launch(self, passphrase: str = PASSPHRASE) -> subprocess.Popen[str]:
        """The process, perhaps not ready yet."""
        command = [sys.executable, str(_RUNNER), str(self.home), json.dumps(self.settings)]
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.home.parent / f"{self.home.name}.log").open("a") as log:
            started = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, text=True)
        assert started.stdin
        started.stdin.write(passphrase + "\n")
        started.stdin.close()
        self._running = started
        return started

    def start(self) -> Process:
        """Launch and wait until it answers."""
        self.launch()
        return self.wait()

    def wait(self) -> Process:
        """Until it answers."""
        until(lambda: self.ready or not self.alive, f"{self.name} is up", 40)
        assert self.alive, self.log()
        return self

    @property
    def ready(self) -> bool:
        """Whether the running process answers already."""
        return self._running is not None and self._description().get("pid") == self._running.pid

    def refused(self, passphrase: str = PASSPHRASE, seconds: float = 40) -> tuple[int, list[str]]:
        """Exit code and error lines (code, message, hint) of a start that must fail."""
        before = len(self.log())
        code = self.launch(passphrase).wait(seconds)
        lines = self.log()[before:].splitlines()
        # lines of the log begin with the time
        return code, [line for line in lines if not line[:4].isdecimal()]

    def log(self) -> str:
        path = self.home.parent / f"{self.home.name}.log"
        return path.read_text() if path.exists() else ""

    def _description(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.home / "node.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    @property
    def url(self) -> str:
        return str(self._description()["url"])

    @property
    def account(self) -> str:
        return str(self._description()["account"])

    def api(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the control API; GET without a body, else POST."""
        return call_control(self.url, self.home, path, body, self.log)

    def kill(self) -> bool:
        """SIGKILL: no chance to tidy up. False if it was dead already."""
        with self._lock:
            doomed = self._running
            if doomed is None or doomed.poll() is not None:
                return False
            doomed.kill()
            doomed.wait(10)
            return True

    @property
    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def terminate(self, seconds: float = 10) -> int:
        """SIGTERM; returns the exit code."""
        assert self._running
        self._running.send_signal(signal.SIGTERM)
        return self._running.wait(seconds)


def call_control(
    url: str, home: Path, path: str, body: dict[str, Any] | None, log: Callable[[], str]
) -> dict[str, Any]:
    """The control API's answer, which must be a good one; GET without a body, else POST."""
    token = (home / "api-token").read_text().strip()
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.request(
            "GET" if body is None else "POST",
            f"{url}/api{path}",
            json=body,
            headers={"authorization": f"Bearer {token}"},
        )
    # 202: it was asked for, and waits for somebody else
    assert answer.status_code in (200, 202), f"{path}: {answer.status_code} {answer.text}\n{log()}"
    value: dict[str, Any] = answer.json()
    return value

"""A node run by `freehold up` without a terminal, and real browsers looking at its console."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from node_process import PASSPHRASE, call_control
from node_world import until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@contextlib.contextmanager
def opened() -> Iterator[Any]:
    """A browser; tests are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        yield found
        found.close()


class Console:
    """One node; its owner sets it up, logs in and works through pages."""

    def __init__(self, browser: Any, home: Path, rpc_url: str, *arguments: str) -> None:
        self.browser, self.home, self.rpc_url = browser, home, rpc_url
        self.arguments = ["--port", "0", "--rpc-url", rpc_url, *arguments]
        self.log_path = home.with_name(f"{home.name}.log")
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._contexts: list[Any] = []
        self.state: Any = None
        """Cookies of a browser that is logged in."""

    def start(self) -> Console:
        """Run `freehold up`; locked until a page is given the passphrase."""
        self.log_path.write_text("")
        command = [
            sys.executable,
            "-m",
            "freehold",
            "up",
            "--home",
            str(self.home),
            *self.arguments,
        ]
        with self.log_path.open("w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=log, env=os.environ | {"COLUMNS": "200"}
            )
        until(lambda: "/console/" in self.log() or self._process.poll() is not None, "the console is up", 40)
        assert self._process.poll() is None, self.log()
        self.url = next(word for word in self.log().split() if "/console/" in word).rstrip(":")
        return self

    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/console/")

    def page(self, **options: Any) -> Any:
        """A tab of a browser that knows nothing yet; options are playwright's for a context."""
        context = self.browser.new_context(**options)
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        return context.new_page()

    def enter(self, page: Any, *, name: str = "") -> Any:
        """Set up, unlock or log in, whichever the node asks for."""
        page.goto(self.url + "enter")
        if name:
            page.get_by_label("Your organisation's name").fill(name)
        page.get_by_label("Passphrase").fill(PASSPHRASE)
        if name:
            page.get_by_label("The same once more").fill(PASSPHRASE)
        page.locator("button.wide").click()
        page.wait_for_url(self.url)
        return page

    def api(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the control API; GET without a body, else POST."""
        until((self.home / "node.json").exists, "the node runs")
        return call_control(self.origin, self.home, path, body, self.log_path.read_text)

    @property
    def account(self) -> str:
        return str(json.loads((self.home / "node.json").read_text())["account"])

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def halt(self) -> None:
        """SIGKILL; open pages stay open."""
        assert self._process
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(15)

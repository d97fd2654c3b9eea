"""The practice network: a chain on this machine with play money, kept running by the nodes that use it.

Its folder is the setting `practice`, and lies in the home of the node that made it. Each node that uses it sees
to it that it runs: one of them has it as a child process, and when that one ends, or the process is killed,
another starts it again. Nobody trusts a port: only a process that holds the folder's lock is the chain.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from freehold import durable, plain_file
from freehold.chain import deployment_record, deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import home as chain_home
from freehold.chain.networks import LOCAL_CHAIN_ID
from freehold.chain.rpc import Rpc
from freehold.core.errors import FreeholdError, Unavailable
from freehold.kernel.settings import DEFAULT_RPC_URL, Settings
from freehold.shell import children
from freehold.vault import home_folder

FOLDER = "chain"
"""Where a home's own practice network lies."""
START_SECONDS = 60.0
LOOK_SECONDS = 0.25
LONGEST_REST_SECONDS = 10.0
MOST_KNOWN = 16
_MOST_BYTES = 64 * 1024
_LOG = "practice.log"
_log = logging.getLogger("freehold")


class PracticeFailed(Unavailable, code="practice.failed"):
    """The practice network of this machine does not start."""


@dataclass(frozen=True)
class Running:
    """A practice network that runs on this machine under this user."""

    folder: Path
    url: str


def folder_of(home: Path, settings: Settings) -> Path | None:
    """The practice network that settings name; None where they name a real one, or none at all."""
    if not settings.practice or settings.rpc_url != DEFAULT_RPC_URL:
        return None
    return home / settings.practice


def found() -> list[Running]:
    """Practice networks that run here now, of this user's nodes, each looked at: the right folder, lock and chain."""
    there = (_looked_at(folder) for folder in _known())
    return [one for one in there if one is not None]


def _looked_at(folder: Path) -> Running | None:
    try:
        home_folder.require_own(folder)
        url = chain_home.running(folder)
        if url is None or urlsplit(url).hostname != "127.0.0.1":
            return None
        record = deployment_record.read(folder / deployment_record.FILE)
        with Rpc(url, timeout=3) as rpc:
            chain = Chain(rpc)
            first = rpc.call("eth_getBlockByNumber", "0x0", False)
            same = chain.chain_id == LOCAL_CHAIN_ID and first["hash"] == record.genesis
            return Running(folder, url) if same and not deployments.missing(chain) else None
    except (FreeholdError, OSError, ValueError, TypeError, KeyError):
        return None


def _list() -> Path:
    """Where this user's practice networks are written down: folders only, each looked at before it is offered."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (
        (Path(state) if state.startswith("/") else Path.home() / ".local" / "state")
        / "freehold"
        / "practice.json"
    )


def _known() -> list[Path]:
    with suppress(OSError, ValueError, RuntimeError):
        told = json.loads(plain_file.content(_list(), _MOST_BYTES))
        if isinstance(told, list):
            return [Path(one) for one in told[:MOST_KNOWN] if isinstance(one, str) and one.startswith("/")]
    return []


def _remember(folder: Path) -> None:
    """So that other homes find it; whoever has no folder for that does without."""
    before = [one for one in _known() if one != folder and one.is_dir()]
    with suppress(OSError, RuntimeError, ValueError):
        path = _list()
        durable.make_directory(path.parent)
        folders = [str(folder), *map(str, before)][:MOST_KNOWN]
        durable.write(path, json.dumps(folders).encode(), replace=True)


class Practice:
    """Keeps the practice network of a folder running until it is left; `url` is where it answers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder.absolute(), ""
        self._moved: Callable[[str], None] = lambda _: None
        self._child: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._leaving = threading.Event()
        self._reading, self._writing = os.pipe()
        self._watcher = threading.Thread(target=self._watch, name="practice", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._close()
            raise
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._watcher.join()
        self._close()

    def follow(self, moved: Callable[[str], None]) -> None:
        """Tell where it answers, now and whenever that is another address."""
        self._moved = moved
        moved(self.url)

    def _close(self) -> None:
        os.close(self._writing)
        if self._child is not None:
            children.end([self._child])
        os.close(self._reading)

    def _begin(self) -> None:
        """Raises `PracticeFailed`."""
        ends = time.monotonic() + START_SECONDS
        while not self._look():
            if self._failures > 2 or time.monotonic() > ends:
                said = children.last_line(self.folder / _LOG).removeprefix("error: ")
                raise PracticeFailed(
                    f"the practice network does not start: {said[:300]}",
                    hint=f"Its folder is {self.folder}. Choose another home, or a real network.",
                )
            time.sleep(LOOK_SECONDS / 5)
        _remember(self.folder)

    def _look(self) -> bool:
        """Whether it answers now; where nobody runs it, it is started."""
        if self._child is not None and self._child.poll() is None:
            url, pid = chain_home.said(self.folder)
            return pid == self._child.pid and self._follow(url)
        if self._child is not None:
            self._child = None
            self._failures += 1
            said = children.last_line(self.folder / _LOG)
            _log.warning("the practice network ended", extra={"fields": {"said": said[:300]}})
        if url_now := chain_home.running(self.folder):
            return self._follow(url_now)
        self._spawn()
        return False

    def _follow(self, url: str) -> bool:
        self._failures = 0
        if url != self.url:
            self.url = url
            self._moved(url)
        return True

    def _spawn(self) -> None:
        # where it was, so that whoever knows the address finds it again; anywhere, if somebody took the port
        port = (urlsplit(self.url).port or 0) if self._failures < 2 else 0
        home_folder.make(self.folder)
        command = (*children.PROGRAM, "chain", "run", "--home", str(self.folder), "--port", str(port))
        self._child = children.launch((*command, "--until-eof", self._reading), self.folder / _LOG, anew=True)

    def _watch(self) -> None:
        while not self._leaving.wait(self._rest()):
            try:
                self._look()
            except Exception:  # noqa: BLE001 - whatever it is, it is tried again
                self._failures += 1
                _log.warning("the practice network cannot be looked after", exc_info=True)

    def _rest(self) -> float:
        return min(LONGEST_REST_SECONDS, LOOK_SECONDS * (1 << min(self._failures, 8)))

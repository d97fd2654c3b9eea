"""Child processes that live and die with this one.

Each child holds the reading end of one pipe whose writing end only this process has: when this
process ends, however it ends, the children read end of file and leave. A child that dies by itself is
started again on the port it had, a few times; a passphrase reaches it through a pipe of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from freehold.core.errors import Unavailable
from freehold.shell import children
from freehold.shell.children import Process, Word

Launch = Callable[[str, Sequence[Word], Path], Process]
"""Starts a child: its name, its command, and what takes what it prints."""
POLL_SECONDS = 0.02
MOST_RESTARTS = 5


class ChildFailed(Unavailable, code="quickstart.child"):
    """A process of the quickstart does not stay up; `fields` name it and its log."""


@dataclass
class Child:
    """One process to keep running."""

    name: str
    argv: Sequence[str]
    """Command without port."""
    log: Path
    """Takes its stdout and stderr."""
    secret: str | None = field(default=None, repr=False)
    """Passphrase, given through a pipe."""
    port: int = 0
    """Port to start on; 0 takes a free one."""
    restarts: int = 0
    process: Process | None = field(default=None, repr=False)


def _alone(_: str, argv: Sequence[Word], log: Path) -> Process:
    return children.launch(argv, log)


class Supervisor:
    """Keeps children running until it is left; `on_restart` hears of each restart."""

    def __init__(self, on_restart: Callable[[Child, int], None], launch: Launch = _alone) -> None:
        self._on_restart, self._launch = on_restart, launch
        self._alive_read, self._alive_write = os.pipe()
        self._children: dict[str, Child] = {}
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, child: Child) -> None:
        """Run a child and watch it from now on."""
        with self._lock:
            self._children[child.name] = child
            self._spawn(child)

    def children(self) -> list[Child]:
        """All children, in the order they were started."""
        with self._lock:
            return list(self._children.values())

    def check(self, child: Child) -> None:
        """Raise `ChildFailed` for a child that is not started any more."""
        if child.restarts >= MOST_RESTARTS:
            raise ChildFailed(
                f"{child.name} does not stay up: {children.last_line(child.log)}",
                hint=f"Its output is in {child.log}.",
                child=child.name,
            )

    def stop(self) -> None:
        """End all children, the last started first; killed when they do not go in time. Safe to repeat."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        self._watcher.join()
        running = [child.process for child in reversed(self._children.values()) if child.process]
        os.close(self._alive_write)
        children.end(running)
        os.close(self._alive_read)

    def _watch(self) -> None:
        while not self._leaving.wait(POLL_SECONDS):
            with self._lock:
                for child in self._children.values():
                    code = child.process.poll() if child.process else None
                    if code is not None and child.restarts < MOST_RESTARTS:
                        child.restarts += 1
                        self._on_restart(child, code)
                        self._spawn(child)

    def _spawn(self, child: Child) -> None:
        argv: list[Word] = [*child.argv, "--port", str(child.port), "--until-eof", self._alive_read]
        if child.secret is None:
            child.process = self._launch(child.name, argv, child.log)
            return
        reading, writing = os.pipe()
        # a passphrase is far smaller than a pipe's buffer, so this does not wait for a reader
        os.write(writing, child.secret.encode() + b"\n")
        os.close(writing)
        try:
            child.process = self._launch(child.name, [*argv, "--passphrase-fd", reading], child.log)
        finally:
            os.close(reading)

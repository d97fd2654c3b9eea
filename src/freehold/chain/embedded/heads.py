"""That a change of the chain is told before anybody is answered what shows it.

The ledger counts each change when it begins, and says so once it is made. Then, in one step of the event loop, a byte is
sent to every subscriber, by a Unix socket: what is sent there is in the other side's buffer when `send` returns (over TCP
it may take a moment, also on one machine). An answer takes whatever changes had begun when it leaves for ones that it
may show, and waits until they are told: so none overtakes the news, whatever thread found it, and in whichever moment
after the commit. Where nobody subscribed, nothing waits.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.ledger import Ledger

MOST_SUBSCRIBERS = 64
AGAIN_SECONDS = 1.0
"""Before the next subscriber is taken, where there was no descriptor left for one: nothing else ends the asking."""
NEWS, WELCOME = b"!", b"+"


class Heads:
    """Who hears of changes, in the server's event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        """Of the loop, and of what was told before there is one."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = ledger.changes
        self._held_up: list[tuple[int, asyncio.Future[None]]] = []
        self.watchers: set[Callable[[], None]] = set()
        """Called after each change, in the loop."""
        self._first: set[socket.socket] = set()
        """Sent to before those, and before any answer that shows the change leaves."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._folder = ""
        self.address = self._begin()
        """Where to subscribe: a name in Linux's abstract namespace behind `@`, elsewhere a path; empty once closed."""
        ledger.watchers.add(self._changed)

    async def come_first(self) -> None:
        """Return when everything that the caller may have seen of the chain is told."""
        if self._loop is None:
            with self._lock:
                self._loop = asyncio.get_running_loop()
            self._listen()
        begun = self._ledger.changes
        if self._first and self._told < begun:
            told: asyncio.Future[None] = self._loop.create_future()
            self._held_up.append((begun, told))
            await told

    def close(self) -> None:
        """End all connections; the server has ended."""
        self._ledger.watchers.discard(self._changed)
        for one in (self._listener, *self._first):
            _end(one)
        self._first.clear()
        self.address = ""
        if self._folder:
            with suppress(OSError):
                (Path(self._folder) / "heads").unlink()
                Path(self._folder).rmdir()

    def _begin(self) -> str:
        name = f"freehold-heads-{secrets.token_hex(16)}"
        if sys.platform == "linux":
            # it goes with the process, however that ends
            self._listener.bind(f"\0{name}")
            shown = f"@{name}"
        else:
            self._folder = mkdtemp(prefix="freehold-")
            shown = str(Path(self._folder) / "heads")
            self._listener.bind(shown)
        self._listener.listen()
        self._listener.setblocking(False)
        return shown

    def _listen(self) -> None:
        if self._loop is not None and self.address:
            self._loop.add_reader(self._listener, self._enter, self._loop)

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """Somebody subscribes: welcome is said when all changes from now on will be."""
        try:
            made, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            loop.remove_reader(self._listener)
            loop.call_later(AGAIN_SECONDS, self._listen)
            return
        made.setblocking(False)
        if len(self._first) >= MOST_SUBSCRIBERS:
            made.close()
            return
        self._first.add(made)
        # nothing is expected of it: whatever comes is the end
        loop.add_reader(made, self._leave, made)
        self._send(made, WELCOME)

    def _leave(self, one: socket.socket) -> None:
        if self._loop is not None:
            self._loop.remove_reader(one)
        self._first.discard(one)
        _end(one)

    def _send(self, one: socket.socket, what: bytes) -> None:
        """One that has no room left has not read for hundreds of changes: it hears of its end in the same instant."""
        try:
            one.send(what)
        except OSError:
            self._leave(one)

    def _changed(self, number: int) -> None:
        """A change was made; from the thread that made it, which holds the ledger's lock."""
        with self._lock:
            if self._loop is None:
                self._told = number
                return
        # the loop may have ended while a block was made
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, number)

    def _tell(self, number: int) -> None:
        for one in tuple(self._first):
            self._send(one, NEWS)
        self._told = number
        held_up, self._held_up = self._held_up, []
        for begun, told in held_up:
            if begun > number:
                self._held_up.append((begun, told))
            elif not told.done():
                told.set_result(None)
        for wake in tuple(self.watchers):
            wake()


def _end(one: socket.socket) -> None:
    """Hang up, also where a process that was forked off this one has the same socket."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()

"""That a new head is told before anybody is answered what shows it.

The ledger counts each change when it begins, and says so once it is made. Then, in one step of the event loop, the
head is written to every subscriber that asked to hear of it first. An answer takes whatever changes had begun when
it leaves for ones that it may show, and waits until they are told: so none overtakes a head, whatever thread found
it, and in whichever moment after the commit. Where nobody asked to be first, nothing waits.
"""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from freehold.chain.embedded.wire import show_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.header import Header


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
        self.first: set[Callable[[str], bool]] = set()
        """Called before those, and before any answer that shows the change leaves, with the head as JSON: writes it.

        False where the connection is ended instead.
        """
        ledger.watchers.add(self._changed)

    def present(self) -> str:
        """The head as JSON."""
        return _text(self._ledger.head)

    async def come_first(self) -> None:
        """Return when everything that the caller may have seen of the chain is told."""
        if self._loop is None:
            with self._lock:
                self._loop = asyncio.get_running_loop()
        begun = self._ledger.changes
        if self.first and self._told < begun:
            told: asyncio.Future[None] = self._loop.create_future()
            self._held_up.append((begun, told))
            await told

    def _changed(self, number: int) -> None:
        """A change was made; from the thread that made it, which holds the ledger's lock."""
        head = self._ledger.head
        with self._lock:
            if self._loop is None:
                self._told = number
                return
        # the loop may have ended while a block was made
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, number, head)

    def _tell(self, number: int, head: Header) -> None:
        are_there = True
        if self.first:
            text = _text(head)
            for write in tuple(self.first):
                are_there = write(text) and are_there
        if are_there or self._loop is None:
            self._let_go(number)
        else:
            # behind the steps in which connections end
            self._loop.call_soon(self._let_go, number)

    def _let_go(self, number: int) -> None:
        self._told = number
        held_up, self._held_up = self._held_up, []
        for begun, told in held_up:
            if begun > number:
                self._held_up.append((begun, told))
            elif not told.done():
                told.set_result(None)
        for wake in tuple(self.watchers):
            wake()


def _text(head: Header) -> str:
    return json.dumps(show_header(head), separators=(",", ":"))

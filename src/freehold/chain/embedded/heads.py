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
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from freehold.chain.embedded.wire import show_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.header import Header

PATIENCE_SECONDS = 0.2
"""How long answers wait for a subscriber to have room, or to acknowledge, which the kernel puts off by 40 ms."""
_LOOK_SECONDS = 0.001


class Subscriber(Protocol):
    """A connection that hears of heads first."""

    def write_head(self, head: str) -> None:
        """Hand a head, as JSON, to the kernel."""

    @property
    def is_told(self) -> bool:
        """Whether its other side has what was written, or the end."""

    def end_now(self) -> None:
        """Cut it."""


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
        self.first: set[Subscriber] = set()
        """Written to before those, and before any answer that shows the change leaves."""
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
        if self.first:
            text = _text(head)
            for one in tuple(self.first):
                one.write_head(text)
        self._settle(number, time.monotonic() + PATIENCE_SECONDS)

    def _settle(self, number: int, until: float) -> None:
        """Let answers go once all have what was written to them; who has not by then is ended."""
        behind = [one for one in self.first if not one.is_told]
        if not behind or self._loop is None:
            self._let_go(number)
            return
        if time.monotonic() > until:
            for one in behind:
                one.end_now()
        self._loop.call_later(_LOOK_SECONDS, self._settle, number, until)

    def _let_go(self, number: int) -> None:
        # a later change may be told before: then this one was with it, as what is written keeps its order
        self._told = max(self._told, number)
        held_up, self._held_up = self._held_up, []
        for begun, told in held_up:
            if begun > self._told:
                self._held_up.append((begun, told))
            elif not told.done():
                told.set_result(None)
        for wake in tuple(self.watchers):
            wake()


def _text(head: Header) -> str:
    return json.dumps(show_header(head), separators=(",", ":"))

"""Connections that cost more than they are worth are ended: silent, slow, too many of one address."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from freehold.node.limits import caller_of, is_trusted
from freehold.node.settings import Settings
from freehold.node.tally import Tally

HEAD_SECONDS = 10.0
"""A request head must be whole this long after the connection opened, or after its first byte."""
WRITE_SECONDS = 30.0
"""An answer must make progress this often."""
MOST_CONNECTIONS = 400
"""Of all callers that are not trusted; fewer than uvicorn's own limit, so that the owner gets through."""


class Connections:
    """Open connections by caller, of one server; the trusted are counted too, and never refused."""

    def __init__(self, settings: Settings, tally: Tally | None = None) -> None:
        self._proxies = settings.trusted_proxies
        self._most_of_one = settings.connections_per_address
        self._tally = tally
        self._open: Counter[str] = Counter()

    def enter(self, host: str) -> bool:
        """Count a connection; False if there are too many."""
        caller = caller_of(host)
        if is_trusted(host, self._proxies):
            self._open[caller] += 1
            return True
        if self._open[caller] >= self._most_of_one or self._open.total() >= MOST_CONNECTIONS:
            if self._tally:
                self._tally.refusal("connections")
            return False
        self._open[caller] += 1
        return True

    def leave(self, host: str) -> None:
        """A counted connection has ended."""
        caller = caller_of(host)
        self._open[caller] -= 1
        if self._open[caller] <= 0:
            del self._open[caller]


class Impatient(H11Protocol):
    """HTTP/1.1 with an end to waiting; uvicorn alone waits for ever for a head, and for a reader."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all = connections
        self._host = ""
        self._head: asyncio.TimerHandle | None = None
        self._write: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock, or hang up."""
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        if not self._all.enter(host):
            transport.abort()
            return
        self._host = host
        self._head = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        for timer in (self._head, self._write):
            if timer:
                timer.cancel()
        if self._host:
            self._all.leave(self._host)
            self._host = ""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The clock runs while a head is incomplete."""
        if self._head is None and not self._at_work:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)
        super().data_received(data)
        if self._head is not None and self._at_work:
            self._head.cancel()
            self._head = None

    @property
    def _at_work(self) -> bool:
        # `cycle` is the request in hand or the last one; there may be none yet, which the stubs do not know
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        if self._write is None:
            self._write = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._write is not None:
            self._write.cancel()
            self._write = None

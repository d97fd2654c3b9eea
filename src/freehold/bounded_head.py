"""uvicorn's HTTP/1.1 by llhttp, with an end to the head of a request; for whatever here listens."""

from __future__ import annotations

import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOST_HEAD_BYTES = 64 * 1024
MOST_PIPELINED = 100
"""Requests that wait on one connection for the answers of earlier ones."""
_OFFER = re.compile(rb"(?<=\r\n)upgrade:(?![ \t]*websocket[ \t]*\r\n)[^\r\n]*\r\n", re.IGNORECASE)
"""Of another protocol, HTTP/2 or TLS: it may be left alone (RFC 9110, section 7.8)."""
_TOO_LARGE = "The head of the request is too large."


class BoundedHead(HttpToolsProtocol):
    """One connection. What is too large or too much is answered with 400, and hung up on."""

    _head_bytes = _named_bytes = 0
    _in_head = True
    _why = ""
    _in_hand: RequestResponseCycle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever works on a request is told, also of one that others came after."""
        if self._in_hand is not None and not self._in_hand.response_complete:
            self._in_hand.disconnected = True
            self._in_hand.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; give up a head that does not end."""
        if self._in_head:
            self._head_bytes += len(data)
            # Java's client offers HTTP/2 with each request, others TLS; the parser would take the body for it
            data = _OFFER.sub(b"", data, count=1)
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= MOST_PIPELINED:
            self.refuse("Too many requests wait on this connection.")
        self._named_bytes = 0
        super().on_message_begin()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._in_hand = cycle
        super()._start_asgi_task(cycle, app)

    def on_url(self, url: bytes) -> None:
        """Keep the address, or a part of it."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer."""
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body begins."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def refuse(self, why: str) -> None:
        """Called by the parser: make it stop, which is answered with 400."""
        self._why = why
        raise ValueError(why)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read; after the answers to what came before it."""
        # `cycle` is the newest request that could; there may be none yet, which the stubs do not know
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if cycle is not None and not cycle.response_complete:
            # of a body that cannot be read: whoever works on it is told that its sender is gone
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        super().send_400_response(self._why or msg)

    def _count(self, head_bytes: int) -> None:
        """A head that comes whole at once is held to the same as one that comes in pieces."""
        self._named_bytes += head_bytes
        if self._named_bytes > MOST_HEAD_BYTES:
            self.refuse(_TOO_LARGE)

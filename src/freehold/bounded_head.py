"""uvicorn's HTTP/1.1 by llhttp, with an end to the head of a request; for whatever here listens."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOST_HEAD_BYTES = 64 * 1024
MOST_PIPELINED = 100
"""Requests that wait on one connection for the answers of earlier ones."""
MOST_JOINED_BYTES = 64 * 1024
"""Of a body, copied behind its head; a longer one leaves by calls of its own anyway."""
_VERSIONS = ("1.0", "1.1")
_TOO_LARGE = "The head of the request is too large."
_UNREADABLE = "Invalid HTTP request received."


class _Joined:
    """What an answer is written to: its head leaves with the first of its body, by one call of the system.

    Where nothing of a body is at hand, the head leaves at the next turn of the loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held, self._is_begun = b"", False

    def write(self, data: bytes) -> None:
        """Send, or hold what comes first."""
        if not self._is_begun:
            self._is_begun, self._held = True, data
            self._loop.call_soon(self.flush)
        elif self._held and len(data) <= MOST_JOINED_BYTES:
            # not by `writelines`: in asyncio of 3.12 and 3.13 it told nobody of a reader that is slow
            held, self._held = self._held, b""
            self._transport.write(held + data)
        else:
            self.flush()
            self._transport.write(data)

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)

    def close(self) -> None:
        """Send what is held, and hang up then."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether nothing more is sent."""
        return self._transport.is_closing()


class BoundedHead(HttpToolsProtocol):
    """One connection. What is too large or too much is answered with 400, and hung up on."""

    lenient: ClassVar = {"lenient_data_after_close": True}
    """What the parser lets pass: requests that came behind one that asked to hang up, since that one is answered."""
    _head_bytes = _named_bytes = 0
    _in_head = True
    _is_over = False
    """Something could not be read: nothing after it is."""
    _declined = b""
    """The head that was just read, without its offer of another protocol."""
    _why = ""
    _in_hand: RequestResponseCycle | None = None
    _answer: _Joined | None = None
    """Of the request in hand."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._begin_to_parse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever works on a request is told, also of one that others came after."""
        if self._in_hand is not None and not self._in_hand.response_complete:
            self._in_hand.disconnected = True
            self._in_hand.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; give up a head that does not end."""
        if self._is_over:
            return
        self._unset_keepalive_if_required()
        if self._in_head:
            self._head_bytes += len(data)
        while data:
            try:
                self.parser.feed_data(data)
                data = b""
            except HttpParserUpgrade as offer:
                if self._should_upgrade():
                    self._upgrade()
                    return
                # the parser has taken the body for the other protocol: once more, as if that were not offered
                data, self._declined = self._declined + data[offer.args[0] :], b""
                self._begin_to_parse()
            except HttpParserError:
                self.logger.warning(_UNREADABLE)
                self.send_400_response(_UNREADABLE)
                return
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self.send_400_response(_TOO_LARGE)

    def _upgrade(self) -> None:
        # `cycle` is the newest request; there may be none yet, which the stubs do not know
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            # what is still to be answered would be written into the other protocol
            self.send_400_response("Another protocol begins once all before it is answered.")
        else:
            self.handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= MOST_PIPELINED:
            self.refuse("Too many requests wait on this connection.")
        self._named_bytes = 0
        super().on_message_begin()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._in_hand = cycle
        self._answer = _Joined(self.transport, self.loop)
        # of a transport an answer needs no more than that
        cycle.transport = cast("asyncio.Transport", self._answer)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """On to what came meanwhile."""
        self._flush()
        super().on_response_complete()

    def _flush(self) -> None:
        # before anything else is written: an answer without a body is all head
        if self._answer is not None:
            self._answer.flush()

    def on_url(self, url: bytes) -> None:
        """Keep the address, or a part of it."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; of a trailer only its size, since the head has been acted on."""
        self._count(len(name) + len(value) + len(": \r\n"))
        if self._in_head:
            # RFC 9110, section 5.5: blanks around it are not part of it; the parser leaves those after it
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """The body begins."""
        version, method = self.parser.get_http_version(), self.parser.get_method()
        if version not in _VERSIONS or method == b"CONNECT":
            self.refuse("HTTP/1.1 is spoken here, and nothing is passed on.")
        if self.parser.should_upgrade() and not self._should_upgrade():
            # RFC 9110, section 7.8: it may be left alone. Java's client offers HTTP/2 with each request, others TLS
            kept = [b"%s: %s\r\n" % one for one in self.headers if one[0] != b"upgrade"]
            self._declined = b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, version.encode(), b"".join(kept))
            return
        self._in_head = False
        # RFC 9110, section 10.1.1: older clients do not know what that would be
        self.expect_100_continue = self.expect_100_continue and version != "1.0"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._head_bytes = 0
        if not self._declined:
            self._in_head = True
            super().on_message_complete()

    def refuse(self, why: str) -> None:
        """Called by the parser: make it stop, which is answered with 400."""
        self._why = why
        raise ValueError(why)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read; after the answers to what came before it, which are all then."""
        self._is_over = True
        self._flush()
        self.drop_unfinished()
        # `cycle` is the newest request that could; there may be none yet, which the stubs do not know
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            # what is left unread as it ends would take the answers with it
            self.flow.resume_reading()
            return
        if cycle is not None and not cycle.response_complete:
            # of a body that cannot be read: whoever works on it is told that its sender is gone
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        super().send_400_response(self._why or msg)

    def drop_unfinished(self) -> None:
        """Forget the newest request, of which no more comes, where it waits for the answers of earlier ones."""
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
            before = self.pipeline[0][0] if self.pipeline else self._in_hand
            if before is not None:
                self.cycle = before

    def _begin_to_parse(self) -> None:
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(**self.lenient)

    def _count(self, head_bytes: int) -> None:
        """A head that comes whole at once is held to the same as one that comes in pieces."""
        self._named_bytes += head_bytes
        if self._named_bytes > MOST_HEAD_BYTES:
            self.refuse(_TOO_LARGE)

"""The node as a thing to start and stop: a database, a loopback port, a thread that serves it.

Connections that cost more than they are worth are ended: silent, slow, endless, too many.
"""

from __future__ import annotations

import importlib.util
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from freehold.bounded_head import BoundedHead
from freehold.chain import given_up
from freehold.chain.embedded.dispatcher import Dispatcher
from freehold.chain.embedded.edge import MOST_MESSAGE_BYTES, Application
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.origins import Origins
from freehold.chain.embedded.turns import Caller
from freehold.core.errors import Unavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable
    from pathlib import Path

MOST_CONNECTIONS = 256
"""Open at once; one more ends the one that has been idle longest, or that costs most where all are at work."""
MOST_HALF_CLOSED = 16
"""Clients that send no more and wait; one more ends the one that costs most. Most of them are gone."""
_IDLE_SECONDS = 1.0
"""A client that has just connected is about to ask."""
REQUEST_SECONDS = 30.0
"""A request is whole this long after its connection opened, or after its first byte."""
WRITE_SECONDS = 30.0
"""An answer makes progress this often."""


class BoundedHttp(BoundedHead):
    """HTTP/1.1 with an end to what it waits for and keeps, and answers for half-closed clients."""

    _is_whole = False
    _request_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; make room."""
        super().connection_made(transport)
        # whatever is left unsent is waited for, so that no answer is too small for the clock
        transport.set_write_buffer_limits(high=0)
        self.since = time.monotonic()
        self.caller = Caller(transport, lambda: self.loop.call_soon_threadsafe(transport.abort))
        # goes on in the scope of each request, also of a WebSocket
        self.app_state = {**self.app_state, "caller": self.caller}
        self._await_request()
        others = [one for one in self._open() if one is not self]
        if len(others) >= MOST_CONNECTIONS:
            _least_worth(others).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_waiting()
        if self._write_timer is not None:
            self._write_timer.cancel()
        super().connection_lost(exc)

    @property
    def is_answering(self) -> bool:
        """Whether a whole request waits for its answer."""
        # `cycle` is the newest request; there may be none yet, which the stubs do not know
        cycle: Any = self.cycle
        return self._is_whole and cycle is not None and not cycle.response_complete

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more; it may still read. True keeps the connection until its answer has left."""
        if not self.is_answering:
            return False
        self.cycle.keep_alive = False
        self.caller.is_half_closed = True
        alike = [one for one in self._open() if one.caller.is_half_closed]
        if len(alike) > MOST_HALF_CLOSED:
            max(alike, key=lambda one: one.caller.weight).transport.abort()
        return not self.transport.is_closing()

    def _open(self) -> list[BoundedHttp]:
        """All connections by HTTP that have not been ended."""
        found = [one for one in self.connections if isinstance(one, BoundedHttp)]
        return [one for one in found if not one.transport.is_closing()]

    def handle_websocket_upgrade(self) -> None:
        """Another protocol goes on here."""
        self._stop_waiting()
        super().handle_websocket_upgrade()
        made: Any = self.transport.get_protocol()
        if not made.handshake_initiated and not self.transport.is_closing():
            # one with a body: uvicorn would say nothing, and wait for ever
            self.send_400_response("The request is no WebSocket handshake.")

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read; while earlier requests wait for their answers, nothing more is awaited."""
        super().send_400_response(msg)
        if not self.transport.is_closing():
            self._is_whole = True
            self._stop_waiting()

    # -- what the parser tells

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_whole = False
        self._await_request()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._is_whole = True
        self.since = time.monotonic()
        self._stop_waiting()
        super().on_message_complete()

    # -- clocks

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _await_request(self) -> None:
        if self._request_timer is None:
            self._request_timer = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _give_up(self) -> None:
        self._request_timer = None
        if self.pipeline:
            # nothing is read of it while earlier ones are answered
            self._await_request()
        else:
            self.transport.abort()


def _least_worth(others: list[BoundedHttp]) -> BoundedHttp:
    """The one to end for a newcomer."""
    long_ago = time.monotonic() - _IDLE_SECONDS
    at_work = [one for one in others if one.is_answering]
    idle = [one for one in others if not one.is_answering]
    idle_long = [one for one in idle if one.since < long_ago]
    if idle_long or not at_work:
        return min(idle_long or idle, key=lambda one: one.since)
    return max(at_work, key=lambda one: one.caller.weight)


class EmbeddedNode:
    """The chain in a directory, served from a thread of this process.

    `with EmbeddedNode(path) as node: Rpc(node.url)`. Raises `Conflict` when another process holds
    the directory or its files are damaged, and `Unavailable` when the port is taken. Web pages may ask
    only from `allow_origins`.
    """

    def __init__(self, home: Path, port: int = 0, *, allow_origins: Iterable[str] = ()) -> None:
        self._origins = Origins(allow_origins)
        self._home = home
        self._port = port
        self.url = ""
        """Where it listens, once started."""
        self._ledger: Ledger | None = None
        self._application: Application | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Open the database, listen, and return when requests are answered."""
        listener = _listen(self._port)
        try:
            self._ledger = Ledger(self._home)
            self._application = Application(self._ledger, Dispatcher(self._ledger), self._origins)
        except BaseException:
            listener.close()
            raise
        config = uvicorn.Config(
            self._application,
            lifespan="off",
            ws=_web_socket(),
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            http=BoundedHttp,
            loop="auto",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        given_up.unsaid()
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="freehold-chain", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise Unavailable("the local chain did not start", hint="see the log above")
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return self

    def stop(self) -> None:
        """Finish the requests in hand, then close the database. Safe to call twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=10)
        self._server = self._thread = None
        if self._application is not None:
            self._application.close()
        self._application = None
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _web_socket() -> Any:
    """What serves WebSockets, or that nothing does."""
    if importlib.util.find_spec("websockets") is None:
        return "none"
    from freehold.chain.embedded.bounded_socket import BoundedSocket  # noqa: PLC0415 - imports websockets

    class Socket(BoundedSocket):
        def patience(self) -> tuple[float, float]:
            return REQUEST_SECONDS, WRITE_SECONDS

    return Socket


def _listen(port: int) -> socket.socket:
    # named protocol: asyncio turns Nagle's delay (40 ms an answer) off only for sockets that say TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise Unavailable(
            f"port {port} of 127.0.0.1 cannot be used: {error}",
            hint="choose another --port; 0 takes a free one",
        ) from error
    return listener

"""HTTP and WebSocket in front of the dispatcher, as an ASGI application without a framework."""

from __future__ import annotations

import _thread
import asyncio
import threading
from collections import Counter
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded import genesis
from freehold.chain.embedded.dispatcher import read, size_read
from freehold.chain.embedded.faults import LIMIT, Fault
from freehold.chain.embedded.heads import Heads
from freehold.chain.embedded.origins import Origins, granted
from freehold.chain.embedded.turns import Memory
from freehold.core.told import held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    from freehold.chain.embedded.dispatcher import Dispatcher
    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.origins import Headers
    from freehold.chain.embedded.sockets import Local
    from freehold.chain.embedded.turns import Caller

    Scope = MutableMapping[str, Any]

_MOST_THREADS = 1_024
"""More than there are requests at once, of all connections: who waits, waits for a turn, not for a thread."""


class Threads:
    """Runs functions for an event loop, in as many threads as there are requests at once.

    `concurrent.futures` has the event loop wait until a new thread has run, which takes tens of milliseconds each
    while calls compute: hundreds of requests at once would stop the loop for seconds.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running = self._free = 0

    async def run(self, function: Callable[..., Any], *given: Any) -> Any:
        """What the function returns or raises."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Any] = loop.create_future()

        def settle(is_failure: bool, found: Any) -> None:
            if not told.done():
                (told.set_exception if is_failure else told.set_result)(found)

        def work() -> None:
            try:
                outcome = False, function(*given)
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                outcome = True, held(error)
            # the loop may have ended
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, *outcome)

        with self._lock:
            self._free -= 1
            is_short = self._free < 0 and self._running < _MOST_THREADS
            if is_short:
                self._running += 1
                self._free += 1
        self._work.put(work)
        if is_short:
            _thread.start_new_thread(self._serve, ())
        return await told

    def close(self) -> None:
        """Let the threads go once they have done what they do."""
        with self._lock:
            for _ in range(self._running):
                self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work
            with self._lock:
                self._free += 1


MOST_BODY_BYTES = 16 * 1024 * 1024
MOST_MESSAGE_BYTES = 4 * 1024 * 1024
"""Of a WebSocket."""
_MOST_SOCKETS, _MOST_SOCKETS_OF_ONE = 64, 8
"""WebSockets open at once, of all and of one origin; one more ends the one that asked longest ago."""
_MOST_OF_ONE = 4
"""Requests of one origin that may take long and are not answered yet."""
_PIECE_BYTES = 256 * 1024
_BRIEF_BYTES = 16 * 1024
"""A body that is parsed at once, as a thread would cost more."""
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_ALLOW = (b"allow", b"GET, HEAD, POST, OPTIONS")


class Application:
    """What uvicorn runs: one path, POST and WebSocket."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher, origins: Origins | None = None) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._origins = origins or Origins()
        self._threads = Threads()
        self._memory = Memory()
        self._heads = Heads(ledger)
        self._local: Local = {"freehold_headsFirst": lambda: self._heads.address}
        """Methods that are the server's, by any connection."""
        self._waiting: Counter[bytes] = Counter()
        self._sockets: dict[Caller, bytes] = {}
        """Origins of the open WebSockets."""

    async def __call__(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """Serve one request or one connection (ASGI 3)."""

        async def sent(message: Any) -> None:
            await self._heads.come_first()
            await send(message)

        if scope["type"] == "http":
            await self._request(scope, receive, sent)
        elif scope["type"] == "websocket":
            await self._connection(scope, receive, sent)

    def close(self) -> None:
        """Let the threads go; the server has ended."""
        self._threads.close()
        self._heads.close()

    # -- inside

    async def _request(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        headers: Headers = dict(scope["headers"])
        refusal = self._origins.refusal(headers)
        if refusal is not None:
            return await _answer(send, *refusal)
        allowed = granted(headers)
        told = self._unasked(scope, headers)
        if told is not None:
            return await _answer(send, *told, [_TEXT, _ALLOW, *allowed])
        caller = self._caller(scope)
        try:
            body = await _bounded_body(receive, caller.hold)
            if isinstance(body, int):
                reason = b"the request is too large\n" if body == 413 else b"too much at once; try again\n"
                return await _answer(send, body, reason, allowed)
            answer = await self._answered(body, headers, caller, len(body))
            return await _answer_in_pieces(send, 200, answer, [_JSON, *allowed])
        finally:
            caller.release()

    def _unasked(self, scope: Scope, headers: Headers) -> tuple[int, bytes] | None:
        """What is said to who does not ask by JSON-RPC: a browser, a monitor, a client of something else."""
        if scope["path"] != "/":
            return 404, b"there is one path: /\n"
        if scope["method"] == "OPTIONS":
            return 204, b""
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            return 415, b"send the request as it is, not compressed: no content-encoding\n"
        if scope["method"] not in ("GET", "HEAD"):
            return None if scope["method"] == "POST" else (405, b"POST a JSON-RPC request\n")
        if headers.get(b"upgrade", b"").lower() == b"websocket":
            return 501, b"WebSocket needs the Python package websockets, which is not installed here\n"
        told = (
            f"This is a local Ethereum chain of Freehold: chain id {genesis.CHAIN_ID}, block"
            f" {self._ledger.head.block_number}. Programs ask it by JSON-RPC: POST to this address, or WebSocket.\n"
        )
        return 200, told.encode()

    async def _connection(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        headers: Headers = dict(scope["headers"])
        own = headers.get(b"origin", b"")
        if scope["path"] != "/" or self._origins.refusal(headers) is not None:
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        from starlette.websockets import WebSocket  # noqa: PLC0415 - most clients ask by HTTP

        from freehold.chain.embedded.sockets import Connection  # noqa: PLC0415

        caller = self._caller(scope)
        self._make_room(own)
        self._sockets[caller] = own
        try:
            connection = Connection(
                WebSocket(scope, receive, send), self._heads, self._dispatcher.methods, caller
            )
            await connection.serve(
                lambda body, local: self._answered(body, headers, caller, 0, local), self._threads.run
            )
        finally:
            self._sockets.pop(caller, None)
            caller.release()

    def _make_room(self, own: bytes) -> None:
        """End a WebSocket where one more would be too many, of this origin or of all."""
        alike = [one for one, origin in self._sockets.items() if own and origin == own]
        if len(alike) < _MOST_SOCKETS_OF_ONE:
            alike = list(self._sockets) if len(self._sockets) >= _MOST_SOCKETS else []
        if alike:
            idle = min(alike, key=lambda one: one.asked_at)
            del self._sockets[idle]
            idle.end()

    def _caller(self, scope: Scope) -> Caller:
        caller: Caller = scope["state"]["caller"]
        caller.memory = self._memory
        return caller

    async def _answered(
        self, body: bytes, headers: Headers, caller: Caller, counted: int, local: Local | None = None
    ) -> list[bytes]:
        """The answer to a body, of which so many bytes are counted already, computed where it keeps nobody from being heard."""
        caller.begin()
        local = self._local | (local or {})
        if not caller.hold(size_read(body) + len(body) - counted):
            return self._refused("too much at once; try again", caller)
        request = (
            read(body)
            if len(body) <= _BRIEF_BYTES
            else await self._threads.run(self._dispatcher.read, body, caller)
        )
        told = self._dispatcher.at_once(request, caller, local)
        if told is not None:
            return told
        caller.is_long = self._dispatcher.is_long(request)
        own = headers.get(b"origin", b"") if caller.is_long else b""
        if own and self._waiting[own] >= _MOST_OF_ONE:
            return self._refused("too many calls at once; try again", caller)
        self._waiting[own] += 1
        try:
            answer: list[bytes] = await self._threads.run(self._dispatcher.answer, request, caller, local)
            return answer
        finally:
            self._waiting[own] -= 1

    def _refused(self, why: str, caller: Caller) -> list[bytes]:
        return self._dispatcher.answer(Fault(LIMIT, why), caller)


async def _answer(
    send: Callable[[Any], Any], status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    await _answer_in_pieces(send, status, [body], [_TEXT] if headers is None else headers)


async def _answer_in_pieces(
    send: Callable[[Any], Any], status: int, pieces: list[bytes], headers: list[tuple[bytes, bytes]]
) -> None:
    size = sum(map(len, pieces))
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-length", b"%d" % size), *headers],
        }
    )
    # each waits until the one before has left: what is not read stays counted
    for piece in _regrouped(pieces):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _regrouped(pieces: list[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are neither many nor large."""
    waiting = bytearray()
    for piece in pieces:
        for at in range(0, len(piece), _PIECE_BYTES):
            part = piece[at : at + _PIECE_BYTES]
            if len(part) == _PIECE_BYTES and not waiting:
                yield part
                continue
            waiting += part
            if len(waiting) >= _PIECE_BYTES:
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _bounded_body(receive: Callable[[], Any], hold: Callable[[int], bool]) -> bytes | int:
    """The body, or the status to refuse it with; its sender may be gone by then."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        piece = message.get("body", b"")
        body += piece
        if len(body) > MOST_BODY_BYTES or message["type"] == "http.disconnect":
            return 413
        if not hold(len(piece)):
            return 503
        more = message.get("more_body", False)
    return bytes(body)

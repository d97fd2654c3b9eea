"""HTTP and WebSocket in front of the dispatcher, as an ASGI application without a framework."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.dispatcher import is_long, read
from freehold.chain.embedded.faults import LIMIT, Fault
from freehold.chain.embedded.origins import Origins, granted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    from freehold.chain.embedded.dispatcher import Dispatcher
    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.origins import Headers
    from freehold.chain.embedded.sockets import Local

    Scope = MutableMapping[str, Any]

MOST_BODY_BYTES = 16 * 1024 * 1024
MOST_MESSAGE_BYTES = 4 * 1024 * 1024
"""Of a WebSocket."""
_MOST_HELD_BYTES = 128 * 1024 * 1024
"""Bodies and answers of all connections together."""
_MOST_SOCKETS, _MOST_SOCKETS_OF_ONE = 64, 8
"""WebSockets open at once, of all and of one origin."""
_MOST_WAITING, _MOST_OF_ONE = 256, 4
"""Requests that may take long and are not answered yet, of all and of one origin."""
_PIECE_BYTES = 256 * 1024
_BRIEF_BYTES = 16 * 1024
"""A body that is parsed at once, as a thread would cost more."""
_THREADS, _LONG_THREADS = 64, 24
"""Senders wait behind a running block; more threads let more of them share the next one."""
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class Application:
    """What uvicorn runs: one path, POST and WebSocket."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher, origins: Origins | None = None) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._origins = origins or Origins()
        self._threads = ThreadPoolExecutor(_THREADS, "freehold-chain")
        self._long_threads = ThreadPoolExecutor(_LONG_THREADS, "freehold-calls")
        self._held_bytes = 0
        self._waiting: Counter[bytes] = Counter()
        self._sockets: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """Serve one request or one connection (ASGI 3)."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connection(scope, receive, send)

    def close(self) -> None:
        """Let the threads go; the server has ended."""
        for threads in (self._threads, self._long_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    # -- inside

    async def _request(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        headers: Headers = dict(scope["headers"])
        refusal = self._origins.refusal(headers)
        if refusal is not None:
            return await _answer(send, *refusal)
        if scope["path"] != "/":
            return await _answer(send, 404, b"there is one path: /\n")
        if scope["method"] not in ("POST", "OPTIONS"):
            return await _answer(send, 405, b"POST a JSON-RPC request\n", [(b"allow", b"POST, OPTIONS")])
        allowed = granted(headers)
        if scope["method"] == "OPTIONS":
            return await _answer(send, 204, b"", allowed)
        with self._holding() as hold:
            body = await _bounded_body(receive, hold)
            if isinstance(body, int):
                reason = b"the request is too large\n" if body == 413 else b"too much at once; try again\n"
                return await _answer(send, body, reason, allowed)
            answer = await self._answered(body, headers)
            hold(len(answer))
            return await _answer(send, 200, answer, [_JSON, *allowed])

    async def _connection(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        headers: Headers = dict(scope["headers"])
        own = headers.get(b"origin", b"")
        full = self._sockets.total() >= _MOST_SOCKETS or (own and self._sockets[own] >= _MOST_SOCKETS_OF_ONE)
        if scope["path"] != "/" or self._origins.refusal(headers) is not None or full:
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        from starlette.websockets import WebSocket  # noqa: PLC0415 - most clients ask by HTTP

        from freehold.chain.embedded.sockets import Connection  # noqa: PLC0415

        async def answered(body: bytes, local: Local) -> bytes:
            with self._holding() as hold:
                if not hold(len(body)):
                    return self._dispatcher.answer(Fault(LIMIT, "too much at once; try again"))
                return await self._answered(body, headers, local)

        self._sockets[own] += 1
        try:
            connection = Connection(WebSocket(scope, receive, send), self._ledger, self._dispatcher.methods)
            await connection.serve(answered, self._in_long_thread)
        finally:
            self._sockets[own] -= 1

    async def _answered(self, body: bytes, headers: Headers, local: Local | None = None) -> bytes:
        """The answer to a body, computed where it keeps nobody from being heard."""
        request = read(body) if len(body) <= _BRIEF_BYTES else await self._in_thread(read, body)
        if not is_long(request):
            found: bytes = await self._in_thread(self._dispatcher.answer, request, local)
            return found
        own = headers.get(b"origin", b"")
        if self._waiting.total() >= _MOST_WAITING or (own and self._waiting[own] >= _MOST_OF_ONE):
            return self._dispatcher.answer(Fault(LIMIT, "too many calls at once; try again"))
        self._waiting[own] += 1
        try:
            answer: bytes = await self._in_long_thread(self._dispatcher.answer, request, local)
            return answer
        finally:
            self._waiting[own] -= 1

    async def _in_thread(self, function: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)

    async def _in_long_thread(self, function: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._long_threads, function, *given)

    @contextmanager
    def _holding(self) -> Iterator[Callable[[int], bool]]:
        """A count of the bytes that one request keeps in memory; False when all keep too many."""
        own = 0

        def hold(size: int) -> bool:
            nonlocal own
            own += size
            self._held_bytes += size
            return self._held_bytes <= _MOST_HELD_BYTES

        try:
            yield hold
        finally:
            self._held_bytes -= own


async def _answer(
    send: Callable[[Any], Any], status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    told = [(b"content-length", b"%d" % len(body)), *([_TEXT] if headers is None else headers)]
    await send({"type": "http.response.start", "status": status, "headers": told})
    # in pieces, each of which waits until the one before has left: what is not read stays counted
    for at in range(0, len(body), _PIECE_BYTES):
        more = at + _PIECE_BYTES < len(body)
        await send({"type": "http.response.body", "body": body[at : at + _PIECE_BYTES], "more_body": more})
    if not body:
        await send({"type": "http.response.body", "body": b""})


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

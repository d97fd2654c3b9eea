"""HTTP and WebSocket in front of the dispatcher, as an ASGI application without a framework.

The node signs for nobody, but it moves a clock and gives out ether, so a web page must not reach it
by DNS rebinding or by a form: `Host` and, where a browser sends one, `Origin` have to be loopback.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from freehold.chain.embedded.dispatcher import Dispatcher
    from freehold.chain.embedded.ledger import Ledger

    Scope = MutableMapping[str, Any]
    Headers = dict[bytes, bytes]

MOST_BODY_BYTES = 16 * 1024 * 1024
MOST_HEAD_BYTES = 64 * 1024
_THREADS = 64
"""Senders wait behind a running block; more threads let more of them share the next one."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with a limit for a request's head, for which its parser has none."""

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        """Parse; give up a head that does not end."""
        self._head_bytes += len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._named_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer."""
        self._named_bytes += len(name) + len(value) + len(": \r\n")
        if self._named_bytes > MOST_HEAD_BYTES:
            raise ValueError("too many headers")  # makes the parser stop: 400
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body begins."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()


class Application:
    """What uvicorn runs: one path, POST and WebSocket."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._threads = ThreadPoolExecutor(_THREADS, "freehold-chain")

    async def __call__(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """Serve one request or one connection (ASGI 3)."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connection(scope, receive, send)

    def close(self) -> None:
        """Let the threads go; the server has ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- inside

    async def _request(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        headers: Headers = dict(scope["headers"])
        if not _is_local(headers):
            return await _answer(send, 403, b"this chain answers to loopback names only\n")
        if scope["path"] != "/":
            return await _answer(send, 404, b"there is one path: /\n")
        if scope["method"] not in ("POST", "OPTIONS"):
            return await _answer(send, 405, b"POST a JSON-RPC request\n", [(b"allow", b"POST, OPTIONS")])
        allowed = _cross_origin(headers)
        if scope["method"] == "OPTIONS":
            return await _answer(send, 204, b"", allowed)
        body = await _bounded_body(receive)
        if body is None:
            return await _answer(send, 413, b"the request is too large\n", allowed)
        return await _answer(
            send, 200, await self._in_thread(self._dispatcher.answer, body), [_JSON, *allowed]
        )

    async def _connection(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["path"] != "/" or not _is_local(dict(scope["headers"])):
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        from starlette.websockets import WebSocket  # noqa: PLC0415 - most clients ask by HTTP

        from freehold.chain.embedded.sockets import Connection  # noqa: PLC0415

        socket = WebSocket(scope, receive, send)
        connection = Connection(socket, self._ledger, self._dispatcher.methods.logs)
        await connection.serve(self._dispatcher.answer, self._in_thread)

    async def _in_thread(self, function: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)


async def _answer(
    send: Callable[[Any], Any], status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    told = [(b"content-length", b"%d" % len(body)), *([_TEXT] if headers is None else headers)]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})


async def _bounded_body(receive: Callable[[], Any]) -> bytes | None:
    """The body; None when it is too large, or its sender went away."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES or message["type"] == "http.disconnect":
            return None
        more = message.get("more_body", False)
    return bytes(body)


def _is_local(headers: Headers) -> bool:
    origin = headers.get(b"origin")
    return _names_loopback(b"//" + headers.get(b"host", b"")) and (origin is None or _names_loopback(origin))


def _names_loopback(url: bytes) -> bool:
    try:
        return urlsplit(url.decode("latin-1")).hostname in _LOOPBACK
    except ValueError:
        return False


def _cross_origin(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Let pages served from loopback (a console, a wallet under test) read the answers."""
    origin = headers.get(b"origin")
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type"),
        (b"vary", b"Origin"),
    ]

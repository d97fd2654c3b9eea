"""JSON-RPC over HTTP and WebSocket on the loopback interface.

The node signs for nobody, but it moves a clock and gives out ether, so a web page must not reach it
by DNS rebinding or by a form: `Host` and, where a browser sends one, `Origin` have to be loopback.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import uvicorn
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from freehold.chain.embedded.faults import INTERNAL, INVALID_REQUEST, PARSE, Fault
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import SEND, Methods
from freehold.chain.embedded.sockets import Connection, Local
from freehold.core.canonical import InvalidJson, require_shallow
from freehold.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import HTTPConnection, Request
    from starlette.websockets import WebSocket

    from freehold.chain.embedded.pool import Ticket

log = logging.getLogger("freehold.chain")

MOST_BODY_BYTES = 16 * 1024 * 1024
MOST_BATCH = 1_000
_MOST_NESTED = 64
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Dispatcher:
    """Turns a request body into a response body."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.methods = Methods(ledger)

    def answer(self, body: bytes, local: Local | None = None) -> bytes:
        """The JSON answer to a single request or a batch; empty when nothing wants one.

        `local` are methods of the connection the request came by.
        """
        try:
            require_shallow(body, _MOST_NESTED)
            request = json.loads(body)
        except (InvalidJson, ValueError):
            return _encode(_failure(None, Fault(PARSE, "the body is not JSON")))
        if not isinstance(request, list):
            one = self._one(request, None, local)
            return b"" if one is None else _encode(one)
        if not 0 < len(request) <= MOST_BATCH:
            return _encode(
                _failure(None, Fault(INVALID_REQUEST, f"a batch holds 1 to {MOST_BATCH} requests"))
            )
        tickets = [self._offered(each) for each in request]
        answers = [self._one(each, ticket, local) for each, ticket in zip(request, tickets, strict=True)]
        told = [each for each in answers if each is not None]
        return _encode(told) if told else b""

    def _offered(self, request: Any) -> Ticket | Fault | None:
        """Put a batch's transactions in line before the first one is mined, so that they share a block."""
        if not isinstance(request, dict) or request.get("method") != SEND:
            return None
        parameters = request.get("params")
        if not isinstance(parameters, list) or len(parameters) != 1 or not isinstance(parameters[0], str):
            return None
        try:
            return self._ledger.offer(bytes.fromhex(parameters[0].removeprefix("0x")))
        except Fault as fault:
            return fault
        except ValueError:
            return None

    def _one(
        self, request: Any, offered: Ticket | Fault | None, local: Local | None
    ) -> dict[str, Any] | None:
        identifier = request.get("id") if isinstance(request, dict) else None
        if isinstance(identifier, (dict, list)):
            identifier = None
        try:
            result = self._result(request, offered, local)
        except Fault as fault:
            answer = _failure(identifier, fault)
        except Exception as error:
            log.exception("a request failed")
            answer = _failure(identifier, Fault(INTERNAL, f"internal error: {type(error).__name__}"))
        else:
            answer = {"jsonrpc": "2.0", "id": identifier, "result": result}
        return answer if not isinstance(request, dict) or "id" in request else None

    def _result(self, request: Any, offered: Ticket | Fault | None, local: Local | None) -> Any:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            raise Fault(INVALID_REQUEST, "a request is an object with a method")
        if isinstance(offered, Fault):
            raise offered
        if offered is not None:
            return "0x" + self._ledger.settle(offered).hex()
        parameters = request.get("params", [])
        if parameters is None:
            parameters = []
        if not isinstance(parameters, list):
            raise Fault(INVALID_REQUEST, "params must be a list")
        return self.methods.call(request["method"], parameters, local)


def application(ledger: Ledger) -> Starlette:
    """The ASGI application over a ledger."""
    dispatcher = Dispatcher(ledger)
    # senders wait behind a running block; more threads let more of them share the next one
    limiter: list[CapacityLimiter] = []

    async def in_thread(function: Callable[..., Any], *given: Any) -> Any:
        if not limiter:
            limiter.append(CapacityLimiter(64))
        return await to_thread.run_sync(function, *given, limiter=limiter[0])

    async def rpc(request: Request) -> Response:
        if not _is_local(request):
            return Response("this chain answers to loopback names only\n", status_code=403)
        allowed = _cross_origin(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allowed)
        body = await _bounded_body(request)
        if body is None:
            return Response("the request is too large\n", status_code=413, headers=allowed)
        answer = await in_thread(dispatcher.answer, body)
        return Response(answer, status_code=200, media_type="application/json", headers=allowed)

    async def live(socket: WebSocket) -> None:
        if not _is_local(socket):
            await socket.close()
            return
        await Connection(socket, ledger, dispatcher.methods.logs).serve(dispatcher.answer, in_thread)

    return Starlette(routes=[Route("/", rpc, methods=["POST", "OPTIONS"]), WebSocketRoute("/", live)])


class EmbeddedNode:
    """The chain in a directory, served from a thread of this process.

    `with EmbeddedNode(path) as node: Rpc(node.url)`. Raises `Conflict` when another process holds
    the directory and `Unavailable` when the port is taken.
    """

    def __init__(self, home: Path, port: int = 0) -> None:
        self._home = home
        self._port = port
        self.url = ""
        """Where it listens, once started."""
        self._ledger: Ledger | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Open the database, listen, and return when requests are answered."""
        listener = _listen(self._port)
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._ledger = Ledger(self._home / "chain.sqlite")
        except BaseException:
            listener.close()
            raise
        config = uvicorn.Config(
            application(self._ledger),
            lifespan="off",
            ws="websockets-sansio" if importlib.util.find_spec("websockets") else "none",
            ws_max_size=MOST_BODY_BYTES,
            http="h11",
            loop="asyncio",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
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
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = None

    def wait(self) -> None:
        """Return when the server has ended."""
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


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


def _is_local(request: HTTPConnection) -> bool:
    host = urlsplit("//" + request.headers.get("host", "")).hostname
    origin = request.headers.get("origin")
    return host in _LOOPBACK and (origin is None or urlsplit(origin).hostname in _LOOPBACK)


def _cross_origin(request: Request) -> dict[str, str]:
    """Let pages served from loopback (a console, a wallet under test) read the answers."""
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type",
        "Vary": "Origin",
    }


async def _bounded_body(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            return None
    return bytes(body)


def _failure(identifier: Any, fault: Fault) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "error": fault.body()}


def _encode(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()

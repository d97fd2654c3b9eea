"""What every request passes before a page or route sees it: limits on the way in, a count and a log line after.

Whether the owner asks is read from the head: the API token, or the session of a console. The owner has
room, threads and turns of its own. A stranger's body must declare its length and is read whole within a
time that follows from its size, so that routes and pages meet neither a slow sender nor a flood of chunks.
What is refused here costs this node next to nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import ExitStack
from typing import Any

import anyio.to_thread
from starlette.types import Message, Receive, Scope, Send

from freehold.core.canonical import require_bounded
from freehold.core.errors import FreeholdError, InvalidInput, NotAllowed
from freehold.kernel import faults
from freehold.kernel.door import NodeRoom, at_console, problem
from freehold.kernel.http.bodies import (
    UNPROVEN_BODY_BYTES,
    Arrival,
    Gone,
    declared_length,
    is_heavy,
    most_bytes,
)
from freehold.kernel.http.connections import Connection, Connections
from freehold.kernel.limits import (
    BodyRoom,
    Buckets,
    Busy,
    Caller,
    RateLimited,
    Turns,
    caller_behind,
    is_trusted,
)
from freehold.kernel.naming import Hosts
from freehold.kernel.settings import Settings
from freehold.kernel.tally import RequestsLog, Tally

MAX_HEADERS = 100
_MEBIBYTE = 1024 * 1024
_ROOM_BYTES, _ROOM_FOR_ONE_BYTES, _OWN_ROOM_BYTES = 256 * _MEBIBYTE, 64 * _MEBIBYTE, 128 * _MEBIBYTE
_AT_ONCE = {"read": 12, "act": 16, "watch": 2, "enter": 4}
"""Strangers' requests that are worked on at the same time, each in a thread: to look, to ask for something,
to see whether this node is well, and at the console's door. Heavy ones are a setting."""
OWNER_THREADS = 16
"""Threads on top of those that strangers can have in use."""
_WATCH = ("/healthz", "/readyz", "/metrics")
_WAITING, _WAIT_SECONDS = 64, 20.0
_SCHEMES = (b"http", b"https")
_log = logging.getLogger("freehold.http")


class TooManyHeaders(InvalidInput, code="http.headers", http_status=431):
    """A request has more header fields than any needs."""


class Unauthorised(NotAllowed, code="api.token", http_status=401):
    """The request does not carry this node's API token."""


class Gate:
    """ASGI middleware over all that a node serves."""

    def __init__(
        self, inside: NodeRoom, settings: Settings, tally: Tally, connections: Connections | None = None
    ) -> None:
        self._inside, self._tally = inside, tally
        self._connections = connections or Connections(settings, tally)
        self._proxies, self._hosts = settings.trusted_proxies, Hosts(settings)
        self._buckets = Buckets(settings.address_requests_per_minute)
        self._said = RequestsLog()
        self._room = BodyRoom(_ROOM_BYTES, _ROOM_FOR_ONE_BYTES)
        self._own_room = BodyRoom(_OWN_ROOM_BYTES, _OWN_ROOM_BYTES)
        at_once = {**_AT_ONCE, "heavy": settings.heavy_requests_at_once}
        self._turns = {
            kind: Turns(most, waiting=_WAITING, seconds=_WAIT_SECONDS) for kind, most in at_once.items()
        }
        self._threads = sum(at_once.values()) + OWNER_THREADS
        self._limited: asyncio.AbstractEventLoop | None = None
        """Whose threads are bounded so."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            return
        if self._limited is not (loop := asyncio.get_running_loop()):
            # what strangers have in use at most is what their turns add up to
            self._limited = loop
            anyio.to_thread.current_default_thread_limiter().total_tokens = self._threads
        passage = _Passage(scope, send, self._proxies)
        try:
            await self._pass(scope, receive, passage)
        except FreeholdError as error:
            if isinstance(error, RateLimited | Busy):
                self._tally.refusal("address" if isinstance(error, RateLimited) else "busy")
            await passage.refuse(error, receive)
        except Gone:
            passage.status = passage.status or 499
        except asyncio.CancelledError:
            # a stop gives up what is under way
            await passage.refuse(faults.stopping(), receive)
            raise
        except Exception:
            # the application has answered 500 and logged why; uvicorn would log it once more
            if not passage.status:
                raise
        finally:
            if not at_console(scope["path"]):
                self._record(scope, passage)

    async def _pass(self, scope: Scope, receive: Receive, passage: _Passage) -> None:
        if len(scope["headers"]) > MAX_HEADERS:
            raise TooManyHeaders(
                f"too many header fields: {len(scope['headers']):,}", hint=f"At most {MAX_HEADERS}."
            )
        owner, caller = self._inside.knows(scope), passage.caller
        passage.owner = owner
        if not owner and not caller.near:
            self._buckets.require(caller.name)
        self._connections.serve(passage.connection, caller, owner=owner)
        path, given = scope["path"], dict(scope["headers"])
        if not at_console(path):
            # which has rules of its own
            self._hosts.require(scope)
        if path.startswith("/api/") and not owner:
            # before a body is read: the framework would parse it before it asks for the token
            raise Unauthorised("this needs the node's API token", hint="It lies in HOME/api-token.")
        if at_console(path) and owner:
            # its forms and files are bounded while they arrive
            await self._inside(scope, receive, passage.send)
            return
        length = declared_length(given, most_bytes(scope["method"], path))
        if not owner and length > UNPROVEN_BODY_BYTES:
            with await self._turns["act"].take(caller.queue):
                await anyio.to_thread.run_sync(self._inside.vouch, scope)
        await self._answer(scope, receive, passage, length, owner=owner)

    async def _answer(
        self, scope: Scope, receive: Receive, passage: _Passage, length: int, *, owner: bool
    ) -> None:
        arrival = Arrival(self._own_room if owner else self._room, passage.caller.name, length)
        try:
            async with arrival.unfinished():
                passage.waits_for_body(bool(length))
                body = await arrival.read(receive)
                passage.waits_for_body(False)
                if scope["path"].startswith("/api/"):
                    # the framework's parser is recursive; other routes parse for themselves
                    require_bounded(body, None)
                turn = None if owner else await self._turns[_kind(scope)].take(passage.caller.queue)
            with turn or ExitStack() as passage.turn:
                await self._inside(scope, _replay(body, receive), passage.send)
        finally:
            arrival.close()

    def _record(self, scope: Scope, passage: _Passage) -> None:
        seconds = time.perf_counter() - passage.began
        route = str(getattr(scope.get("route"), "path", "")) or "other"
        method, status = scope["method"], passage.status or 500
        self._tally.request(method, route, status, seconds)
        level = logging.INFO
        if status >= 500:
            level = logging.WARNING
        elif status == 429 or (method in ("GET", "HEAD") and status < 400):
            level = logging.DEBUG
        if _log.isEnabledFor(level):
            state = scope.get("state", {})
            # a path that no route knows is the sender's text
            fields = {
                "method": method if method.isalpha() else "other",
                "path": scope["path"][:200] if passage.owner else route,
                "status": status,
                "seconds": round(seconds, 4),
                "address": passage.caller.address,
                "peer": state.get("peer"),
                "request": passage.id,
            }
            partner = str(state.get("partner", ""))
            self._said.tell(level, fields, owner=passage.owner, partner=partner)


class _Passage:
    """One request on its way: who asks, and what it was answered."""

    def __init__(self, scope: Scope, send: Send, proxies: tuple[str, ...]) -> None:
        self.began, self.id = time.perf_counter(), secrets.token_hex(8)
        self.connection: Connection | None = scope.get("state", {}).get("connection")
        self.caller = _identify(scope, proxies)
        self.status = 0
        self.turn: ExitStack | None = None
        self.owner = False
        self._scope, self._send = scope, send

    def waits_for_body(self, waits: bool) -> None:
        """Whether the caller is to go on."""
        if self.connection:
            self.connection.phase = "body" if waits else "work"

    async def send(self, message: Message) -> None:
        """Pass a message on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.turn:
                # the work is done; who does not take the answer holds up nobody else's
                self.turn.close()
            fixed = [(b"x-request-id", self.id.encode()), (b"x-content-type-options", b"nosniff")]
            said = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in fixed if name not in said]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await self._send(message)

    async def refuse(self, error: FreeholdError, receive: Receive) -> None:
        """Answer with problem details and hang up: the rest of a body may still be on its way."""
        if not self.status:
            await problem(error, connection="close")(self._scope, receive, self.send)


def _identify(scope: Scope, proxies: tuple[str, ...]) -> Caller:
    """Who asks; from here on the scope names the caller instead of a proxy, and the scheme it used."""
    peer = str((scope.get("client") or ("",))[0])
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    caller = caller_behind(peer, lines, proxies)
    if caller.address != peer:
        scope["client"] = (caller.address, 0)
    if is_trusted(peer, proxies):
        schemes = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
        if len(schemes) == 1 and schemes[0] in _SCHEMES:
            scope["scheme"] = schemes[0].decode()
    return caller


def _kind(scope: Scope) -> str:
    """In which line a stranger's request waits."""
    path = scope["path"]
    if at_console(path):
        return "enter"
    if path in _WATCH:
        return "watch"
    if scope["method"] != "POST":
        return "read"
    return "heavy" if is_heavy(path) else "act"


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> dict[str, Any]:
        nonlocal told
        if not told:
            told = True
            return {"type": "http.request", "body": body, "more_body": False}
        return dict(await receive())

    return again

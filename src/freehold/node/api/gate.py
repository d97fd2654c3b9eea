"""What every request passes before a route sees it: limits on the way in, a count and a log line after.

A body must declare its length and is read whole within a time that follows from its size, so that routes
meet neither a slow sender nor a flood of chunks. What is refused here costs this node next to nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from freehold.core.canonical import require_shallow
from freehold.core.errors import FreeholdError, InvalidInput, NotAllowed
from freehold.node.limits import BodyRoom, Buckets, Busy, RateLimited, Turns, caller_of, is_trusted
from freehold.node.settings import Settings
from freehold.node.tally import Tally

MAX_BODY_BYTES = 32 * 1024 * 1024
SMALL_BODY_BYTES = 1024 * 1024
MAX_HEADERS = 100
BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 256 * 1024
"""A body may take `BODY_SECONDS`, and longer as far as it arrives at this rate."""
_ROOM_BYTES, _ROOM_FOR_ONE_BYTES = 256 * 1024 * 1024, 64 * 1024 * 1024
STRANGERS_AT_ONCE = 24
"""Fewer than the threads that work on requests, so that some are always left for the owner."""
_WAITING, _WAIT_SECONDS = 64, 20.0
_HEAVY = {
    f"/peer/{name}"
    for name in (
        "rounds/commit",
        "rounds/reveal",
        "agreements",
        "tests",
        "tests/open",
        "evidence",
        "model-evidence",
        "proofs",
        "releases",
    )
}
_LARGE = {*_HEAVY, "/peer/countersign", "/v1/predict"}
_log = logging.getLogger("freehold.http")


class TooLarge(InvalidInput):
    """A request body is over the limit."""

    code = "http.too_large"
    http_status = 413


class TooSlow(InvalidInput):
    """A request body did not arrive in time."""

    code = "http.too_slow"
    http_status = 408


class LengthRequired(InvalidInput):
    """A request has a body and does not say how long it is."""

    code = "http.length"
    http_status = 411


class EncodedBody(InvalidInput):
    """A request body is compressed; unpacking has no bound."""

    code = "http.encoding"
    http_status = 415


class TooManyHeaders(InvalidInput):
    """A request has more header fields than any needs."""

    code = "http.headers"
    http_status = 431


class Unauthorised(NotAllowed):
    """The request does not carry this node's API token."""

    code = "api.token"
    http_status = 401


class _Gone(Exception):
    """The sender hung up before its body was whole."""


class Gate:
    """ASGI middleware over the whole application of a node."""

    def __init__(self, app: ASGIApp, settings: Settings, tally: Tally, api_token: str) -> None:
        self.app = app
        self._tally, self._owner = tally, f"Bearer {api_token}".encode()
        self._proxies = settings.trusted_proxies
        self._buckets = Buckets(settings.address_requests_per_minute)
        self._room = BodyRoom(_ROOM_BYTES, _ROOM_FOR_ONE_BYTES)
        self._heavy = Turns(settings.heavy_requests_at_once, waiting=_WAITING, seconds=_WAIT_SECONDS)
        self._strangers = Turns(STRANGERS_AT_ONCE, waiting=2 * _WAITING, seconds=_WAIT_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = _Passage(scope, send)
        try:
            await self._pass(scope, receive, passage)
        except FreeholdError as error:
            self._count(error)
            await passage.refuse(error)
        except _Gone:
            passage.status = passage.status or 499
        except Exception:
            # the application has answered 500 and logged why; uvicorn would log it once more
            if not passage.status:
                raise
        finally:
            self._record(scope, passage)

    async def _pass(self, scope: Scope, receive: Receive, passage: _Passage) -> None:
        headers = scope["headers"]
        if len(headers) > MAX_HEADERS:
            raise TooManyHeaders("too many header fields", hint=f"At most {MAX_HEADERS}.")
        given = dict(headers)
        owner = hmac.compare_digest(given.get(b"authorization", b""), self._owner)
        if not owner and not is_trusted(passage.address, self._proxies):
            self._buckets.require(passage.caller)
        control = scope["path"].startswith("/api/")
        if control and not owner:
            # before a body is read: the framework would parse it before it asks for the token
            raise Unauthorised("this needs the node's API token", hint="It lies in HOME/api-token.")
        length = _length(given, _most(scope["method"], scope["path"]))
        try:
            body = await self._read(receive, passage, length) if length else b""
            if control:
                # the framework's parser is recursive; other routes parse for themselves
                require_shallow(body)
            if owner or scope["method"] in ("GET", "HEAD"):
                await self.app(scope, _replay(body, receive), passage.send)
                return
            turns = self._heavy if scope["path"] in _HEAVY else self._strangers
            async with turns.turn():
                await self.app(scope, _replay(body, receive), passage.send)
        finally:
            self._room.give_back(passage.caller, passage.held)

    async def _read(self, receive: Receive, passage: _Passage, length: int) -> bytes:
        body = bytearray()
        patience = BODY_SECONDS + length / BODY_BYTES_PER_SECOND
        try:
            async with asyncio.timeout(patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    piece = message.get("body", b"")
                    self._room.take(passage.caller, len(piece))
                    passage.held += len(piece)
                    body += piece
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise TooSlow(
                "the body did not arrive in time", hint=f"{length} bytes may take {patience:.0f} s."
            ) from None

    def _count(self, error: FreeholdError) -> None:
        if isinstance(error, RateLimited):
            self._tally.refusal("address")
        elif isinstance(error, Busy):
            self._tally.refusal("busy")

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
            fields = {
                "method": method,
                "path": scope["path"][:200],
                "status": status,
                "seconds": round(seconds, 4),
                "address": passage.address,
                "peer": scope.get("state", {}).get("peer"),
                "request": passage.id,
            }
            _log.log(level, "request", extra={"fields": fields})


class _Passage:
    """One request on its way: who asks, and what it was answered."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.began, self.id = time.perf_counter(), secrets.token_hex(8)
        self.address = str((scope.get("client") or ("",))[0])
        self.caller = caller_of(self.address)
        self.status = self.held = 0
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass a message on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            fixed = [(b"x-request-id", self.id.encode()), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": [*message.get("headers", ()), *fixed]}
        await self._send(message)

    async def refuse(self, error: FreeholdError) -> None:
        """Answer with problem details and hang up: the rest of a body may still be on its way."""
        if self.status:
            return
        body = json.dumps(error.problem()).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *retry_after(error),
        ]
        await self.send({"type": "http.response.start", "status": error.http_status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def retry_after(error: FreeholdError) -> list[tuple[bytes, bytes]]:
    """The header that says when to come back, where the error knows."""
    seconds = error.fields.get("retry_after_seconds")
    return [] if seconds is None else [(b"retry-after", str(seconds).encode())]


def _most(method: str, path: str) -> int:
    if method != "POST":
        return 0
    return MAX_BODY_BYTES if path in _LARGE or path.startswith("/api/") else SMALL_BODY_BYTES


def _length(headers: dict[bytes, bytes], most: int) -> int:
    """The declared size of the body, in bytes.

    Raises:
        LengthRequired, EncodedBody, TooLarge.
    """
    if b"transfer-encoding" in headers:
        raise LengthRequired("the body has no declared length", hint="Send content-length, not chunks.")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise EncodedBody("compressed bodies are not read", hint="Send it as it is.")
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > most:
        raise TooLarge("the body is too large", hint=f"At most {most} bytes here.")
    return int(declared)


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> dict[str, Any]:
        nonlocal told
        if not told:
            told = True
            return {"type": "http.request", "body": body, "more_body": False}
        return dict(await receive())

    return again

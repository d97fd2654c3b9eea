"""How large a request body may be, who may send a large one, and how long it may take to arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive

from freehold.core.canonical import MOST_VALUES
from freehold.core.errors import InvalidInput
from freehold.kernel.door import at_console
from freehold.kernel.limits import BodyRoom, Busy
from freehold.kernel.registry import everything

MAX_BODY_BYTES = 32 * 1024 * 1024
SMALL_BODY_BYTES = 1024 * 1024
UNPROVEN_BODY_BYTES = 64 * 1024
"""A body over this is read only if the request's head is signed by a known party, or holds a voucher of a grant;
of a stranger at the console no more is read at all."""
BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 256 * 1024
"""A body may take `BODY_SECONDS`, and longer as far as it arrives at this rate."""
_MOST_NUMBERS = 8_000_000


class TooLarge(InvalidInput, code="http.too_large", http_status=413):
    """A request body is over the limit."""


class TooSlow(InvalidInput, code="http.too_slow", http_status=408):
    """A request body did not arrive in time."""


class LengthRequired(InvalidInput, code="http.length", http_status=411):
    """A request has a body and does not say how long it is."""


class EncodedBody(InvalidInput, code="http.encoding", http_status=415):
    """A request body is compressed; unpacking has no bound."""


class Gone(Exception):
    """The sender hung up before its body was whole."""


def most_bytes(method: str, path: str) -> int:
    """The largest body there, of whoever may send it."""
    if method != "POST":
        return 0
    if at_console(path):
        return UNPROVEN_BODY_BYTES
    registry = everything()
    call = registry.peer_calls.get(path)
    large = call.heavy or call.large if call else path in registry.vouching
    return MAX_BODY_BYTES if large or path.startswith("/api/") else SMALL_BODY_BYTES


def is_heavy(path: str) -> bool:
    """Whether what is asked there takes long."""
    call = everything().peer_calls.get(path)
    return call is not None and call.heavy


def most_values(path: str, *, partner: bool) -> int:
    """The most values of JSON in a body there: identities cost nothing, so a stranger's is small wherever it goes."""
    call = everything().peer_calls.get(path)
    return _MOST_NUMBERS if partner and call is not None and call.numbers else MOST_VALUES


def require_partner(length: int, *, partner: bool) -> None:
    """Of who has shown no more than an account of its own, a large body is not read. Raises `TooLarge`."""
    if length > SMALL_BODY_BYTES and not partner:
        raise TooLarge(
            f"a body of {length:,} bytes is too large for a party that this node has not dealt with",
            hint=f"At most {SMALL_BODY_BYTES:,} bytes until a grant of yours was used or paid for.",
        )


def declared_length(headers: dict[bytes, bytes], most: int) -> int:
    """The declared size of the body, in bytes. Raises `LengthRequired`, `EncodedBody`, `TooLarge`."""
    if b"transfer-encoding" in headers:
        raise LengthRequired("the body has no declared length", hint="Send content-length, not chunks.")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise EncodedBody("compressed bodies are not read", hint="Send it as it is.")
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > most:
        size = (
            f"of {int(declared[:18]):,} bytes"
            if declared.isdigit() and len(declared) <= 18
            else "declared so"
        )
        raise TooLarge(
            f"a body {size} is too large",
            hint=f"At most {most:,} bytes here; no setting raises it: send less at once."
            if most
            else "No request of this method has a body here: send it without one.",
        )
    return int(declared)


class Arrival:
    """One request's body, from its head until the work on it is done."""

    def __init__(self, room: BodyRoom, caller: str, length: int) -> None:
        self._room, self._length = room, length
        self._limit = asyncio.timeout(None)
        self._body = room.enter(caller, self._cut)

    @asynccontextmanager
    async def unfinished(self) -> AsyncIterator[None]:
        """While this lasts the body may be dropped for the room it takes. Raises `Busy`: it was."""
        try:
            async with self._limit:
                yield
        except TimeoutError:
            raise Busy("this node is busy", hint="Send it again.", retry_after_seconds=2) from None
        finally:
            self._body.cut = None

    async def read(self, receive: Receive) -> bytes:
        """All of it. Raises `TooSlow`, `Busy`, `Gone`."""
        if not self._length:
            return b""
        patience = BODY_SECONDS + self._length / BODY_BYTES_PER_SECOND
        content = bytearray()
        try:
            async with asyncio.timeout(patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    piece = message.get("body", b"")
                    self._room.grow(self._body, len(piece))
                    content += piece
                    if not message.get("more_body", False):
                        return bytes(content)
        except TimeoutError:
            raise TooSlow(
                "the body did not arrive in time", hint=f"{self._length} bytes may take {patience:.0f} s."
            ) from None

    def close(self) -> None:
        """Its memory is free again."""
        self._room.leave(self._body)

    def _cut(self) -> None:
        if not self._limit.expired():
            self._limit.reschedule(0)

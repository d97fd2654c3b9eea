"""Open connections of one server: who waits for whom, for how long, and which one ends when there are too many.

A connection that comes is let in. Where there is no room, one ends that this node waits for: of the caller
with the most such, the oldest. Whoever is quick is therefore never refused for the slowness of others, even
where nothing tells the two apart. A connection on which the owner asked is never ended for others, and one
that only just came not before it could say who asks: behind a proxy all that come at once look alike till then.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from freehold.bounded_head import BoundedHead
from freehold.kernel.limits import Caller, RateLimited, caller_of, is_trusted
from freehold.kernel.settings import Settings
from freehold.kernel.tally import Tally

HEAD_SECONDS = 10.0
"""A request head must be whole this long after the connection opened, or after its first byte."""
FRESH_SECONDS = 0.25
"""What a connection sends as it opens has been read this long after; until then others make room first."""
WRITE_SECONDS = 30.0
ANSWER_BYTES_PER_SECOND = 256 * 1024
"""An answer must be taken in `WRITE_SECONDS`, and longer as far as its size needs at this rate."""
MOST_CONNECTIONS = 400
"""On which the owner did not ask."""
MOST_UNSENT_BYTES = 64 * 1024 * 1024
"""Of answers that their callers do not take, in all."""

Phase = Literal["head", "body", "work", "answer", "idle"]
"""What happens next: all but `work` is for the other side to do."""


class Connection:
    """One connection, and the request on it."""

    def __init__(self, host: str, number: int, transport: asyncio.Transport | None = None) -> None:
        self.host, self.caller = host, caller_of(host)
        """Who connected, and for whom the last request on it was."""
        self.number, self._transport = number, transport
        self.phase: Phase = "head"
        self._opened = time.monotonic()
        self.owned = False
        """The last request on it was the owner's."""
        self.unsent_bytes = 0

    @property
    def fresh(self) -> bool:
        """It came just now and has not said yet who asks."""
        return self.phase == "head" and time.monotonic() - self._opened < FRESH_SECONDS

    def end(self) -> None:
        """Hang up; what is unsent is dropped."""
        if self._transport:
            self._transport.abort()


class Connections:
    """Those of one server."""

    def __init__(self, settings: Settings, tally: Tally | None = None) -> None:
        self._proxies = settings.trusted_proxies
        self._most_of_one = settings.connections_per_address
        self._tally = tally
        self._numbers = itertools.count()
        self._open: dict[Connection, None] = {}

    def enter(self, host: str, transport: asyncio.Transport | None = None) -> Connection | None:
        """Let a connection in, if need be in place of another; None where all others are being worked on."""
        made = Connection(host, next(self._numbers), transport)
        others = self._strangers()
        if not is_trusted(host, self._proxies):
            own = [one for one in others if caller_of(one.host) == made.caller]
            if len(own) >= self._most_of_one and not self._end_one(own):
                return None
        if len(self._strangers()) >= MOST_CONNECTIONS and not self._end_one(others):
            return None
        self._open[made] = None
        return made

    def leave(self, connection: Connection) -> None:
        """It has ended."""
        self._open.pop(connection, None)

    def serve(self, connection: Connection | None, caller: Caller, *, owner: bool) -> None:
        """A request has come on it. Raises `RateLimited`: its caller has as many requests under way as one may."""
        if connection is None:
            return
        connection.caller, connection.owned, connection.phase = caller.name, owner, "work"
        if owner or caller.near or len(self._open) <= self._most_of_one:
            return
        own = [one for one in self._strangers() if one.caller == caller.name and one.phase != "idle"]
        if len(own) > self._most_of_one and not self._end_one(own):
            raise RateLimited(
                f"too many requests at once: {len(own)} of one address, {self._most_of_one} are allowed",
                hint="Wait for answers before asking more; the node's setting is connections_per_address.",
                retry_after_seconds=2,
            )

    def wait_for_reader(self, connection: Connection, unsent_bytes: int) -> None:
        """The other side does not take its answer."""
        connection.phase, connection.unsent_bytes = "answer", unsent_bytes
        while sum(one.unsent_bytes for one in self._strangers()) > MOST_UNSENT_BYTES:
            weights: Counter[str] = Counter()
            for one in self._strangers():
                weights[one.caller] += one.unsent_bytes
            if not self._end_one([one for one in self._strangers() if one.unsent_bytes], weights):
                return

    def _strangers(self) -> list[Connection]:
        return [one for one in self._open if not one.owned]

    def _end_one(self, among: Iterable[Connection], weights: Counter[str] | None = None) -> bool:
        """End the oldest of whoever has most that wait for it.

        A fresh one only where none is older, and of those that are older one between requests only where no other is.
        """
        if self._tally:
            self._tally.refusal("connections")
        waited = [one for one in among if one.phase != "work" and one in self._open]
        older = [one for one in waited if not one.fresh] or waited
        unfinished = [one for one in older if one.phase != "idle"] or older
        if not unfinished:
            return False
        weights = weights or Counter(one.caller for one in unfinished)
        doomed = min(unfinished, key=lambda one: (-weights[one.caller], one.number))
        self.leave(doomed)
        doomed.end()
        return True


class Impatient(BoundedHead):
    """HTTP/1.1 with an end to waiting; uvicorn alone waits for ever for a head, and for a reader."""

    # a body that has both lengths meets the gate, which takes none without a declared one
    lenient: ClassVar = {**BoundedHead.lenient, "lenient_chunked_length": True}

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all = connections
        self._this: Connection | None = None
        self._head: asyncio.TimerHandle | None = None
        self._write: asyncio.TimerHandle | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock, or hang up."""
        super().connection_made(transport)
        self._this = self._all.enter(self.client[0] if self.client else "", transport)
        if self._this is None:
            transport.abort()
            return
        # whatever is left unsent is waited for, so that no answer is too small to be counted
        transport.set_write_buffer_limits(high=0)
        self.app_state = {**self.app_state, "connection": self._this}
        self._head = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        for timer in (self._head, self._write):
            if timer:
                timer.cancel()
        if self._this:
            self._all.leave(self._this)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The clock runs while a head is incomplete."""
        if self._head is None and not self._at_work:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)
            self._mark("head")
        super().data_received(data)
        if self._head is not None and self._at_work:
            self._head.cancel()
            self._head = None

    def on_headers_complete(self) -> None:
        """RFC 9112, section 3.2: a request says once which host it is for, and of that host no more than a path."""
        if not self.url.startswith(b"/") or b"#" in self.url:
            self.refuse("A request is for a path.")
        named = sum(name == b"host" for name, _ in self.headers)
        if named > 1 or (named == 0 and self.parser.get_http_version() == "1.1"):
            self.refuse("A request says once which host it is for.")
        super().on_headers_complete()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whoever has asked and only listens now gets its answer; a stream without an end has no such reader."""
        self.drop_unfinished()
        state: dict[str, Any] = self._in_hand.scope.get("state", {}) if self._in_hand else {}
        self._ended = self._at_work and not self.cycle.more_body and not state.get("endless")
        return self._ended

    def on_response_complete(self) -> None:
        """On to what came meanwhile; after the last request of who only listens, close."""
        if not self._write:
            self._mark("work" if self._at_work else "idle")
        super().on_response_complete()
        if self._ended and not self._at_work:
            self.transport.close()

    @property
    def _at_work(self) -> bool:
        # `cycle` is the newest request, answered after all before it; there may be none yet, which the stubs do not know
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        unsent = self.transport.get_write_buffer_size()
        if self._write is None:
            seconds = WRITE_SECONDS + unsent / ANSWER_BYTES_PER_SECOND
            self._write = self.loop.call_later(seconds, self.transport.abort)
        if self._this:
            self._all.wait_for_reader(self._this, unsent)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._write is not None:
            self._write.cancel()
            self._write = None
        if self._this:
            self._this.unsent_bytes = 0
            self._mark("work" if self._at_work else "idle")

    def _mark(self, phase: Phase) -> None:
        if self._this:
            self._this.phase = phase

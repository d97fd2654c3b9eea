"""Telling open pages that something changed: server-sent events that carry topic names, never content.

Topics: `log` (a document was kept), `jobs` (training went on), `chain` (a block came), `requests` (what
waits for the owner changed), `health` (something began or ceased to be wrong). The page then fetches itself again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from freehold.chain.errors import ChainUnreachable, RpcError
from freehold.core.errors import FreeholdError
from freehold.kernel.door import Door
from freehold.kernel.host import Host
from freehold.kernel.registry import everything
from freehold.shell.web.sessions import Session

MEDIA_TYPE = "text/event-stream"
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
MAX_STREAMS = 6
"""Per session; opening one more closes the oldest."""
HEARTBEAT_SECONDS = 15.0
LOOK_EVERY_SECONDS = 1.0
CHAIN_EVERY_SECONDS = 4.0


class Stream:
    """One open page."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.closed = False


class Live:
    """Looks at the node once a second while somebody looks at a page, however many do."""

    def __init__(self, door: Door, end_stale: Callable[[], None]) -> None:
        self._door, self._end_stale = door, end_stale
        self._streams: set[Stream] = set()
        self._seen: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._chain_at = 0.0

    def respond(self, session: Session) -> StreamingResponse:
        """An event stream for one page."""
        return StreamingResponse(self._events(session), media_type=MEDIA_TYPE, headers=HEADERS)

    async def _events(self, session: Session) -> AsyncIterator[str]:
        stream = Stream()
        while len(session.streams) >= MAX_STREAMS:
            session.streams.pop(0).closed = True
        session.streams.append(stream)
        self._streams.add(stream)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        spoken = time.monotonic()
        try:
            yield "retry: 3000\n\nevent: ready\ndata: {}\n\n"
            while not (stream.closed or session.ended or self._door.closing.is_set()):
                if stream.topics:
                    topics, stream.topics = sorted(stream.topics), set()
                    spoken = time.monotonic()
                    yield f"event: change\ndata: {json.dumps(topics)}\n\n"
                elif time.monotonic() - spoken > HEARTBEAT_SECONDS:
                    spoken = time.monotonic()
                    yield ": still here\n\n"
                await asyncio.sleep(0.2)
            if session.ended:
                yield "event: end\ndata: {}\n\n"
        finally:
            self._streams.discard(stream)
            with contextlib.suppress(ValueError):
                session.streams.remove(stream)

    async def _look(self) -> None:
        while self._streams and not self._door.closing.is_set():
            host = self._door.host
            self._end_stale()
            if host is not None:
                found: dict[str, Any] = {}
                # a database that is away is back some time: whoever looks goes on, and who is removed meanwhile is out
                with contextlib.suppress(FreeholdError):
                    found = await run_in_threadpool(self._state, host)
                changed = {name for name, value in found.items() if self._seen.get(name, value) != value}
                self._seen |= found
                for stream in self._streams:
                    stream.topics |= changed
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _state(self, host: Host) -> dict[str, Any]:
        with host.node.store.log() as log:
            size = log.size()
        found: dict[str, Any] = {"log": size}
        found["health"] = tuple(host.readiness.soon(0).reasons.items())
        found |= {topic: look(host) for one in everything().features for topic, look in one.topics.items()}
        if time.monotonic() - self._chain_at > CHAIN_EVERY_SECONDS:
            self._chain_at = time.monotonic()
            with contextlib.suppress(ChainUnreachable, RpcError):
                found["chain"] = host.node.chain.block_number()
        return found

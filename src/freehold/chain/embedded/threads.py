"""Threads for requests, as many as there are at once.

`concurrent.futures` has the event loop wait until a new thread has run, which takes tens of milliseconds each
while calls compute: hundreds of requests at once would stop the loop for seconds.
"""

from __future__ import annotations

import _thread
import asyncio
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 1_024
"""More than there are requests at once, of all connections: who waits, waits for a turn, not for a thread."""


class Threads:
    """Runs functions for an event loop."""

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
                outcome = True, error
            # the loop may have ended
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, *outcome)

        with self._lock:
            self._free -= 1
            is_short = self._free < 0 and self._running < _MOST
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

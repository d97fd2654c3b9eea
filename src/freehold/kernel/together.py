"""Acts of many callers that are kept by one commit: one flush of the disk for all that came while the last was under way.

Each act is whole or nothing by itself, and nobody is told what came of one before all are on the disk. One thread does
them in turn, in the database's one lock: so an act here waits for nothing else. What would have to wait (for the chain,
for a lock, for a file) raises `MustWait` and is done by itself, in a thread of its caller's.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from freehold.core.errors import FreeholdError, Unavailable
from freehold.core.told import held
from freehold.kernel.databases.errors import DatabaseLocked, StorageFailed, StorageUncertain
from freehold.kernel.node import Node
from freehold.kernel.store import MustWait

MOST_AT_ONCE = 16
"""Acts of one commit: others who read or write the database wait for so many at most."""
GATHERING_SECONDS = 0.0002
"""For each of those that were told last: they are likely to come again at once, and are awaited so long."""
SPARE_SECONDS = 0.2
"""That one commit takes, and what was asked before it is still fresh; more than each use wants by itself."""


_Outcome = tuple[Any, Exception | None]
"""What an act returned, or what it raised."""


class Stopped(Unavailable, code="node.stopped"):
    """This node is ending."""


class _Act(NamedTuple):
    do: Callable[[], Any]
    told: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Together:
    """One node's. Its thread begins with the first act."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._acts: deque[_Act] = deque()
        self._changed = threading.Condition()
        self._wanted = 1
        """So many acts wake the thread."""
        self._thread: threading.Thread | None = None
        self._stopped = False

    async def do(self, act: Callable[[], Any]) -> Any:
        """What an act returns or raises, once it is on the disk.

        Raises `MustWait`: nothing was done; do it where it may wait. `StorageUncertain`: whether it was kept is seen at
        the next reading. `Stopped`: nothing was done.
        """
        loop = asyncio.get_running_loop()
        one = _Act(act, loop.create_future(), loop)
        with self._changed:
            if self._stopped:
                raise Stopped("this node is ending", hint="Ask again once it is back.")
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="together", daemon=True)
                # where there is no room for a thread now, there may be for the next act
                thread.start()
                self._thread = thread
            self._acts.append(one)
            if len(self._acts) >= self._wanted:
                self._changed.notify()
        return await one.told

    def stop(self) -> None:
        """Do what waits, and no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        last = 0
        while acts := self._next(last):
            _tell(acts, self._done(acts))
            last = len(acts)

    def _next(self, last: int) -> list[_Act]:
        """What is done next, given how many were told just now; nothing once all is done and no more comes.

        A commit of one at a time, while the others wait for the next, would cost twice as much a call.
        """
        with self._changed:
            if last > 1:
                self._await(last, last * GATHERING_SECONDS)
            self._await(1, None)
            return [self._acts.popleft() for _ in range(min(len(self._acts), MOST_AT_ONCE))]

    def _await(self, wanted: int, seconds: float | None) -> None:
        self._wanted = wanted
        self._changed.wait_for(lambda: self._stopped or len(self._acts) >= wanted, seconds)

    def _done(self, acts: list[_Act]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        wrote: list[bool] = []
        try:
            # the chain is asked before the database's lock is taken; who signs nothing is answered whatever it says
            with suppress(FreeholdError):
                self._node.continuity.require(SPARE_SECONDS)
            with self._node.store.together() as begun:
                for act in acts:
                    before = begun()
                    outcomes.append(_outcome(act.do))
                    wrote.append(begun() != before)
        except (StorageUncertain, DatabaseLocked) as error:
            # one that only read is no part of that; it may have read what others did here
            wrote += [False] * (len(acts) - len(wrote))
            return [(None, error if one else MustWait()) for one in wrote]
        except StorageFailed:
            # none was kept; one that is alone may fit, or only read
            return [(None, MustWait()) for _ in acts]
        except BaseException as error:  # noqa: BLE001 - each of the callers is told
            return [(None, held(error))] * len(acts)
        else:
            return outcomes


def _outcome(do: Callable[[], Any]) -> _Outcome:
    try:
        return do(), None
    except BaseException as error:  # noqa: BLE001 - its caller is told
        return None, held(error)


def _tell(acts: list[_Act], outcomes: list[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any, Exception | None]]] = {}
    for act, (answer, error) in zip(acts, outcomes, strict=True):
        by_loop.setdefault(act.loop, []).append((act.told, answer, error))
    for loop, told in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, told)
        except RuntimeError:
            # a loop that has ended has nobody left to tell
            continue


def _settle(told: list[tuple[asyncio.Future[Any], Any, Exception | None]]) -> None:
    for future, answer, error in told:
        if future.done():
            # its caller hung up; what was done stays done
            continue
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

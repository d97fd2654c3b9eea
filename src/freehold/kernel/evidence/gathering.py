"""Evidence made because others ask: once for all who ask, and after a failure not again before a pause is over.

Gathering asks every owner of a model's data. While one of them is away, strangers could otherwise have the
others asked again and again in this node's name. Who asks for what is being gathered waits at home, not here:
a turn that waits for owners is one that nobody else has.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from freehold.core.errors import FreeholdError, Unavailable
from freehold.kernel.limits import Busy
from freehold.kernel.logbook import NotAnchored
from freehold.kernel.node import Node

MOST_KEPT = 8
"""Evidence held in memory."""
MOST_FAILURES = 1_000
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 3_600.0
RETRY_SECONDS = 2


class Gathering:
    """What was gathered for others, and what failed; usable from several threads."""

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        # each has a heavy turn for as long as the owners take; the rest of the turns are for work of this node
        self._most = max(1, node.settings.heavy_requests_at_once // 2)
        self._making: set[str] = set()
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[float, float, str]] = OrderedDict()

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was made under this name, or is made now.

        Raises `Busy`: it is being made, or enough others are. `Unavailable`: it failed a moment ago. `fields` of both
        say when to ask again. What `make` raises.
        """
        known = self._begin(name)
        if known is not None:
            return known
        try:
            made = make()
        except NotAnchored:
            # found out before anybody is asked, and over with the owner's next anchor
            raise
        except FreeholdError as error:
            self._fail(name, error)
            raise
        else:
            with self._lock:
                self._failed.pop(name, None)
                self._kept[name] = made
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return made
        finally:
            with self._lock:
                self._making.discard(name)

    def _begin(self, name: str) -> dict[str, Any] | None:
        """What is known, or None: then it is the caller's to make."""
        with self._lock:
            known = self._known(name)
            if known is None:
                if name in self._making or len(self._making) >= self._most:
                    raise Busy(
                        "evidence is being gathered",
                        hint="Wait as Retry-After says, then ask again.",
                        retry_after_seconds=RETRY_SECONDS,
                    )
                self._making.add(name)
            return known

    def _known(self, name: str) -> dict[str, Any] | None:
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        until, _, said = self._failed.get(name, (0.0, 0.0, ""))
        wait = until - self._clock()
        if wait > 0:
            raise Unavailable(
                f"this evidence could not be gathered a moment ago: {said}",
                hint="Ask again as Retry-After says: everybody concerned has to be there.",
                retry_after_seconds=max(1, round(wait)),
            )
        return None

    def _fail(self, name: str, error: FreeholdError) -> None:
        with self._lock:
            _, pause, _ = self._failed.pop(name, (0.0, 0.0, ""))
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause or FIRST_PAUSE_SECONDS)
            self._failed[name] = (self._clock() + pause, pause, error.message[:200])
            while len(self._failed) > MOST_FAILURES:
                self._failed.popitem(last=False)

"""Evidence made because others ask: once for all who ask, and after a failure not again before a pause is over.

Gathering asks every owner of a model's data. While one of them is away, strangers could otherwise have the
others asked again and again in this node's name.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from freehold.core.errors import FreeholdError, Unavailable
from freehold.node.logbook import NotAnchored
from freehold.node.node import Node

MOST_KEPT = 8
"""Evidence held in memory."""
MOST_FAILURES = 1_000
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 3_600.0


class Gathering:
    """What was gathered for others, and what failed; usable from several threads."""

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node, self._clock, self._lock = node, clock, threading.Lock()
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[float, float, str]] = OrderedDict()

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was made under this name, or is made now.

        Raises:
            Unavailable: it failed a moment ago; `fields` say when it is tried again. What `make` raises.
        """
        with self._node.exclusive(f"gathering:{name}"):
            known = self._known(name)
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
            with self._lock:
                self._failed.pop(name, None)
                self._kept[name] = made
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return made

    def _known(self, name: str) -> dict[str, Any] | None:
        with self._lock:
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

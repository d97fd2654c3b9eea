"""Who computes next: a few at once, the short before the long.

Every call runs for a moment first. One that needs longer stops, and begins again where only one runs at a
time, so a hundred endless calls hold up a short one by moments. Works only for what may run twice.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from freehold.chain.embedded.budget import OutOfTime, current, limited
from freehold.chain.embedded.faults import LIMIT, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")

SHORT_SECONDS = 0.05
"""Processor time of a first run."""
MOST_SHORT, MOST_LONG, MOST_WAITING = 2, 1, 12
"""Short and long runs at once; how many may wait for a long run."""
PATIENCE_SECONDS = 20.0
"""Who waited this long for a place is refused."""


class Turns:
    """Places to compute."""

    def __init__(self) -> None:
        self._short = threading.BoundedSemaphore(MOST_SHORT)
        self._long = threading.BoundedSemaphore(MOST_LONG)
        self._waiting = threading.BoundedSemaphore(MOST_LONG + MOST_WAITING)

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work within what is left of the thread's budget. Raises `OutOfTime`, or `Fault` when too busy."""
        whole = current()
        with _place(self._short, PATIENCE_SECONDS), limited(min(SHORT_SECONDS, whole.left)):
            try:
                return work()
            except OutOfTime:
                whole.check()
        with _place(self._waiting, 0), _place(self._long, PATIENCE_SECONDS), limited(whole.left):
            return work()


@contextmanager
def _place(places: threading.BoundedSemaphore, patience: float) -> Iterator[None]:
    if not places.acquire(timeout=patience):
        raise Fault(LIMIT, "too many long calls at once; try again")
    try:
        yield
    finally:
        places.release()

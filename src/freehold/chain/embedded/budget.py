"""How long one request or transaction may compute.

Threads cannot be killed, so what runs looks at its budget: the interpreter at every jump or so, precompiles
between their points, SQLite between its steps, and every loop whose length a request chooses (`checked`). Time is the processor's, of this thread: a busy machine does
not make an honest call fail. Whoever runs out is refused whole, so no result ever differs from Ethereum's.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from freehold.chain.embedded.faults import LIMIT, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Item = TypeVar("Item")

_of_thread = threading.local()


def worked() -> float:
    """Processor time of this thread, without what it took to load things that stay loaded."""
    loading: float = getattr(_of_thread, "loading", 0.0)
    return time.thread_time() - loading


@contextmanager
def uncharged() -> Iterator[None]:
    """Load what stays loaded: it is no cost of the request that happens to need it first."""
    start = worked()
    try:
        yield
    finally:
        _of_thread.loading = getattr(_of_thread, "loading", 0.0) + worked() - start


REQUEST_SECONDS = 2.0
"""Processor time of a request, all calls of a batch together; sending transactions is not counted."""
TRANSACTION_SECONDS = 3.0
"""Processor time of one transaction in a block."""
MOMENT_SECONDS = 0.001
"""Processor time of a request that is answered where it came, without a turn: no longer than a thread computes before
another may."""
BLOCK_SECONDS = 1.0
"""Processor time after which a block takes no further transaction."""


class OutOfTime(Fault):
    """The budget is used up."""

    def __init__(self) -> None:
        super().__init__(
            LIMIT,
            f"out of time: here a request computes for {REQUEST_SECONDS:g} s at most, "
            f"a transaction for {TRANSACTION_SECONDS:g} s",
        )


class Budget:
    """Processor time of the thread that made it."""

    def __init__(self, seconds: float, *, may_wait: bool = True) -> None:
        self.may_wait = may_wait
        """Whether it may stand in a line; where not, it is out of time instead."""
        self._end = worked() + seconds
        self._sure_until = time.perf_counter() + seconds
        """No thread works for longer than time passes; the clock of its work costs fifty times as much to read."""

    @property
    def left(self) -> float:
        """Seconds left, 0 when there are none."""
        return max(0.0, self._end - worked())

    @property
    def is_spent(self) -> bool:
        """Whether none is left."""
        now = time.perf_counter()
        if now < self._sure_until:
            return False
        left = self.left
        self._sure_until = now + left
        return not left

    def check(self) -> None:
        """Raise `OutOfTime` when none is left."""
        if time.perf_counter() >= self._sure_until and self.is_spent:
            raise OutOfTime


UNLIMITED = Budget(float("inf"))


def current() -> Budget:
    """The budget that this thread works under."""
    found: Budget = getattr(_of_thread, "budget", UNLIMITED)
    return found


def checked(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with a look at the thread's budget before each: for a loop whose length a request chooses."""
    budget = current()
    for one in items:
        budget.check()
        yield one


@contextmanager
def limited(seconds: float, *, may_wait: bool = True) -> Iterator[Budget]:
    """Work under a budget of its own, which may not wait where the one around it may not."""
    before = current()
    own = Budget(seconds, may_wait=may_wait and before.may_wait)
    _of_thread.budget = own
    try:
        yield own
    finally:
        _of_thread.budget = before

"""Who computes next: a few at once, and of those that wait the connection whose requests cost least.

Every call runs for a moment first. One that needs longer stops, and begins again where only one runs at a
time, so a hundred endless calls hold up a short one by moments. Works only for what may run twice; what
writes has a place of its own. Places are taken by each request of a batch anew, and what its connection has
used by then counts. Of those that cost alike the newest goes first: who asks again and again, and waits
for each answer, never comes before one who has asked since. One place in four is given to who has waited
longest, whatever it costs, so that newcomers keep nobody waiting for ever.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from freehold.chain.embedded.budget import MOMENT_SECONDS, OutOfTime, current, limited, worked
from freehold.chain.embedded.faults import LIMIT, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")

MOST_HELD_BYTES = 128 * 1024 * 1024
"""Bodies, their values, and answers not read yet, of all connections."""
_COLLECTED_BYTES = 16 * 1024 * 1024
"""Held since the last look for garbage: what is decoded for an answer is large, and too few objects to cause one."""


SHORT_SECONDS = 0.05
"""Processor time of a first run."""
MOST_SHORT, MOST_LONG, MOST_WAITING = 2, 1, 12
"""Short and long runs at once; how many may wait for a long run: of more, the costliest is refused."""
MOST_SENDING = 64
"""Requests that wait for a block at once, and share the next one; how many may wait to write otherwise."""
PATIENCE_SECONDS = 20.0
"""Who waited this long for a place is refused."""
_CHEAP_SECONDS = 0.01
"""Requests below it are all alike, and so is one of a connection that has not asked before."""
_FAIR = 4
"""Of so many places one goes to who has waited longest."""
_FORGETTING = 0.8
"""How much of what a connection's requests cost is remembered at each."""
_DRAINED_BYTES, _DRAIN_SECONDS = 64 * 1024, 0.02
"""An answer has been read when so little of it waits; how often that is looked at."""

_numbers = itertools.count(1)


class Memory:
    """Bytes by connection. Where all are in use, the connection that holds most is ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since_look = 0
        self._held: dict[Caller, int] = {}
        self._ended: dict[Caller, int] = {}
        """What the ended held, until their requests are over."""

    def hold(self, caller: Caller, size: int) -> bool:
        """Count bytes that a connection is about to keep; False when it must not, as it would hold most."""
        with self._lock:
            if caller.is_gone:
                return False
            self._since_look += size
            if self._since_look > _COLLECTED_BYTES:
                self._since_look = 0
                gc.collect(1)
            wanted = self._held.get(caller, 0) + size
            while sum(self._held.values()) + size > MOST_HELD_BYTES:
                largest = max(self._held, key=lambda one: self._held[one], default=caller)
                if largest is caller or self._held[largest] <= wanted:
                    return False
                self._ended[largest] = self._held.pop(largest)
                largest.end()
            if sum(self._held.values()) + sum(self._ended.values()) + size > MOST_HELD_BYTES * 3 // 2:
                return False
            self._held[caller] = wanted
            return True

    def release(self, caller: Caller) -> None:
        """Forget what a connection held; its request is over."""
        with self._lock:
            self._held.pop(caller, None)
            self._ended.pop(caller, None)


class Caller:
    """A connection: what its requests cost, and what it holds."""

    def __init__(
        self, transport: asyncio.Transport | None = None, end: Callable[[], Any] | None = None
    ) -> None:
        self._transport = transport
        self._end = end
        self._usual = self._spent = 0.0
        self._number = next(_numbers)
        self._is_ended = False
        self.memory: Memory | None = None
        self.is_half_closed = False
        """Whether it sends no more, which a client that is gone does too."""
        self.is_long = False
        """Whether its newest request may take long."""
        self.asked_at = time.monotonic()
        """When its newest request came."""

    def begin(self) -> None:
        """A request has come."""
        self._usual = max(self._usual * _FORGETTING, self._spent)
        self._spent, self._number, self.asked_at = 0.0, next(_numbers), time.monotonic()
        self.is_long = False

    @property
    def is_gone(self) -> bool:
        """Whether nobody is there to be answered."""
        return self._is_ended or (self._transport is not None and self._transport.is_closing())

    @property
    def weight(self) -> tuple[bool, float, bool, int]:
        """What it costs others; who weighs least goes first."""
        cost = max(self._usual, self._spent)
        return self.is_half_closed, cost if cost > _CHEAP_SECONDS else 0.0, self.is_long, -self._number

    @property
    def is_quick(self) -> bool:
        """Whether its requests have taken no more than moments."""
        return max(self._usual, self._spent) < MOMENT_SECONDS and not self.is_half_closed

    def end(self) -> None:
        """Cut the connection; from any thread."""
        self._is_ended = True
        # the loop that would do it may have ended
        with suppress(RuntimeError):
            if self._end is not None:
                self._end()

    def hold(self, size: int) -> bool:
        """Whether it may keep so many bytes more, until its request is over."""
        return self.memory is None or self.memory.hold(self, size)

    def release(self) -> None:
        """Its request is over: nothing is held for it any more."""
        if self.memory is not None:
            self.memory.release(self)

    def beside(self) -> Caller:
        """Another account of the same connection, for what is sent unasked."""
        other = Caller(self._transport, self.end)
        other.memory = self.memory
        return other

    async def drained(self) -> None:
        """Return when what was sent has been read, or nobody is there."""
        transport = self._transport
        while (  # noqa: ASYNC110 - a transport has no event for it
            not self.is_gone and transport is not None and transport.get_write_buffer_size() > _DRAINED_BYTES
        ):
            await asyncio.sleep(_DRAIN_SECONDS)

    def pay(self, seconds: float) -> None:
        """Count processor time."""
        self._spent += seconds

    @contextmanager
    def paying(self) -> Iterator[None]:
        """Count the processor time that this thread takes."""
        start = worked()
        try:
            yield
        finally:
            self._spent += worked() - start


class _Waiting:
    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.over = threading.Event()
        self.has_place = False


class Places:
    """So many at once, and a line."""

    def __init__(self, count: int, most_waiting: int | None = None) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._most_waiting = most_waiting
        self._line: list[_Waiting] = []
        """In the order of their coming."""
        self._given = 0

    @contextmanager
    def take(self, caller: Caller) -> Iterator[None]:
        """Hold a place. Raises `Fault` for who waited too long, weighs too much or is gone."""
        self._enter(caller)
        try:
            yield
        finally:
            with self._lock:
                self._next()

    def _enter(self, caller: Caller) -> None:
        with self._lock:
            self._drop_the_gone()
            if self._free and not self._line:
                self._free -= 1
                return
            if not current().may_wait:
                raise OutOfTime
            waiting = _Waiting(caller)
            self._line.append(waiting)
            if self._most_waiting is not None and len(self._line) > self._most_waiting:
                # who has waited longest is next at a place in some, so it stays
                self._drop(max(self._line[1:], key=lambda one: one.caller.weight))
        waiting.over.wait(PATIENCE_SECONDS)
        with self._lock:
            if waiting.has_place:
                return
            if waiting in self._line:
                self._line.remove(waiting)
        raise Fault(LIMIT, "too many calls at once; try again")

    def _next(self) -> None:
        self._drop_the_gone()
        if not self._line:
            self._free += 1
            return
        self._given += 1
        following = min(self._line, key=lambda one: one.caller.weight)
        if self._given % _FAIR == 0:
            following = next((one for one in self._line if not one.caller.is_half_closed), following)
        following.has_place = True
        self._drop(following)

    def _drop_the_gone(self) -> None:
        for one in [waiting for waiting in self._line if waiting.caller.is_gone]:
            self._drop(one)

    def _drop(self, waiting: _Waiting) -> None:
        self._line.remove(waiting)
        waiting.over.set()


class Turns:
    """Places to compute, to write, and to wait for a block."""

    def __init__(self) -> None:
        self.brief = Places(MOST_SHORT)
        """For what is known to take moments, and so never waits behind what may take long."""
        self.writing = Places(1, MOST_SENDING)
        """For what changes more than a transaction does, one at a time."""
        self.sending = Places(MOST_SENDING)
        """For transactions, from their offer until they are in a block."""
        self._short = Places(MOST_SHORT)
        self._long = Places(MOST_LONG, MOST_WAITING)

    def run(self, work: Callable[[], Result], caller: Caller) -> Result:
        """Do the work within what is left of the thread's budget. Raises `OutOfTime`, or `Fault` when too busy."""
        whole = current()
        with self._short.take(caller), caller.paying(), limited(min(SHORT_SECONDS, whole.left)):
            try:
                return work()
            except OutOfTime:
                whole.check()
                if not whole.may_wait:
                    raise
        with self._long.take(caller), caller.paying(), limited(whole.left):
            return work()

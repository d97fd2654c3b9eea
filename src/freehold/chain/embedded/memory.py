"""What all connections together keep in memory: counted before it is built, and taken from who keeps most."""

from __future__ import annotations

import gc
import threading
from typing import Protocol

MOST_BYTES = 128 * 1024 * 1024
"""Bodies, their values, and answers not read yet, of all connections."""
_COLLECTED_BYTES = 16 * 1024 * 1024
"""Held since the last look for garbage: what is decoded for an answer is large, and too few objects to cause one."""


class Holder(Protocol):
    """A connection; `turns.Caller` is one."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody is there to be answered."""

    def end(self) -> None:
        """Cut it; from any thread."""


class Memory:
    """Bytes by connection. Where all are in use, the connection that holds most is ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since_look = 0
        self._held: dict[Holder, int] = {}
        self._ended: dict[Holder, int] = {}
        """What the ended held, until their requests are over."""

    def hold(self, caller: Holder, size: int) -> bool:
        """Count bytes that a connection is about to keep; False when it must not, as it would hold most."""
        with self._lock:
            if caller.is_gone:
                return False
            self._since_look += size
            if self._since_look > _COLLECTED_BYTES:
                self._since_look = 0
                gc.collect(1)
            wanted = self._held.get(caller, 0) + size
            while sum(self._held.values()) + size > MOST_BYTES:
                largest = max(self._held, key=lambda one: self._held[one], default=caller)
                if largest is caller or self._held[largest] <= wanted:
                    return False
                self._ended[largest] = self._held.pop(largest)
                largest.end()
            if sum(self._held.values()) + sum(self._ended.values()) + size > MOST_BYTES * 3 // 2:
                return False
            self._held[caller] = wanted
            return True

    def release(self, caller: Holder) -> None:
        """Forget what a connection held; its request is over."""
        with self._lock:
            self._held.pop(caller, None)
            self._ended.pop(caller, None)

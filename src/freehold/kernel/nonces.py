"""Nonces of strangers: in memory, bounded, so that whoever has an account can write nothing here by asking.

Partners' nonces stand in the database and outlive the process. A stranger's do not, so what one signed before
this process began is refused: it may have been answered then. What is dated ahead of this clock could have been too,
so those few, bounded as well, stand in the database.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from freehold.kernel.limits import Busy

MOST_AHEAD = 20_000
"""In the database, some 3 MB; clocks that are right need none."""
MOST = 200_000
"""Some minutes of as many requests as one process answers."""


class Nonces:
    """Usable from several threads."""

    def __init__(self, started_at: int, most: int = MOST) -> None:
        self.started_at, self._most, self._lock = started_at, most, threading.Lock()
        self._seen: OrderedDict[int, int] = OrderedDict()

    def seen(self, sender: str, nonce: str, created_at: int, expires_at: int, now: int) -> bool:
        """Remember a nonce; True if it was here already, or may have been before this process began.

        Raises `Busy`: there is no room for one more that has not expired.
        """
        if created_at < self.started_at:
            return True
        key = hash((sender, nonce))
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now:
                self._seen.popitem(last=False)
            if key in self._seen:
                return True
            if len(self._seen) >= self._most:
                raise Busy(
                    "too many strangers ask",
                    hint="Wait as Retry-After says, then ask again.",
                    retry_after_seconds=10,
                )
            self._seen[key] = expires_at
        return False

    def holds(self, sender: str, nonce: str) -> bool:
        """Whether a nonce is here: its sender may have become a partner since."""
        with self._lock:
            return hash((sender, nonce)) in self._seen

    def __len__(self) -> int:
        return len(self._seen)

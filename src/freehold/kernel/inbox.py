"""What waits for the owner: all that features say, most pressing first, without what was put aside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from freehold.kernel.feature import Reminder
from freehold.kernel.host import Host
from freehold.kernel.registry import everything

PRESSING = ("trouble", "request", "offer", "refusal", "job", "money", "backup")
"""Kinds, the most pressing first; others come after them."""
KEPT_SECONDS = 5.0
"""How long a page that only counts may use what was found before: some of it asks the chain."""


class Inbox:
    """The inbox of one node."""

    def __init__(self, host: Host, clock: Callable[[], float] = time.monotonic) -> None:
        self._host, self._clock = host, clock
        self._lock = threading.Lock()
        self._found: tuple[Reminder, ...] = ()
        self._until = 0.0

    def items(self) -> tuple[Reminder, ...]:
        """What waits now."""
        aside = {str(row[0]) for row in self._host.node.store.rows("SELECT name FROM aside")}
        every = (one for remind in everything().every("reminders") for one in remind(self._host))
        found = tuple(
            sorted((one for one in every if one.key not in aside or not one.closable), key=_pressing)
        )
        with self._lock:
            self._found, self._until = found, self._clock() + KEPT_SECONDS
        return found

    def count(self) -> int:
        """How much waits, as it was some seconds ago at most."""
        with self._lock:
            if self._clock() < self._until:
                return len(self._found)
        return len(self.items())

    def changed(self) -> None:
        """Somebody did something, so what was found before is not to be used."""
        with self._lock:
            self._until = 0.0

    def put_aside(self, key: str) -> None:
        """It has been seen, and is not shown again; what cannot be put aside stays."""
        node = self._host.node
        with node.store.transaction() as tx:
            tx.connection.execute(
                "INSERT INTO aside VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (key[:MOST_KEY], node.now())
            )
            # what it was about is over long ago
            tx.connection.execute("DELETE FROM aside WHERE at < ?", (node.now() - KEPT_ASIDE_SECONDS,))
        self.changed()

    def bring_back(self, key: str) -> None:
        """Show it again."""
        with self._host.node.store.transaction() as tx:
            tx.connection.execute("DELETE FROM aside WHERE name = ?", (key,))
        self.changed()


MOST_KEY = 200
KEPT_ASIDE_SECONDS = 365 * 86_400


def pressing(kind: str) -> int:
    """The place of a kind, from 0, the most pressing."""
    return PRESSING.index(kind) if kind in PRESSING else len(PRESSING)


def _pressing(one: Reminder) -> tuple[int, int]:
    return pressing(one.kind), -one.since

"""Hearing by itself what owners say to requests that wait for them: a grant, other terms, or no.

An owner tells nobody: whoever asked asks again, ever more seldom while nothing changes. Nothing is paid here.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass

from freehold.core.errors import FreeholdError
from freehold.features.grants import asking, granting
from freehold.kernel.host import Host

EVERY_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 20
LONGEST_PAUSE_SECONDS = 900
MOST_AT_ONCE = 20


@dataclass(frozen=True)
class _Pause:
    """When a request is asked again."""

    at: int
    seconds: int
    state: str


class Hearing:
    """The pauses of one node's open requests; after a restart they begin anew."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._pauses: dict[str, _Pause] = {}
        self._lock = threading.Lock()

    def look(self) -> int:
        """Ask again what is due; how many answers were another than before."""
        heard = 0
        with self._lock:
            for key in self._due():
                heard += self._ask(key)
        return heard

    def _due(self) -> list[str]:
        now = self._host.node.now()
        open_ = asking.unanswered(self._host.node)
        self._pauses = {
            key: self._pauses.get(key, _Pause(now, FIRST_PAUSE_SECONDS, wish["state"]))
            for key, wish in open_.items()
        }
        return sorted((key for key, one in self._pauses.items() if one.at <= now), key=self._at)[
            :MOST_AT_ONCE
        ]

    def _at(self, key: str) -> int:
        return self._pauses[key].at

    def _ask(self, key: str) -> bool:
        before = self._pauses[key]
        # an owner that is away is asked later
        with suppress(FreeholdError):
            granting.ask_again(self._host, key)
        state = asking.state_of(self._host.node, key)
        changed = state != before.state
        seconds = FIRST_PAUSE_SECONDS if changed else min(2 * before.seconds, LONGEST_PAUSE_SECONDS)
        self._pauses[key] = _Pause(self._host.node.now() + seconds, seconds, state)
        return changed

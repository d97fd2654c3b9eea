"""A node's control API that waits while the node, or the chain behind it, is being started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from freehold.core.errors import FreeholdError, Unavailable
from freehold.kernel.client import NodeClient

PATIENCE_SECONDS = 40.0
PAUSE_SECONDS = 0.25
ONCE = ("/api/publish", "/api/train")
"""Paths whose POST has an effect each time; only these are never repeated."""
_UNAVAILABLE = 503


class Patient:
    """`NodeClient` that repeats what may be repeated until it is answered."""

    def __init__(self, control: NodeClient) -> None:
        self._control = control
        self.url, self.token = control.url, control.token

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The JSON object at a path."""
        return patiently(lambda: self._control.get(path, **query))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a POST answers."""
        if path in ONCE:
            return self._control.post(path, body)
        return patiently(lambda: self._control.post(path, body))


def patiently(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of `act`, repeated while something it needs does not answer.

    Raises:
        FreeholdError: whatever it raised last, or what no waiting would mend.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return act()
        except FreeholdError as error:
            passing = isinstance(error, Unavailable) or getattr(error, "status", 0) == _UNAVAILABLE
            if not passing or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)

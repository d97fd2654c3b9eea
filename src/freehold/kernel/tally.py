"""What this process has counted since it started. Rendered by `metrics`."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

BUCKETS_SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
_METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")


@dataclass
class Latency:
    """Durations of one route."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_SECONDS) + 1))
    """By bucket, the last without an upper end; not cumulative."""
    seconds: float = 0.0
    """Their sum."""


class Tally:
    """Counters of one node; safe to use from several threads.

    Labels are route templates, known methods and codes of this program, so their number is bounded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._latencies: dict[str, Latency] = {}
        self._refusals: Counter[str] = Counter()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        with self._lock:
            self._requests[method if method in _METHODS else "other", route, status] += 1
            latency = self._latencies.setdefault(route, Latency())
            latency.counts[bisect_left(BUCKETS_SECONDS, seconds)] += 1
            latency.seconds += seconds

    def refusal(self, reason: str) -> None:
        """A limit was met: `address`, `peer`, `busy`, `bodies`, or `connections`."""
        with self._lock:
            self._refusals[reason] += 1

    def requests(self) -> dict[tuple[str, str, int], int]:
        """Requests by method, route and status."""
        with self._lock:
            return dict(self._requests)

    def latencies(self) -> dict[str, Latency]:
        """Durations by route."""
        with self._lock:
            return {route: Latency(list(one.counts), one.seconds) for route, one in self._latencies.items()}

    def refusals(self) -> dict[str, int]:
        """Limits met, by reason."""
        with self._lock:
            return dict(self._refusals)

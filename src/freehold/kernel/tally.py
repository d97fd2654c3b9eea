"""What this process has counted since it started, as `metrics` renders it; and what its text log says of requests."""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from freehold.kernel.limits import Buckets

BUCKETS_SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
PARTNER_LINES_PER_MINUTE, STRANGER_LINES_PER_MINUTE = 12, 1
SUMMARY_SECONDS = 60.0
_KINDS = 8
"""Of requests that a summary names; the others are added up."""
_log = logging.getLogger("freehold.http")
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


class RequestsLog:
    """The owner's requests one by one, others' within a budget, and the rest as counts.

    Whoever can send a request can otherwise write a line, as often as it likes. Lines of partners are bounded for each
    of them, lines of strangers for all together; what goes beyond is said once a minute, as numbers. Usable from
    several threads; a line is bounded whatever was sent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._partners = Buckets(PARTNER_LINES_PER_MINUTE, clock=clock)
        self._strangers = Buckets(STRANGER_LINES_PER_MINUTE, clock=clock)
        self._untold: Counter[tuple[str, int]] = Counter()
        self._told_at = clock()

    def tell(self, level: int, fields: dict[str, Any], *, owner: bool, partner: str) -> None:
        """Say that a request was answered, or count it."""
        if _log.isEnabledFor(level):
            if owner or not (self._partners.take(partner) if partner else self._strangers.take("")):
                _log.log(level, "request", extra={"fields": fields})
            else:
                with self._lock:
                    self._untold[f"{fields['method']} {fields['path']}"[:80], fields["status"]] += 1
        self._summarise()

    def _summarise(self) -> None:
        """Say how many were not told, if the last time is a minute ago."""
        with self._lock:
            if not self._untold or self._clock() - self._told_at < SUMMARY_SECONDS:
                return
            counts, self._told_at = self._untold, self._clock()
            self._untold = Counter()
        shown = counts.most_common(_KINDS)
        fields: dict[str, Any] = {
            "requests": counts.total(),
            "of": "; ".join(f"{count} x {route} {status}" for (route, status), count in shown),
        }
        _log.info("more requests, not told one by one", extra={"fields": fields})

"""What the text log says of requests: the owner's one by one, others' within a budget, and the rest as counts.

Whoever can send a request can otherwise write a line, as often as it likes. Lines of partners are bounded for each
of them, lines of strangers for all together; what goes beyond is said once a minute, as numbers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from freehold.kernel.limits import Buckets

PARTNER_LINES_PER_MINUTE, STRANGER_LINES_PER_MINUTE = 12, 1
SUMMARY_SECONDS = 60.0
_KINDS = 8
"""Of requests that a summary names; the others are added up."""
_log = logging.getLogger("freehold.http")


class RequestsLog:
    """Usable from several threads; a line is bounded whatever was sent."""

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

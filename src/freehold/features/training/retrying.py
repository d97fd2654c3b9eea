"""Jobs that stopped because somebody did not answer are taken up again by themselves, after pauses.

Trying again cannot help against a refusal, so only errors of the `Unavailable` kind are tried again, a
few times, each pause twice as long as the last. After that a job waits for its owner (`resume`).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from freehold.core.errors import FreeholdError, Unavailable
from freehold.features.training import kept
from freehold.features.training.jobs import Jobs
from freehold.features.training.tables import ENDED
from freehold.kernel.node import Node

MOST_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 10


@dataclass(frozen=True)
class Attempt:
    """How far a job came, and when it is taken up again."""

    place: tuple[str, int]
    """Step and round in which it stopped; attempts are counted anew where it came further."""
    number: int
    """Failures there, in a row."""
    next_at: int | None
    """Unix seconds; None if it waits for its owner."""
    seen: bool = False
    """Whether the pause is over and the job was taken up again."""


class Retries:
    """The attempts at the jobs of one node."""

    def __init__(self, node: Node, jobs: Jobs) -> None:
        self._node, self._jobs = node, jobs
        self._attempts: dict[str, Attempt] = {}
        self._lock = threading.Lock()

    def go_on(self) -> int:
        """Plan attempts for jobs that stopped, and begin those that are due; returns how many began."""
        began = 0
        for job_id in kept.going_on(self._node):
            began += self._look(self._jobs.get(job_id))
        return began

    def _look(self, job: dict[str, Any]) -> bool:
        error = job["error"]
        if job["running"] or job["held"] or not error or error["code"] not in _WORTH_ANOTHER:
            return False
        place, now = (str(job["step"]), int(job["round"])), self._node.now()
        with self._lock:
            known = self._attempts.get(job["id"])
            if known is None or known.place != place:
                known = _planned(place, 1, now)
            elif known.seen:
                known = _planned(place, known.number + 1, now)
            due = known.next_at is not None and known.next_at <= now
            self._attempts[job["id"]] = Attempt(known.place, known.number, known.next_at, seen=due)
        if due:
            self._jobs.go_on(job["id"])
        return due

    def overview(self) -> list[dict[str, Any]]:
        """Every job: id, name, state (running, waiting, stopped, done), attempts, last error, next try."""
        return [self._shown(job) for job in self._jobs.overview()]

    def counted(self) -> dict[str, int]:
        """How many jobs are in each of those states."""
        states = Counter(self._shown(job)["state"] for job in self._jobs.going_on())
        return {
            **{name: states[name] for name in ("running", "waiting", "stopped")},
            "done": kept.count_ended(self._node),
        }

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            known = self._attempts.get(job["id"])
        planned = known.next_at if known and job["error"] and not job["running"] else None
        if job["step"] in ENDED:
            state = "done"
        elif job["running"]:
            state = "running"
        else:
            state = "stopped" if planned is None and not job.get("waiting") else "waiting"
        return {
            "id": job["id"],
            "name": job["name"],
            "state": state,
            "step": job["step"],
            "attempts": known.number if known and state != "done" else 0,
            "last_error": job["error"],
            "next_try_at": planned,
        }


def _planned(place: tuple[str, int], number: int, now: int) -> Attempt:
    pause = FIRST_PAUSE_SECONDS * 2 ** (number - 1)
    return Attempt(place, number, None if number > MOST_ATTEMPTS else now + pause)


def _kinds(root: type[FreeholdError]) -> Iterator[str]:
    yield root.code
    for kind in root.__subclasses__():
        yield from _kinds(kind)


_WORTH_ANOTHER = frozenset(_kinds(Unavailable))

"""Training jobs in the background: one thread each, progress where the user looks, resumed at start."""

from __future__ import annotations

import logging
import threading
from typing import Any

from freehold.core.documents import Claim
from freehold.core.errors import Conflict, FreeholdError
from freehold.core.texts import Share, said
from freehold.features.grants.asking import GrantWaiting
from freehold.features.training import kept, training
from freehold.features.training.ordering import begin, is_good_enough
from freehold.features.training.rules.record import RunPlan
from freehold.features.training.wire import Order
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers

HOLD_SECONDS = 5.0
"""How long holding a job waits for the step in flight."""
FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 600.0
MAX_ASKS = 2_000
"""Owners who decide by hand are asked so often: for about two weeks, after which their requests lapsed."""
_log = logging.getLogger("freehold.jobs")


class JobStopping(Conflict, code="training.stopping"):
    """A job was told to stop and has not ended its step yet."""


class Jobs:
    """All training jobs of one node."""

    def __init__(self, node: Node, peers: Peers) -> None:
        self._node, self._peers = node, peers
        self._progress: dict[str, dict[str, Any]] = {}
        self._running: dict[str, tuple[threading.Thread, training.Job]] = {}
        self._lock = threading.Lock()

    def start(self, order: Order) -> str:
        """Begin a job and return its id; one that waits for owners goes on within what is allowed now.

        Raises JobHeld: it was stopped by hand. As `begin`.
        """
        job_id = begin(self._node, self._peers, order)
        self.go_on(job_id)
        return job_id

    def resume(self, prefix: str, at_most_units: int | None = None) -> str:
        """Go on with a job that stands still, also one that was stopped by hand; nothing happens if it runs or is done.

        `at_most_units` bounds what all its grants cost together, besides what was allowed when it was
        ordered. Raises NotFound, Ambiguous. JobStopping: it was stopped a moment ago.
        """
        job_id = kept.find(self._node, prefix)
        if not self.get(job_id)["running"]:
            with self._node.store.transaction() as tx:
                kept.bound(tx, job_id, at_most_units)
        return self.go_on(job_id, by_hand=True)

    def look_again(self, job_id: str) -> None:
        """What a job waits for may have come: one that waits asks at once; none is begun."""
        with self._lock:
            running = self._running.get(job_id)
            if running and running[0].is_alive() and not running[1].stopped:
                running[1].nudge()

    def go_on(self, job_id: str, *, by_hand: bool = False) -> str:
        """Go on with a job within what was allowed; one that was stopped by hand stays so unless `by_hand`.

        Raises NotFound. JobStopping.
        """
        with self._lock:
            running = self._running.get(job_id)
            if running and running[0].is_alive():
                if running[1].stopped:
                    raise JobStopping(
                        said("the job's last step is not over yet"), hint=said("Try again in a moment.")
                    )
                if self._progress.get(job_id, {}).get("waiting"):
                    self._progress[job_id] |= {"waiting": [], "error": None}
                    running[1].nudge()
                return job_id
            if kept.is_held(self._node, job_id):
                if not by_hand:
                    return job_id
                with self._node.store.transaction() as tx:
                    kept.hold(tx, job_id, held=False)
            if "plan" not in kept.require(self._node, job_id):
                raise Conflict(
                    said("this job was begun by an earlier Freehold"), hint=said("Order the training again.")
                )
            job = training.Job(
                self._node, self._peers, job_id, lambda progress: self._report(job_id, progress)
            )
            thread = threading.Thread(
                target=self._run, args=(job_id, job), name=f"job-{job_id[:10]}", daemon=True
            )
            self._running[job_id] = (thread, job)
            self._progress.pop(job_id, None)
            thread.start()
        return job_id

    def begin(self) -> None:
        """After a restart: go on with every job that is not done."""
        for job_id, job in kept.going_on(self._node).items():
            if "plan" in job and not kept.is_held(self._node, job_id):
                self.go_on(job_id)

    def hold(self, prefix: str) -> str:
        """Stop a job after the step in flight, until it is resumed by hand; what it has stays. Repeatable."""
        job_id = kept.find(self._node, prefix)
        with self._node.store.transaction() as tx:
            kept.hold(tx, job_id, held=True)
        with self._lock:
            running = self._running.get(job_id)
        if running:
            running[1].stop()
            running[0].join(timeout=HOLD_SECONDS)
        return job_id

    def _run(self, job_id: str, job: training.Job) -> None:
        try:
            self._run_patiently(job_id, job)
        except FreeholdError as error:
            _log.warning("job %s stands still: %s", job_id[:10], error.message)
            self._report(job_id, {"error": _shown(error), "waiting": []})
        except Exception:  # noqa: BLE001 - a thread has no caller: the job says so
            _log.exception("job %s failed", job_id[:10])
            self._report(
                job_id, {"error": {"title": "unexpected error", "hint": "See this node's log.", "code": ""}}
            )

    def _run_patiently(self, job_id: str, job: training.Job) -> None:
        """Ask owners who decide by hand again and again, less and less often."""
        for asked in range(MAX_ASKS):
            try:
                job.run()
            except GrantWaiting as error:
                if asked == MAX_ASKS - 1:
                    raise
                self._report(job_id, {"error": _shown(error), "waiting": error.fields["asked"]})
                if not job.rest(min(FIRST_WAIT_SECONDS * 2.0 ** min(asked, 20), LONGEST_WAIT_SECONDS)):
                    return
                self._report(job_id, {"error": None, "waiting": []})
            else:
                return

    def _report(self, job_id: str, progress: dict[str, Any]) -> None:
        with self._lock:
            self._progress[job_id] = {**self._progress.get(job_id, {}), **progress}

    def get(self, prefix: str) -> dict[str, Any]:
        """A job as it stands now."""
        job_id = kept.find(self._node, prefix)
        stored = kept.require(self._node, job_id)
        with self._lock:
            running = self._running.get(job_id)
            live = self._progress.get(job_id, {})
            waiting = live.get("waiting", [])
            alive = bool(running and running[0].is_alive()) and not waiting
        plan = stored.get("plan") or {}
        recipe = plan.get("recipe") or stored.get("recipe", {})
        measured = (
            self._node.typed(stored["contribution"], Claim) if plan and "contribution" in stored else None
        )
        return {
            "id": job_id,
            "name": stored["name"],
            "step": stored["step"],
            "round": live.get("round", 0),
            "rounds": recipe.get("rounds", 0),
            **{name: live.get(name, stored.get(name, {})) for name in ("absent", "silent", "grants")},
            "owners": len(stored["assets"]),
            "level": plan.get("level", "update"),
            "epsilon_micro": plan.get("epsilon_micro", 0),
            "quorum_bps": plan.get("quorum_bps", 10_000),
            "scores": measured.statement["scores"] if measured else None,
            "model": stored.get("model"),
            "run": stored.get("run"),
            "held": kept.is_held(self._node, job_id),
            "waiting": waiting,
            "error": None if alive else live.get("error"),
            "running": alive,
        }

    def release(self, prefix: str) -> str:
        """Release a model that was held back because it is no better than its baseline. Repeatable.

        Raises Conflict: it is not held back, or below the plan's least score.
        """
        job_id = kept.find(self._node, prefix)
        stored = kept.require(self._node, job_id)
        if stored["step"] == "withheld":
            plan = RunPlan.from_json(stored["plan"])
            if not is_good_enough(self._node, {**stored, "anyway": True}, plan):
                raise Conflict(
                    said(
                        "owners agreed to release only what is right on {share} of the test",
                        share=Share(plan.least_correct_bps),
                    ),
                    hint=said("Order the training again with another least score."),
                )
            with self._node.store.transaction() as tx:
                kept.keep(tx, job_id, {**stored, "step": "release", "anyway": True})
        elif not stored.get("anyway"):
            raise Conflict(said("this model is not held back"), hint=said("See: freehold jobs."))
        return self.go_on(job_id, by_hand=True)

    def overview(self) -> list[dict[str, Any]]:
        """All jobs, oldest first."""
        return [self.get(one) for one in kept.in_order(self._node)]

    def going_on(self) -> list[dict[str, Any]]:
        """Jobs that have not ended."""
        return [self.get(one) for one in kept.going_on(self._node)]

    def standing_still(self, most: int) -> list[dict[str, Any]]:
        """Jobs that stopped for a reason since this process began."""
        with self._lock:
            failed = [job_id for job_id, live in self._progress.items() if live.get("error")]
        return [job for job in map(self.get, failed[-most:]) if job["error"]]

    def stop(self) -> None:
        """Let steps in flight end; they resume at the next start."""
        with self._lock:
            running = list(self._running.values())
        for _, job in running:
            job.stop()
        for thread, _ in running:
            thread.join(timeout=5)


def _shown(error: FreeholdError) -> dict[str, str]:
    return {"title": error.message, "hint": error.hint, "code": error.code}

"""Training from Python: a job that is watched until its model is released."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from freehold.core.errors import FreeholdError, Unavailable
from freehold.features.models.wire import ModelShown
from freehold.features.training import wire

POLL_SECONDS = 0.1


class TrainingHalted(FreeholdError, code="training.halted"):
    """A training job stands still; `Node.resume` goes on with it."""


class ModelWithheld(TrainingHalted, code="training.held_back"):
    """A model was trained and is not released by itself; `Node.release` releases it all the same."""


class Shows(Protocol):
    """What is asked of a node while a job is watched."""

    def progress(self, job: str, /) -> wire.Job:
        """Where one job stands now."""

    def model(self, model: str, /) -> ModelShown:
        """One model."""


class Training:
    """A training job. Iterating yields its `Job` at each change until the model is released."""

    def __init__(self, node: Shows, job: str) -> None:
        self._node = node
        self.id = job
        """Of the job."""

    def __repr__(self) -> str:
        return f"Training({self.id!r})"

    @property
    def progress(self) -> wire.Job:
        """Where it stands now."""
        return self._node.progress(self.id)

    def __iter__(self) -> Iterator[wire.Job]:
        """Progress whenever it changes. Raises TrainingHalted: it stands still, and why. ModelWithheld."""
        return self._watch(None)

    def wait(self, timeout_seconds: float | None = None) -> ModelShown:
        """The released model.

        Raises TrainingHalted: it stands still. ModelWithheld: it is no better than its baseline. Unavailable:
        not done in time; the job goes on.
        """
        *_, last = self._watch(timeout_seconds)
        assert last.model is not None
        return self._node.model(last.model)

    def _watch(self, timeout_seconds: float | None) -> Iterator[wire.Job]:
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        seen: wire.Job | None = None
        while True:
            found = self.progress
            if found != seen:
                seen = found
                yield found
            if found.step == "done":
                return
            if found.step == "withheld":
                raise ModelWithheld(
                    f"the model is held back: right on {found.correct} of {found.test_rows} test rows,"
                    f" the commoner label alone on {found.majority_correct}",
                    hint=f"Release it all the same: node.release({self.id[:10]!r})",
                    job=self.id,
                )
            if not found.running:
                raise TrainingHalted(
                    f"training stands still at {found.step}: {found.error or 'no reason given'}",
                    hint=f"Mend it, then: node.resume({self.id[:10]!r})",
                    job=self.id,
                )
            if until is not None and time.monotonic() > until:
                raise Unavailable("training is not done yet; it goes on in the node", hint="Wait again.")
            time.sleep(POLL_SECONDS)


RETURNS = {wire.TRAIN: Training, wire.RESUME: Training, wire.RELEASE: Training}
"""What the methods of these operations return: a value made of the node and the job's id."""

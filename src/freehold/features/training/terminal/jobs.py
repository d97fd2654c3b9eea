"""Training jobs: the list of them, and one watched until it ends."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from freehold.core.errors import FreeholdError
from freehold.features.training import wire
from freehold.kernel.cli.output import note, plain, table
from freehold.kernel.client import NodeClient

_POLL_SECONDS = 0.1
_MOST_NAMED = 10
"""Owners named for one job; others are counted."""
_SAID = {
    "plan": "writing the plan",
    "grants": "buying grants",
    "rounds": "training",
    "open": "opening the test table",
    "value": "measuring contributions",
    "agree": "owners check the shares",
    "release": "releasing the model",
    "done": "done",
    "withheld": "held back",
}
STEPS = tuple(_SAID)[:-1]
"""In order; a job that is held back ends at `withheld` instead of the last two."""


class TrainingStopped(FreeholdError):
    """A training job stands still; it can be resumed."""

    code = "training.stopped"


class TrainingWaits(TrainingStopped):
    """A training job waits for owners who decide by hand; its node asks them again by itself."""

    code = "training.waits"
    exit_code = 8


class TrainingWithheld(FreeholdError):
    """A model was trained and is held back: it is no better than its baseline, or is to be looked at first."""

    code = "training.withheld"
    exit_code = 10


def watch(node: NodeClient, job: str) -> dict[str, Any]:
    """The job once its model is released; how far it is goes to stderr.

    Raises TrainingStopped, TrainingWaits, TrainingWithheld.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    said = ""
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("starting", total=1, at="")
        while True:
            state = node.perform(wire.PROGRESS, {"job": job})
            line, done, total = progress(state)
            bar.update(task, description=line, completed=done, total=total, at=f"{done}/{total}")
            if line != said and not console.is_terminal:
                note(line)
            said = line
            if state["step"] == "done":
                return state
            if not state.get("running"):
                raise stopped(state)
            time.sleep(_POLL_SECONDS)


def progress(state: dict[str, Any]) -> tuple[str, int, int]:
    """What to say and how far the job is, in steps of one round."""
    step, rounds, newest = str(state["step"]), int(state["rounds"] or 1), int(state["round"])
    at, training = STEPS.index(step if step in STEPS else "done"), STEPS.index("rounds")
    done = at if at < training else training + newest if at == training else at + rounds - 1
    line = _SAID.get(step, step)
    if step == "rounds":
        line = f"training, round {newest} of {rounds}"
        gone = [owner for owner, one in state["absent"].items() if max(one["rounds"], default=-1) >= newest]
        if gone:
            named = ", ".join(owner[:10] for owner in sorted(gone)[:_MOST_NAMED])
            line += f" (away: {named}{_others(len(gone))})"
    return line, done, len(STEPS) - 2 + rounds


def right(scores: dict[str, Any]) -> str:
    """How good a model is, beside the least that anybody would accept."""
    rows = scores["rows"]
    return (
        f"right on {scores['correct']} of {rows} test rows ({scores['correct'] / rows:.1%}); always giving the"
        f" commoner label on {scores['majority_correct']}, the best single owner's direction on"
        f" {scores['single_correct']}"
    )


def stopped(state: dict[str, Any]) -> FreeholdError:
    """Why a job that does not run goes no further by itself."""
    error, job, short = state.get("error") or {}, state["id"], state["id"][:10]
    if state["step"] == "withheld":
        scores = state["scores"]
        return TrainingWithheld(
            f"the model is held back: {right(scores)}",
            hint=f"Nothing was released. To release it all the same: freehold train --release {short}",
            job=job,
            scores=scores,
        )
    if state.get("waiting"):
        return TrainingWaits(
            f"training waits: {error.get('title', 'owners have not agreed yet')}",
            hint=f"{error.get('hint', '')} Look again with: freehold train --resume {short}".strip(),
            job=job,
            waiting=[row["owner_name"] for row in state["waiting"]],
        )
    return TrainingStopped(
        f"training stopped at '{_SAID.get(state['step'], state['step'])}': {error.get('title', 'no reason given')}",
        hint=f"{error.get('hint', '')} Then: freehold train --resume {short}".strip(),
        job=job,
        step=state["step"],
    )


def listed(answer: dict[str, Any]) -> Iterable[Any]:
    """All jobs, and under them what their owners did not do."""
    found = answer["jobs"]
    if not found:
        return ["no training jobs yet"]
    rows = (
        (
            str(job["id"])[:10],
            job["name"],
            progress(job)[0],
            "running" if job["running"] else plain((job["error"] or {}).get("title", "")),
            f"{job['scores']['correct'] / job['scores']['rows']:.1%}" if job["scores"] else "",
            str(job["model"] or "")[:10],
        )
        for job in found
    )
    made = table(("job", "name", "step", "state", "right", "model"), rows, right=("right",))
    return [made, *(line for job in found for line in _notes(job))]


def _notes(job: dict[str, Any]) -> Iterator[str]:
    """What a job's owners did not do, and what became of its model, a line each."""
    from freehold.features.training.rules import findings  # noqa: PLC0415

    short = str(job["id"])[:10]
    said = [(owner, findings.away(one)) for owner, one in sorted(job["absent"].items())]
    said += [(owner, f"has not agreed to the shares: {why}") for owner, why in sorted(job["silent"].items())]
    for owner, line in said[:_MOST_NAMED]:
        yield plain(f"{short}  {owner[:10]} {line}", most=400)
    if len(said) > _MOST_NAMED:
        yield f"{short} {_others(len(said))}"
    if job["step"] == "withheld":
        yield f"{short}  {right(job['scores'])}; release it all the same: freehold train --release {short}"


def _others(count: int) -> str:
    return f" and {count - _MOST_NAMED} more" if count > _MOST_NAMED else ""

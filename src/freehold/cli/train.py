"""Training over the data of several owners, step by step until the model is released."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.cli.client import NodeClient
from freehold.cli.options import DEFAULT_HOME, Dollars, Home, Json, units
from freehold.cli.output import emit, note, plain, table
from freehold.core.errors import FreeholdError, InvalidInput

STEPS = ("grants", "commit", "statistics", "plan", "rounds", "open", "value", "release", "done")
_POLL_SECONDS = 0.1
_SAID = {
    "grants": "buying grants",
    "commit": "committing to the test table",
    "statistics": "asking for column sums",
    "plan": "writing the plan",
    "rounds": "training",
    "open": "opening the test table",
    "value": "measuring contributions",
    "release": "releasing the model",
    "done": "done",
}


class TrainingStopped(FreeholdError):
    """A training job stands still; it can be resumed."""

    code = "training.stopped"


class TrainingWaits(TrainingStopped):
    """A training job waits for owners who decide by hand; its node asks them again by itself."""

    code = "training.waits"
    exit_code = 8


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("train")(train)
    app.command("jobs")(jobs)


def train(
    assets: Annotated[list[str] | None, typer.Argument(help="Ids of datasets, one of each owner.")] = None,
    *,
    test: Annotated[Path | None, typer.Option(help="Table that no owner has, to measure with.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model.")] = None,
    price: Dollars = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds of training.", min=1, max=1000)] = None,
    positive: Annotated[str | None, typer.Option(help="The label value that means 1.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Purpose to ask grants for.")] = None,
    resume: Annotated[str | None, typer.Option(help="Go on with a job that stopped.", metavar="JOB")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the job and return.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Train a model on datasets of others.

    Buys the grants, trains inside the owners' nodes, measures what each contributed, and releases the
    model with shares and a revenue pool. What was interrupted goes on with --resume. Owners who decide by
    hand are asked first; the job names those who have not answered, and goes on by itself once they agree.
    """
    node = NodeClient.of(home)
    if resume is not None:
        job = str(node.post(f"/api/jobs/{resume}/resume")["id"])
    else:
        if not assets or test is None or not name:
            raise InvalidInput(
                "training needs datasets, --test FILE and --name NAME",
                hint="Find datasets with: freehold search",
            )
        wanted = {
            "assets": assets,
            "test": str(test.expanduser().resolve()),
            "name": name,
            "price_units": units(price) or 0,
            "rounds": rounds,
            "positive": positive,
            "purpose": purpose,
        }
        job = str(node.post("/api/train", {key: v for key, v in wanted.items() if v is not None})["job"])
    if no_wait:
        emit({"job": job}, lambda: [f"job: {job}", "watch it with: freehold jobs"], as_json=as_json)
        return
    state = _watch(node, job)
    emit(
        state,
        lambda: [f"model: {state['model']}", f"serve it with: freehold serve {state['model'][:10]}"],
        as_json=as_json,
    )


def jobs(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List training jobs."""
    answer = NodeClient.of(home).get("/api/jobs")
    emit(answer, lambda: _table(answer["jobs"]), as_json=as_json)


def _watch(node: NodeClient, job: str) -> dict[str, Any]:
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
            state = node.get(f"/api/jobs/{job}")
            line, done, total = _progress(state)
            bar.update(task, description=line, completed=done, total=total, at=f"{done}/{total}")
            if line != said and not console.is_terminal:
                note(line)
            said = line
            if state["step"] == "done":
                return state
            if not state.get("running"):
                raise _stopped(state, job)
            time.sleep(_POLL_SECONDS)


def _progress(state: dict[str, Any]) -> tuple[str, int, int]:
    """What to say and how far the job is, in steps of one round."""
    rounds = int(state.get("rounds") or 1)
    step = str(state["step"])
    at = STEPS.index(step) if step in STEPS else 0
    done = at if at < 4 else 4 + int(state.get("round") or 0) if at == 4 else at + rounds - 1
    line = _SAID.get(step, step)
    if step == "rounds":
        line = f"training, round {state.get('round') or 0} of {rounds}"
        if state.get("absent"):
            line += f" (absent: {', '.join(str(owner)[:10] for owner in state['absent'])})"
    return line, done, len(STEPS) - 2 + rounds


def _stopped(state: dict[str, Any], job: str) -> TrainingStopped:
    error = state.get("error") or {}
    if state.get("waiting"):
        return TrainingWaits(
            f"training waits: {error.get('title', 'owners have not agreed yet')}",
            hint=f"{error.get('hint', '')} Look again with: freehold train --resume {job[:10]}".strip(),
            job=job,
            waiting=[row["owner_name"] for row in state["waiting"]],
        )
    return TrainingStopped(
        f"training stopped at '{_SAID.get(state['step'], state['step'])}': {error.get('title', 'no reason given')}",
        hint=f"{error.get('hint', '')} Then: freehold train --resume {job[:10]}".strip(),
        job=job,
        step=state["step"],
    )


def _table(found: list[dict[str, Any]]) -> Iterable[Any]:
    if not found:
        return ["no training jobs yet"]
    rows = (
        (
            str(job["id"])[:10],
            job.get("name", ""),
            _progress(job)[0],
            "running" if job.get("running") else plain((job.get("error") or {}).get("title", "")),
            str(job.get("model") or "")[:10],
        )
        for job in found
    )
    return [table(("job", "name", "step", "state", "model"), rows)]

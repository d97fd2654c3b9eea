"""Training as people see it: an order, its job until the model is released, tests kept for builders, audits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.money import dollars
from freehold.features.privacy.rules import promises
from freehold.features.training import wire
from freehold.features.training.rules import findings
from freehold.features.training.rules.findings import DOING
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import day, note, plain, table
from freehold.kernel.client import NodeClient
from freehold.kernel.terminal import agreed

_POLL_SECONDS = 0.1
_MOST_NAMED = 10
"""Owners named for one job; others are counted."""
STEPS = tuple(DOING)[:-1]


class TrainingStopped(FreeholdError, code="training.stopped"):
    """A training job stands still; it can be resumed."""


class TrainingWaits(TrainingStopped, code="training.waits", exit_code=8):
    """A training job waits for owners who decide by hand; its node asks them again by itself."""


class TrainingWithheld(FreeholdError, code="training.withheld", exit_code=10):
    """A model was trained and is held back: it is no better than its baseline, or is to be looked at first."""


def watch(node: NodeClient, job: str) -> dict[str, Any]:
    """The job once its model is released; else raises as `stopped` says. How far it is goes to stderr."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

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
    line = DOING.get(step, step)
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
        f"training stopped at '{DOING.get(state['step'], state['step'])}': {error.get('title', 'no reason given')}",
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


def _train(call: Call) -> None:
    job = _taken_up(call) or _ordered(call)
    if not job:
        return
    if call.more["no_wait"]:
        call.show({"job": job}, lambda _: [f"job: {job}", "watch it with: freehold jobs"])
        return
    call.show(watch(call.node, job), _released)


def _taken_up(call: Call) -> str:
    """A job that goes on, or whose model is released after all; empty where a new one is ordered."""
    for name, operation in (("resume", wire.RESUME), ("release", wire.RELEASE)):
        if call.more[name] is not None:
            said = {"job": call.more[name]}
            if operation is wire.RESUME:
                said["at_most"] = call.given["at_most"]
            return str(call.node.perform(operation, operation.taken(said))["id"])
    return ""


def _ordered(call: Call) -> str:
    """The job of a new order; empty where only its plan was wanted."""
    if not all(call.given[name] for name in ("assets", "test", "name")):
        raise InvalidInput(
            "training needs datasets, --test FILE and --name NAME", hint="Find datasets with: freehold search"
        )
    order = wire.TRAIN.taken(call.given)
    planned = call.node.perform(wire.PLAN, order)
    if call.more["plan_only"]:
        call.show(planned, lambda _: _summary(planned, order))
        return ""
    for line in _summary(planned, order):
        note(line)
    total = planned["total_units"]
    at_most = agreed(call.node, total, planned, call.given["at_most"])
    spoken = {"shown_units": total} if at_most is None else {"shown_units": total, "at_most_units": at_most}
    return str(call.node.perform(wire.TRAIN, order | spoken)["job"])


def _summary(planned: dict[str, Any], order: Mapping[str, Any]) -> Iterable[str]:
    """What an order comes to, a line each."""
    yield (
        f"plan     {planned['rounds']} rounds, {planned['uses']} uses of each dataset,"
        f" {dollars(planned['total_units'])} for the grants"
    )
    if planned["total_units"]:
        day = planned["spend_per_day_micro"]
        yield (
            f"pays     about {planned['gas']:,} gas; spent in 24 hours:"
            f" {dollars(planned['spent_units'])}{f' of {dollars(day)}' if day else ''}"
        )
    yield f"privacy  {promises.of_use(planned)}"
    yield f"expected {findings.expected(planned)}"
    if len(order["assets"]) > 1:
        yield f"copies   {findings.copies(planned, asked=order.get('compare', True))}"
    yield (
        f"test     {planned['test_rows']} rows, {planned['positives']} of label 1;"
        " shown to the owners at the end, and to everybody with the model's evidence"
    )


def _released(state: dict[str, Any]) -> Iterable[str]:
    yield f"model: {state['model']}"
    for owner, one in sorted(state["absent"].items())[:_MOST_NAMED]:
        yield plain(f"{owner[:10]} {findings.away(one)}", most=400)
    if state["scores"]:
        yield right(state["scores"])
    if state["silent"]:
        yield f"{len(state['silent'])} of {len(state['grants'])} owners have not agreed to the shares: freehold jobs"
    yield f"serve it with: freehold serve {state['model'][:10]}"


def audited(answer: dict[str, Any]) -> Iterable[Any]:
    """What a judge found."""
    said = "holds" if answer["holds"] else "DOES NOT HOLD"
    yield f"{answer['owner']}: {said}: {plain(answer['detail'])}"


def held(answer: dict[str, Any]) -> Iterable[Any]:
    """A test table that is kept from now on."""
    yield f"test: {answer['test']}"
    yield f"{answer['rows']:,} rows, {answer['positives']:,} of them with {plain(answer['label'])} = 1"


def tests(answer: dict[str, Any]) -> Iterable[Any]:
    """All that are kept."""
    found = answer["tests"]
    if not found:
        return ["no test tables are kept here"]
    rows = (
        (one["test"], f"{one['rows']:,}", plain(one["label"]), str(one["run"] or "unseen"), day(one["at"]))
        for one in found
    )
    return [table(("test", "rows", "label", "opened for run", "since"), rows, right=("rows",))]


VIEWS = {wire.JOBS: listed, wire.HOLD: held, wire.TESTS: tests, wire.AUDIT: audited}
COMMANDS = {
    "train": Command(
        wire.TRAIN,
        _train,
        words="""Train a model on datasets of others.

        Says what the run would come to, buys the grants, trains inside the owners' nodes under noise, measures
        what each contributed, lets the owners check it, and releases the model with shares and a revenue pool.
        What was interrupted goes on with --resume. Owners who decide by hand are asked first; the job names
        those who have not answered, and goes on by itself once they agree. A model that is no better than always
        giving the commoner label is held back (exit code 10); --release releases it all the same.
        """,
        without=("shown_units",),
        optional=("assets", "test", "name"),
        also=(wire.PROGRESS, wire.PLAN),
        more={
            "plan_only": (
                Annotated[
                    bool, typer.Option("--plan-only", help="Say what it would come to; ask and pay nothing.")
                ],
                False,
            ),
            "resume": (
                Annotated[str | None, typer.Option(help="Go on with a job that stopped.", metavar="JOB")],
                None,
            ),
            "release": (
                Annotated[
                    str | None, typer.Option(help="Release a model that was held back.", metavar="JOB")
                ],
                None,
            ),
            "no_wait": (Annotated[bool, typer.Option("--no-wait", help="Start the job and return.")], False),
        },
    )
}

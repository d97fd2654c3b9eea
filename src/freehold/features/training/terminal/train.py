"""Training over the data of several owners, from the order until the model is released."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from freehold.core.errors import InvalidInput
from freehold.features.training import wire
from freehold.features.training.terminal.jobs import right, watch
from freehold.kernel.cli.allowing import agreed
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import note
from freehold.kernel.operation import Operation


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
            said = {"job": call.more[name], **_limit(call, operation)}
            return str(call.node.perform(operation, operation.taken(said))["id"])
    return ""


def _limit(call: Call, operation: Operation[Any]) -> dict[str, Any]:
    return {"at_most": call.given["at_most"]} if operation is wire.RESUME else {}


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
    from freehold.core.money import dollars  # noqa: PLC0415
    from freehold.features.privacy.rules import promises  # noqa: PLC0415
    from freehold.features.training.rules import findings  # noqa: PLC0415

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
    yield f"test     {planned['test_rows']} rows, {planned['positives']} of label 1"


def _released(state: dict[str, Any]) -> Iterable[str]:
    yield f"model: {state['model']}"
    if state["scores"]:
        yield right(state["scores"])
    if state["silent"]:
        yield f"{len(state['silent'])} of {len(state['grants'])} owners have not agreed to the shares: freehold jobs"
    yield f"serve it with: freehold serve {state['model'][:10]}"


COMMAND = Command(
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
            Annotated[str | None, typer.Option(help="Release a model that was held back.", metavar="JOB")],
            None,
        ),
        "no_wait": (Annotated[bool, typer.Option("--no-wait", help="Start the job and return.")], False),
    },
)

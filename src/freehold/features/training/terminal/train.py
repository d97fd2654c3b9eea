"""Training over the data of several owners, from the order until the model is released."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.core.errors import InvalidInput
from freehold.features.training.terminal.jobs import right, watch
from freehold.kernel.cli.allowing import Max, agreed
from freehold.kernel.cli.options import DEFAULT_HOME, Dollars, Home, Json, millionths, units
from freehold.kernel.cli.output import emit, note
from freehold.kernel.client import NodeClient


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("train")(train)


def train(
    assets: Annotated[list[str] | None, typer.Argument(help="Ids of datasets, one of each owner.")] = None,
    *,
    test: Annotated[
        str | None,
        typer.Option(help="Table that no owner has, to measure with.", metavar="FILE"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model.")] = None,
    price: Dollars = None,
    per: Annotated[str | None, typer.Option(help="call, or row: what the price of an answer is for.")] = None,
    rows_per_call: Annotated[
        int | None, typer.Option(help="Most rows of one call of the model.", min=1, max=1_000)
    ] = None,
    round_to: Annotated[
        int | None,
        typer.Option(help="Decimals of a probability in an answer; 0 is the label only.", min=0, max=6),
    ] = None,
    most: Max = None,
    epsilon: Annotated[
        str | None,
        typer.Option(
            help="Most it may cost each owner's rows, such as 1 or 0.5; else all that the owners allow.",
            metavar="NUMBER",
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exact updates, where every owner offers them to you by name.")
    ] = False,
    rounds: Annotated[
        int | None, typer.Option(help="Rounds of training; else what suits the data.", min=1)
    ] = None,
    quorum: Annotated[
        float | None,
        typer.Option(
            help="Per cent of the rows without which no round counts, over 50.", metavar="PERCENT", max=100.0
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Seconds a round waits for owners beyond the quorum.", metavar="SECONDS", min=1, max=86_400
        ),
    ] = None,
    weight_cap: Annotated[
        float | None,
        typer.Option(
            help="Most per cent that one owner of three or more weighs in the model.",
            metavar="PERCENT",
            min=50.0,
            max=100.0,
        ),
    ] = None,
    least: Annotated[
        float | None,
        typer.Option(
            help="Per cent of right answers below which the model is held back.",
            metavar="PERCENT",
            min=0.0,
            max=100.0,
        ),
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Hold the model back until you have seen its scores.")
    ] = False,
    no_compare: Annotated[
        bool, typer.Option("--no-compare", help="Do not compare owners' rows; copies then count each time.")
    ] = False,
    positive: Annotated[str | None, typer.Option(help="The label value that means 1.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Purpose to ask grants for.")] = None,
    validator: Annotated[
        str | None,
        typer.Option(
            help="Account of a node that keeps the test table; --test is then its commitment.",
            metavar="ACCOUNT",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Account that owners let look into their tables in a dispute; only those who name it take part.",
            metavar="ACCOUNT",
        ),
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Say what it would come to; ask and pay nothing.")
    ] = False,
    resume: Annotated[str | None, typer.Option(help="Go on with a job that stopped.", metavar="JOB")] = None,
    release: Annotated[
        str | None, typer.Option(help="Release a model that was held back.", metavar="JOB")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the job and return.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Train a model on datasets of others.

    Says what the run would come to, buys the grants, trains inside the owners' nodes under noise, measures
    what each contributed, lets the owners check it, and releases the model with shares and a revenue pool.
    What was interrupted goes on with --resume. Owners who decide by hand are asked first; the job names
    those who have not answered, and goes on by itself once they agree. A model that is no better than always
    giving the commoner label is held back (exit code 10); --release releases it all the same.
    """
    node = NodeClient.of(home)
    if resume is not None or release is not None:
        act = "resume" if resume is not None else "release"
        job = str(node.post(f"/api/jobs/{resume or release}/{act}")["id"])
    else:
        order = _order(
            assets=assets,
            test=test if validator else test and str(Path(test).expanduser().resolve()),
            name=name,
            price_units=units(price),
            epsilon_micro=millionths(epsilon),
            level="update" if exact else None,
            rounds=rounds,
            quorum_bps=_bps(quorum),
            patience_seconds=patience,
            weight_cap_bps=_bps(weight_cap),
            least_correct_bps=_bps(least),
            compare=False if no_compare else None,
            positive=positive,
            purpose=purpose,
            validator=validator,
            judge=judge,
            review=review or None,
            per=per,
            rows_per_call=rows_per_call,
            round_to=round_to,
        )
        planned = node.post("/api/plan", order)
        if plan_only:
            emit(planned, lambda: _summary(planned, order), as_json=as_json)
            return
        for line in _summary(planned, order):
            note(line)
        at_most = agreed(node, planned["total_units"], planned, most)
        spoken = {"shown_units": planned["total_units"], "at_most_units": at_most}
        order |= {name: value for name, value in spoken.items() if value is not None}
        job = str(node.post("/api/train", order)["job"])
    if no_wait:
        emit({"job": job}, lambda: [f"job: {job}", "watch it with: freehold jobs"], as_json=as_json)
        return
    state = watch(node, job)
    emit(state, lambda: _released(state), as_json=as_json)


def _order(**wanted: Any) -> dict[str, Any]:
    if not wanted["assets"] or not wanted["test"] or not wanted["name"]:
        raise InvalidInput(
            "training needs datasets, --test FILE and --name NAME",
            hint="Find datasets with: freehold search",
        )
    if wanted["level"] == "update" and wanted["epsilon_micro"] is not None:
        raise InvalidInput(
            "exact updates have no epsilon",
            hint="Give --exact or --epsilon, not both: exact is without noise.",
        )
    return {key: value for key, value in wanted.items() if value is not None}


def _bps(percent: float | None) -> int | None:
    return None if percent is None else round(percent * 100)


def _summary(planned: dict[str, Any], order: dict[str, Any]) -> Iterable[str]:
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

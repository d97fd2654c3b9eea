"""Models: put them on sale, look at them, buy predictions."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.kernel.cli.allowing import Max, agreed
from freehold.kernel.cli.options import DEFAULT_HOME, Home, Json, units
from freehold.kernel.cli.output import emit, note, percent, plain, table
from freehold.kernel.client import NodeClient

EXACT_DECIMALS = 6
"""Decimals of an answer that is not rounded."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("serve")(serve)
    app.command("models")(models)
    app.command("predict")(predict)


def serve(
    model: Annotated[str, typer.Argument(help="Id of a model of yours.")],
    *,
    off: Annotated[bool, typer.Option("--off", help="Stop serving it.")] = False,
    calls_per_buyer: Annotated[
        int | None, typer.Option(help="Most calls of one buyer in 24 hours; 0 is no bound.", min=0)
    ] = None,
    rows_per_buyer: Annotated[
        int | None, typer.Option(help="Most rows of one buyer in 24 hours; 0 is no bound.", min=0)
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Sell answers of a model by the call.

    Exact answers give a simple model away: as many as it has columns, and one, solve for its weights. Train it
    with --round-to for rounded ones. A buyer with several accounts goes around the limits per buyer.
    """
    limits = {"calls_per_buyer": calls_per_buyer, "rows_per_buyer": rows_per_buyer}
    given = {name: value for name, value in limits.items() if value is not None}
    node = NodeClient.of(home)
    answer = node.post("/api/serve", {"model": model, "on": not off, **given})
    if off:
        emit(answer, lambda: [f"stopped serving: {answer['model']}"], as_json=as_json)
        return
    exact = node.get(f"/api/models/{answer['model']}")["round_to"] == EXACT_DECIMALS
    emit(answer, lambda: [f"serving: {answer['model']}", *([_REVEALED] if exact else [])], as_json=as_json)


def models(
    model: Annotated[str | None, typer.Argument(help="One model in detail.")] = None,
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """List models, or show who made one."""
    node = NodeClient.of(home)
    if model is None:
        answer = node.get("/api/models")
        emit(answer, lambda: _list(answer["models"]), as_json=as_json)
    else:
        found = node.get(f"/api/models/{model}")
        emit(found, lambda: _details(found), as_json=as_json)


def predict(
    model: Annotated[str, typer.Argument(help="Id of the model.")],
    rows: Annotated[
        str, typer.Argument(help="CSV or JSON file of rows; - reads stdin.", metavar="FILE")
    ] = "-",
    *,
    most: Max = None,
    deposit_calls: Annotated[
        int | None,
        typer.Option(
            help="Calls like this to set money aside for, where there is none; 10 by default.",
            min=1,
            max=10_000,
        ),
    ] = None,
    without_lineage: Annotated[
        bool,
        typer.Option("--without-lineage", help="Pay even if nothing shows what the model was made from."),
    ] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Buy predictions for the rows of a file.

    Each call is paid by a voucher and leaves a receipt that both sides sign. What it costs, and what is set aside
    for it in a payment channel, is said before; what is not used comes back: freehold channels close. Before the
    first, the model's lineage is verified; a model that shows none is refused (exit code 11).
    """
    from freehold.features.gateway.rows import read  # noqa: PLC0415

    node = NodeClient.of(home)
    node.get("/api/search", q="", kind="model")
    columns = list(node.get(f"/api/models/{model}")["columns"])
    asked = read(rows, sys.stdin.buffer, columns)
    more = {} if deposit_calls is None else {"deposit_calls": deposit_calls}
    limit = {} if most is None else {"at_most_units": units(most)}
    quote = node.post("/api/quote", {"model": model, "rows": len(asked), **more, **limit})
    for line in _cost(quote):
        note(line)
    aside = int(quote["deposit_units"])
    at_most = agreed(node, max(quote["price_units"], aside) if aside else 0, quote, most)
    # by its id, at the price shown: a name may be another model's by now
    order = {"model": quote["model"], "rows": asked, "shown_units": quote["price_units"], **more}
    order |= {"without_lineage": without_lineage, **({} if at_most is None else {"at_most_units": at_most})}
    answer = node.post("/api/predict", order)
    emit(answer, lambda: _outputs(answer), as_json=as_json)


_REVEALED = (
    "note: exact answers reveal a simple model, whose weights are public in evidence anyway;"
    " see docs/security/answers.md"
)


def _cost(quote: dict[str, Any]) -> Iterable[str]:
    """What a call takes, before it is paid."""
    from freehold.core.money import dollars  # noqa: PLC0415

    aside = ""
    if quote["deposit_units"]:
        aside = f"; {dollars(quote['deposit_units'])} are set aside first, for this call and later ones, by about {quote['gas']:,} gas"
    yield f"costs {dollars(quote['price_units'])}{aside}"
    day = quote["spend_per_day_micro"]
    yield f"spent in 24 hours: {dollars(quote['spent_units'])}{f' of {dollars(day)}' if day else ''}"


def _list(found: list[dict[str, Any]]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    if not found:
        return ["no models yet; train one: freehold train"]
    rows = (
        (
            short(model["id"]),
            model["name"],
            "you" if model["mine"] else model["owner_name"],
            f"{dollars(model['price_units'])}/{model['per']}",
            "yes" if model["serving"] else "",
        )
        for model in found
    )
    return [table(("model", "name", "owner", "price", "served here"), rows, right=("price",))]


def _details(model: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.money import dollars  # noqa: PLC0415

    yield f"{plain(model['name'])}  {model['id']}"
    yield plain(model["description"])
    if model["metrics"]:
        yield from _quality(model["metrics"])
    if "privacy" in model:
        from freehold.features.privacy.rules import promises  # noqa: PLC0415

        yield f"privacy  {promises.of_use(model['privacy'])}"
    yield f"price    {dollars(model['price_units'])} per {model['per']}, at most {model['rows_per_call']:,} rows a call"
    if model["round_to"] < EXACT_DECIMALS:
        digits = model["round_to"]
        yield f"answers  to {digits} decimals" if digits else "answers  the label only"
    pool = model.get("pool")
    if pool:
        yield f"revenue  {dollars(pool['in_units'])} in, {dollars(pool['paid_out_units'])} paid out, {dollars(pool['held_units'])} held"
    if model.get("contribution"):
        yield from _parts(model["contribution"], (model["metrics"] or {}).get("correct"))
    if model.get("earlier_runs"):
        yield f"earlier runs on the same rows: {', '.join(run[:10] for run in model['earlier_runs'])}"


def _quality(metrics: dict[str, Any]) -> Iterable[str]:
    """How good it is, with what chance allows, beside what anybody would reach without it."""
    from freehold.features.models.rules import worth  # noqa: PLC0415

    rows, right = metrics["rows"], metrics["correct"]
    yield (
        f"accuracy {right / rows:.1%} ({right} of {rows} test rows);"
        f" {worth.interval(metrics['accuracy_bps'])} in 95 of 100 such tests"
    )
    yield (
        f"beside   {metrics['majority_correct'] / rows:.1%} by always giving the commoner label,"
        f" {metrics['single_correct'] / rows:.1%} by the best single owner's direction"
    )
    yield f"AUC      {metrics['auc_ppm'] / 1_000_000:.3f}; {worth.interval(metrics['auc_bps'])}"
    yield f"off by   {metrics['calibration_ppm'] / 10_000:.1f} points, probability from frequency, on average"


def _parts(shares: list[dict[str, Any]], right: int | None) -> Iterable[Any]:
    from freehold.features.models.rules import worth  # noqa: PLC0415

    rows_ = (
        (
            item["name"],
            item["rows"],
            percent(item["share_bps"]),
            worth.points(item["error_ppm"]),
            item["away"] or "",
            "yes" if item["agreed"] else "no",
            ""
            if right is None or item["without_correct"] is None
            else f"{item['without_correct'] - right:+d}",
            item["account"],
        )
        for item in shares
    )
    names = ("owner", "rows", "share", "error", "rounds away", "agreed", "right without it", "account")
    yield table(names, rows_, right=("rows", "share", "error", "rounds away", "right without it"))
    if worth.is_by_rows(shares):
        yield worth.ROWS_ALONE
    silent = [plain(item["name"]) for item in shares if not item["agreed"]]
    if silent:
        yield f"not agreed to the shares: {', '.join(silent)}"


def _outputs(answer: dict[str, Any]) -> Iterable[Any]:
    rows = (
        (number, output["label"], f"{output['probability_ppm'] / 10_000:.2f} %")
        for number, output in enumerate(answer["outputs"], start=1)
    )
    yield table(("row", "label", "probability of 1"), rows, right=("row", "label", "probability of 1"))
    from freehold.core.ids import document_id  # noqa: PLC0415

    yield f"receipt: {document_id(answer['receipt']['document'])}"

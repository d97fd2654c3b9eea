"""Models: put them on sale, look at them, buy predictions."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.cli.client import NodeClient
from freehold.cli.options import DEFAULT_HOME, Home, Json
from freehold.cli.output import emit, percent, plain, table


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("serve")(serve)
    app.command("models")(models)
    app.command("predict")(predict)


def serve(
    model: Annotated[str, typer.Argument(help="Id of a model of yours.")],
    *,
    off: Annotated[bool, typer.Option("--off", help="Stop serving it.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Sell answers of a model by the call."""
    answer = NodeClient.of(home).post("/api/serve", {"model": model, "on": not off})
    said = "stopped serving" if off else "serving"
    emit(answer, lambda: [f"{said}: {answer['model']}"], as_json=as_json)


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
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Buy predictions for the rows of a file.

    Each call is paid by a voucher and leaves a receipt that both sides sign.
    """
    from freehold.cli.rows import read  # noqa: PLC0415

    node = NodeClient.of(home)
    node.get("/api/search", q="", kind="model")
    columns = list(node.get(f"/api/models/{model}")["columns"])
    answer = node.post("/api/predict", {"model": model, "rows": read(rows, sys.stdin.buffer, columns)})
    emit(answer, lambda: _outputs(answer), as_json=as_json)


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
            f"{dollars(model['price_units'])}/{model['price_per']}",
            "yes" if model["serving"] else "",
        )
        for model in found
    )
    return [table(("model", "name", "owner", "price", "served here"), rows, right=("price",))]


def _details(model: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.money import dollars  # noqa: PLC0415

    yield f"{plain(model['name'])}  {model['id']}"
    yield plain(model["description"])
    metrics = model.get("metrics") or {}
    if metrics.get("test_rows"):
        right, rows = metrics["correct"], metrics["test_rows"]
        yield f"accuracy {right / rows:.1%} ({right} of {rows} test rows)"
    yield f"price    {dollars(model['price_units'])} per {model['price_per']}"
    pool = model.get("pool")
    if pool:
        yield f"revenue  {dollars(pool['in_units'])} in, {dollars(pool['paid_out_units'])} paid out, {dollars(pool['held_units'])} held"
    shares = model.get("contribution") or []
    if shares:
        rows_ = ((item["name"], item["rows"], percent(item["share_bps"]), item["account"]) for item in shares)
        yield table(("owner", "rows", "share", "account"), rows_, right=("rows", "share"))


def _outputs(answer: dict[str, Any]) -> Iterable[Any]:
    rows = (
        (number, output["label"], f"{output['probability_ppm'] / 10_000:.2f} %")
        for number, output in enumerate(answer["outputs"], start=1)
    )
    yield table(("row", "label", "probability of 1"), rows, right=("row", "label", "probability of 1"))
    from freehold.core.ids import document_id  # noqa: PLC0415

    yield f"receipt: {document_id(answer['receipt']['document'])}"

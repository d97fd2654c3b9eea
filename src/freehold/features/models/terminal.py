"""Models as people see them: a list, or one with whose data made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.core.documents import EXACT_DECIMALS
from freehold.core.ids import short
from freehold.core.money import dollars
from freehold.features.models import wire
from freehold.features.models.rules import worth
from freehold.features.privacy.rules import promises
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import percent, plain, table


def _models(call: Call) -> None:
    if call.more["model"] is None:
        call.show(call.answer(wire.LIST), _list)
    else:
        call.show(call.answer(wire.SHOW, model=call.more["model"]), _details)


def _list(answer: dict[str, Any]) -> Iterable[Any]:
    found = answer["models"]
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
    yield f"{plain(model['name'])}  {model['id']}"
    yield plain(model["description"])
    if model["metrics"]:
        yield from _quality(model["metrics"])
    if "privacy" in model:
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
    rows_ = (
        (
            item["name"],
            "" if item["rows"] is None else item["rows"],
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


COMMANDS = {
    "models": Command(
        wire.LIST,
        _models,
        also=(wire.SHOW,),
        more={"model": (Annotated[str | None, typer.Argument(help="One model in detail.")], None)},
        words="List models, or show who made one.",
        shown="freehold models 0x77b1",
    )
}

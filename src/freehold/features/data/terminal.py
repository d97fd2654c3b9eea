"""Publishing datasets and finding those of others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.features.data import bounds as columns_bounds
from freehold.kernel.cli.options import DEFAULT_HOME, Dollars, Home, Json, millionths, units
from freehold.kernel.cli.output import day, emit, table
from freehold.kernel.client import NodeClient


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("publish")(publish)
    app.command("search")(search)


def publish(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet table: numeric columns and a 0/1 label.")],
    *,
    label: Annotated[str, typer.Option(help="Name of the label column.")],
    positive: Annotated[str | None, typer.Option(help="The label value that means 1.")] = None,
    inspect: Annotated[bool, typer.Option("--inspect", help="Only show what would be published.")] = False,
    name: Annotated[str | None, typer.Option(help="Name in the catalogue; by default the file's.")] = None,
    description: Annotated[str | None, typer.Option(help="A sentence for those who search.")] = None,
    price: Dollars = None,
    purpose: Annotated[list[str] | None, typer.Option(help="What it may be used for; repeatable.")] = None,
    max_uses: Annotated[int | None, typer.Option(help="Uses for each grant.", min=1)] = None,
    days: Annotated[int | None, typer.Option(help="How long grants may last.", min=1)] = None,
    approval: Annotated[
        str | None, typer.Option(help="automatic, or ask: you decide each request for a grant.")
    ] = None,
    epsilon: Annotated[
        str | None, typer.Option(help="Most that one training run may cost the rows; 1 by default.")
    ] = None,
    epsilon_life: Annotated[
        str | None, typer.Option(help="Most that all runs together may cost them, for ever; 4 by default.")
    ] = None,
    reveals: Annotated[
        str | None,
        typer.Option(
            help="noised, or update: exact updates, from which rows can be rebuilt; needs --holder."
        ),
    ] = None,
    holder: Annotated[
        list[str] | None,
        typer.Option(help="An account that alone may use it; repeatable.", metavar="ACCOUNT"),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(help="Account that may have you open the table to it after a run; repeatable."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Column that names whose row it is; its cells stay here.")
    ] = None,
    rows_each: Annotated[
        int | None, typer.Option(help="Most rows of one subject; 1 by default.", min=1, max=1_000)
    ] = None,
    bounds: Annotated[
        list[str] | None,
        typer.Option(
            help="Range of a column, known without the rows: NAME=LOW:HIGH, repeatable; or a CSV file of them.",
            metavar="RANGE",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Offer a table on your terms.

    It is sealed in this node's vault and never leaves it; what others see is a signed description. Training shows
    them noised sums over its distinct rows; epsilon bounds what those tell about any one row.
    """
    node = NodeClient.of(home)
    counted = {
        "positive": positive,
        "subject": subject,
        "rows_each": rows_each,
        "bounds": columns_bounds.read(bounds or []) or None,
        "epsilon_run_micro": millionths(epsilon),
        "epsilon_life_micro": millionths(epsilon_life),
    }
    wanted: dict[str, Any] = {"path": str(file.expanduser().resolve()), "label": label, **_given(counted)}
    if inspect:
        report = node.post("/api/inspect", wanted)
        emit(report, lambda: _inspection(report), as_json=as_json)
        return
    terms = {
        "price_units": units(price) or 0,
        "purposes": purpose or None,
        "max_uses": max_uses,
        "days": days,
        "approval": approval,
        "reveals": reveals,
        "holders": holder or None,
        "judges": judge or None,
    }
    answer = node.post(
        "/api/publish", {**wanted, **_given({"name": name, "description": description, **terms})}
    )
    emit(answer, lambda: _published(answer), as_json=as_json)


def search(
    text: Annotated[str, typer.Argument(help="Part of a name, description or column.")] = "",
    *,
    kind: Annotated[str, typer.Option(help="dataset or model; by default both.")] = "",
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Find what peers offer."""
    answer = NodeClient.of(home).get("/api/search", q=text, kind=kind)
    emit(answer, lambda: _table(answer["assets"]), as_json=as_json)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _published(answer: dict[str, Any]) -> Iterable[Any]:
    from freehold.core import epsilons  # noqa: PLC0415
    from freehold.features.privacy.rules import promises  # noqa: PLC0415

    asset = answer["asset"]
    yield f"published: {asset['id']}"
    yield from _table([asset])
    for warning in answer["warnings"]:
        yield f"note: {warning}"
    run, life = (epsilons.text(asset[f"epsilon_{span}_micro"]) for span in ("run", "life"))
    yield f"a run may cost the rows an epsilon of {run}, all runs together {life}; what was spent: freehold privacy"
    if asset["reveals"] == "update":
        yield promises.EXACT


def _inspection(report: dict[str, Any]) -> Iterable[Any]:
    columns = report["columns"]
    yield f"{report['file']}: {report['rows']:,} rows, {len(columns)} columns, {report['size_bytes']:,} bytes"
    yield f"label {report['label']}: {report['positives']:,} rows are 1, {report['rows'] - report['positives']:,} are 0"
    yield f"columns: {', '.join(columns[:12])}{f' and {len(columns) - 12} more' if len(columns) > 12 else ''}"
    for warning in report["warnings"]:
        yield f"note: {warning}"
    yield from report["privacy"]
    yield "nothing was published; leave out --inspect to publish"


def _table(assets: list[dict[str, Any]]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    if not assets:
        return ["nothing found; add a node to search with: freehold peers add URL"]
    rows = (
        (
            short(asset["id"]),
            asset["kind"],
            asset["name"],
            "you" if asset["mine"] else asset["owner_name"],
            "" if asset["rows"] is None else f"{asset['rows']:,}",
            asset["label"] or "",
            f"{dollars(asset['price_units'])}/{asset['per'] if asset['price_per'] == 'use' else 'grant'}",
            day(asset["expires_at"]),
            "asks first" if asset.get("approval") == "ask" else "",
        )
        for asset in assets
    )
    return [
        table(
            ("asset id", "kind", "name", "owner", "rows", "label", "price", "until", "approval"),
            rows,
            right=("rows", "price"),
        )
    ]

"""Neutral parts in a run: keeping a test table for a builder, and checking an owner that a run names you judge of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.kernel.cli.options import DEFAULT_HOME, Home, Json
from freehold.kernel.cli.output import day, emit, plain, table
from freehold.kernel.client import NodeClient


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="Test tables kept for builders until a run is over.")
    group.command("hold")(hold)
    group.command("list")(list_tests)
    app.add_typer(group, name="tests")
    app.command("audit")(audit)


def hold(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet table that nobody trains on.")],
    *,
    label: Annotated[str, typer.Option(help="Name of the label column.")],
    builder: Annotated[str, typer.Option(help="Account of the builder, who alone may have it opened.")],
    positive: Annotated[str | None, typer.Option(help="The label value that means 1.")] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Keep a test table for a builder who is not to see it yet.

    It is shown once the run that it measures is over. It is sealed in this node's vault. The builder orders with the commitment this prints and with your account.
    """
    wanted = {
        "path": str(file.expanduser().resolve()),
        "label": label,
        "builder": builder,
        "positive": positive,
    }
    answer = NodeClient.of(home).post("/api/tests", {k: v for k, v in wanted.items() if v is not None})
    emit(answer, lambda: _held(answer), as_json=as_json)


def list_tests(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List test tables kept here, and the run each was opened for."""
    answer = NodeClient.of(home).get("/api/tests")
    emit(answer, lambda: _table(answer["tests"]), as_json=as_json)


def audit(
    model: Annotated[str, typer.Argument(help="A released model whose run names you as its judge.")],
    *,
    owner: Annotated[
        str | None, typer.Option(help="Account to check; by default one drawn by chance.")
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Have an owner open its table to you, and repeat its updates.

    The finding is a signed claim in your log. The table stays in memory and is not kept.
    """
    body = {"model": model, "owner": owner}
    answer = NodeClient.of(home).post("/api/audits", {k: v for k, v in body.items() if v is not None})
    said = "holds" if answer["holds"] else "DOES NOT HOLD"
    emit(answer, lambda: [f"{answer['owner']}: {said}: {plain(answer['detail'])}"], as_json=as_json)


def _held(answer: dict[str, Any]) -> Iterable[Any]:
    yield f"test: {answer['test']}"
    yield f"{answer['rows']:,} rows, {answer['positives']:,} of them with {plain(answer['label'])} = 1"


def _table(found: list[dict[str, Any]]) -> Iterable[Any]:
    if not found:
        return ["no test tables are kept here"]
    rows = (
        (one["test"], f"{one['rows']:,}", plain(one["label"]), str(one["run"] or "unseen"), day(one["at"]))
        for one in found
    )
    return [table(("test", "rows", "label", "opened for run", "since"), rows, right=("rows",))]

"""What came in and what is yours of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.cli.client import NodeClient
from freehold.cli.options import DEFAULT_HOME, Home, Json
from freehold.cli.output import emit, plain, table


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("earnings")(earnings)
    app.command("claim")(claim)
    app.command("settle")(settle)


def earnings(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show what grants and models earned this node."""
    answer = NodeClient.of(home).get("/api/earnings")
    emit(answer, lambda: _lines(answer), as_json=as_json)


def claim(
    model: Annotated[str | None, typer.Argument(help="One model only; by default all.")] = None,
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Move your share of models' revenue into your wallet."""
    answer = NodeClient.of(home).post("/api/claim", {} if model is None else {"model": model})
    emit(answer, lambda: _lines(answer), as_json=as_json)


def settle(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Bring what buyers paid into the models' revenue pools on chain."""
    answer = NodeClient.of(home).post("/api/settle")
    emit(answer, lambda: _lines(answer), as_json=as_json)


def _lines(answer: dict[str, Any]) -> Iterable[Any]:
    """Totals as lines, lists as tables; amounts by their names."""
    for name, value in answer.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            columns = [key for key, cell in value[0].items() if not isinstance(cell, list | dict)]
            right = [_title(key) for key in columns if isinstance(value[0][key], int)]
            yield f"{_title(name)}:"
            yield table(
                [_title(key) for key in columns],
                ([_cell(key, row.get(key)) for key in columns] for row in value),
                right=right,
            )
        elif not isinstance(value, list | dict):
            yield f"{_title(name)}: {_cell(name, value)}"


def _title(name: str) -> str:
    return plain(name.removesuffix("_units").removesuffix("_bps").replace("_", " "))


def _cell(name: str, value: Any) -> str:
    from freehold.core.money import dollars  # noqa: PLC0415

    if isinstance(value, int) and name.endswith("_units"):
        return dollars(value)
    if isinstance(value, int) and name.endswith("_bps"):
        return f"{value / 100:.2f} %"
    text = plain("" if value is None else value)
    return text[:10] if text.startswith("0x") and len(text) > 42 else text

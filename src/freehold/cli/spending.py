"""What this node may spend, and what it did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer

from freehold.cli.client import NodeClient
from freehold.cli.options import DEFAULT_HOME, Home, Json
from freehold.cli.output import emit, minute, table


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("spending")(spending)


def spending(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show what this node may spend, and what it spent.

    Limits are settings: freehold config set spend_per_day_micro NUMBER, and spend_per_act_micro.
    """
    answer = NodeClient.of(home).get("/api/spending")
    emit(answer, lambda: _shown(answer), as_json=as_json)


def _shown(answer: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    if answer["payments"]:
        rows = (
            (minute(row["at"]), row["purpose"], short(row["about"]), dollars(row["units"]), row["state"])
            for row in answer["payments"]
        )
        yield table(("when", "what", "for", "dollars", "state"), rows, right=("dollars",))
    for name, what in (("spend_per_act_micro", "one act"), ("spend_per_day_micro", "24 hours")):
        limit = answer[name]
        yield f"{what:8} {dollars(limit) if limit else f'no limit set: freehold config set {name} NUMBER'}"
    yield f"spent    {dollars(answer['spent_units'])} in the last 24 hours"

"""What this node may spend, and what it did."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.kernel.client import NodeClient
from freehold.kernel.terminal.options import DEFAULT_HOME, Home, Json, units
from freehold.kernel.terminal.output import emit, minute, table


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("spending")(spending)


def spending(
    *,
    per_day: Annotated[
        str | None,
        typer.Option(help="Most to spend in any 24 hours from now on; 0 is no limit.", metavar="DOLLARS"),
    ] = None,
    per_act: Annotated[
        str | None,
        typer.Option(
            help="Most for one call with its deposit, one grant or one training job; 0 is no limit.",
            metavar="DOLLARS",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Show, or set, what this node may spend, and what it spent.

    A limit is in dollars and counts from now on, also in a node that runs.
    """
    given = {"spend_per_act_micro": per_act, "spend_per_day_micro": per_day}
    # a unit is a millionth of a dollar
    chosen = {name: units(said) for name, said in given.items() if said is not None}
    node = NodeClient.of(home)
    answer = node.post("/api/spending", chosen) if chosen else node.get("/api/spending")
    emit(answer, lambda: _limits(answer) if chosen else _shown(answer, home), as_json=as_json)


def _limits(answer: dict[str, Any]) -> Iterable[str]:
    from freehold.core.money import dollars  # noqa: PLC0415

    for name, what in (("spend_per_act_micro", "for one act"), ("spend_per_day_micro", "in 24 hours")):
        yield f"{dollars(answer[name])} {what}" if answer[name] else f"no limit {what}"


def _shown(answer: dict[str, Any], home: Path) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415
    from freehold.vault.home_folder import option as option_of  # noqa: PLC0415

    if answer["payments"]:
        rows = (
            (minute(row["at"]), row["purpose"], short(row["about"]), dollars(row["units"]), row["state"])
            for row in answer["payments"]
        )
        yield table(("when", "what", "for", "dollars", "state"), rows, right=("dollars",))
    for name, what, option in (
        ("spend_per_act_micro", "one act", "--per-act"),
        ("spend_per_day_micro", "24 hours", "--per-day"),
    ):
        limit, how = answer[name], f"freehold spending {option} DOLLARS{option_of(home)}"
        yield f"{what:8} {dollars(limit) if limit else f'no limit set: {how}'}"
    yield f"spent    {dollars(answer['spent_units'])} in the last 24 hours"

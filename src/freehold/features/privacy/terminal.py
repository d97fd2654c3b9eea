"""What training has cost the rows of this node, and what may still be spent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.kernel.cli.options import DEFAULT_HOME, Home, Json
from freehold.kernel.cli.output import day, emit, table
from freehold.kernel.client import NodeClient

MOST_NAMES = 3


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("privacy")(privacy)


def privacy(
    asset: Annotated[str, typer.Argument(help="A dataset's id or its beginning; by default all.")] = "",
    *,
    runs: Annotated[bool, typer.Option("--runs", help="Also show the newest runs of each.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Show the privacy budget of your data and what was spent.

    Tables that share a row share their budget. What is left is the epsilon of the largest run that still fits:
    costs add up more slowly than their epsilons.
    """
    answer = NodeClient.of(home).get("/api/privacy", **({"asset": asset} if asset else {}))
    emit(answer, lambda: _shown(answer["lines"], runs=runs), as_json=as_json)


def _shown(lines: list[dict[str, Any]], *, runs: bool) -> Iterable[Any]:
    from freehold.core import epsilons  # noqa: PLC0415
    from freehold.features.privacy.rules import promises  # noqa: PLC0415

    if not lines:
        yield "no dataset here has a privacy budget yet: freehold publish"
        return
    yield table(
        ("data", "budget", "spent", "left for a run", "runs", "reveals"),
        (
            (
                _names(line),
                epsilons.text(line["epsilon_life_micro"]),
                epsilons.rough_up(line["spent_micro"]),
                epsilons.rough(line["left_micro"]),
                f"{line['run_count']:,}",
                line["reveals"],
            )
            for line in lines
        ),
        right=("budget", "spent", "left for a run", "runs"),
    )
    for line in lines:
        yield f"{_names(line)}: {promises.of_line(line)}"
        if runs:
            yield from _runs(line)
    yield promises.unit()


def _runs(line: dict[str, Any]) -> Iterable[Any]:
    from freehold.core import epsilons  # noqa: PLC0415
    from freehold.core.ids import short  # noqa: PLC0415

    rows = (
        (
            short(run["run"]),
            run["holder"],
            epsilons.text(run["epsilon_micro"]) if run["epsilon_micro"] else "exact",
            day(run["at"]),
        )
        for run in line["runs"]
    )
    if line["runs"]:
        yield table(("run", "for", "epsilon", "when"), rows, right=("epsilon",))


def _names(line: dict[str, Any]) -> str:
    # versions of a table often share its name
    names = list(dict.fromkeys(asset["name"] for asset in line["assets"])) or [line["line"][:10]]
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")

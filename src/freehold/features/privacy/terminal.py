"""What training has cost the rows of this node, and what may still be spent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.core import epsilons
from freehold.core.ids import short
from freehold.features.privacy import wire
from freehold.features.privacy.rules import promises
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import day, table

MOST_NAMES = 3
Runs = Annotated[bool, typer.Option("--runs", help="Also show the newest runs of each.")]


def _shown(lines: list[dict[str, Any]], *, runs: bool) -> Iterable[Any]:
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


def _privacy(call: Call) -> None:
    runs = call.more["runs"]
    call.show(call.answer(wire.BUDGETS), lambda answer: _shown(answer["lines"], runs=runs))


COMMANDS = {"privacy": Command(wire.BUDGETS, _privacy, more={"runs": (Runs, False)}, without=("limit",))}

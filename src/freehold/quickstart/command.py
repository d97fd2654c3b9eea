"""The whole main job on this machine, with real processes, in under a minute."""

from __future__ import annotations

from typing import Annotated

import typer

from freehold.kernel.cli.options import DEFAULT_HOME, Home, Json
from freehold.kernel.cli.output import emit
from freehold.quickstart.shapes import Played

PRINTS = {"quickstart": (Played,)}


def quickstart(
    *,
    leave: Annotated[
        bool, typer.Option("--exit", help="End after the report instead of serving it.")
    ] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Play the whole main job on this machine.

    Six owners, a builder and a buyer, each a process of its own: publish, train, sell, pay out, prove.
    """
    from freehold.quickstart import pages, progress, report, run  # noqa: PLC0415

    def then(result: run.Result) -> None:
        steps.finish()
        emit(result.values, lambda: report.tables(result.values), as_json=as_json)
        if not leave:
            pages.serve(result)

    with progress.shown() as steps:
        run.run(home.expanduser(), progress=steps, then=then)


COMMANDS = {"quickstart": (quickstart, "freehold quickstart --exit --json")}

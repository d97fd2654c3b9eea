"""What an act would take, said before it is paid; and, in a terminal, the question of how much may be spent."""

from __future__ import annotations

import sys
from typing import Any

import typer

from freehold.core import money
from freehold.kernel.cli.output import note
from freehold.kernel.client import NodeClient
from freehold.kernel.wire import LIMIT


def agreed(node: NodeClient, total_units: int, found: dict[str, Any], given: str | None) -> int | None:
    """Most that an act which takes `total_units` may cost, as its owner said; None where only the node's limits count.

    `found` holds the node's limits and what the last 24 hours took. Where nothing limits the act and somebody
    sits at the terminal, they are asked, and what they say for good is remembered.
    """
    if given is not None:
        return money.units(given)
    limited = found["spend_per_act_micro"] or found["spend_per_day_micro"]
    if not total_units or limited or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return _asked(node, total_units, int(found["spent_units"]))


def _asked(node: NodeClient, total_units: int, spent_units: int) -> int:
    note(
        f"nothing limits yet what this node spends; this takes {money.dollars(total_units)}, the last 24 hours {money.dollars(spent_units)}"
    )
    if typer.confirm("Pay it?", err=True, default=False):
        said = typer.prompt(
            "Most to spend in any 24 hours from now on, in dollars (empty: only this once)",
            default="",
            show_default=False,
            err=True,
        )
        if said.strip():
            # a unit is a millionth of a dollar
            node.perform(LIMIT, {"spend_per_day_micro": money.units(said)})
        return total_units
    raise typer.Abort

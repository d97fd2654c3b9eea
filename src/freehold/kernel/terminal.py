"""What the kernel's own operations answer, as people see it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from freehold.core.ids import short
from freehold.core.money import dollars
from freehold.kernel import wire
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import minute, table
from freehold.vault.home_folder import option as option_of


def _spending(call: Call) -> None:
    if any(value is not None for value in call.given.values()):
        call.show(call.answer(wire.LIMIT), _limits)
    else:
        call.show(call.answer(wire.SPENDING), lambda answer: _shown(answer, call.home))


def _limits(answer: dict[str, Any]) -> Iterable[str]:
    for name, what in (("spend_per_act_micro", "for one act"), ("spend_per_day_micro", "in 24 hours")):
        yield f"{dollars(answer[name])} {what}" if answer[name] else f"no limit {what}"


def _shown(answer: dict[str, Any], home: Path) -> Iterable[Any]:
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


COMMANDS = {
    "spending": Command(
        wire.LIMIT,
        _spending,
        also=(wire.SPENDING,),
        words="""Show, or set, what this node may spend, and what it spent.

        A limit is in dollars and counts from now on, also in a node that runs.
        """,
    )
}

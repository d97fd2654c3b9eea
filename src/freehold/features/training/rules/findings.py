"""What a run came to, in words that terminal, console and reports say alike.

>>> rounds_said([2, 3, 4, 7])
'2 to 4, 7'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from freehold.features.models.rules.worth import points

DOING = {
    "plan": "writing the plan",
    "grants": "buying grants",
    "rounds": "training",
    "open": "opening the test table",
    "value": "measuring contributions",
    "agree": "owners check the shares",
    "release": "releasing the model",
    "done": "done",
    "withheld": "held back",
}
"""Steps of a job as people say them, in order; one that is held back ends at `withheld` instead of the two before."""
_COMPARED = "Owners' rows are compared by noised sketches, so that rows that several hold count once."
_UNCOMPARED = "Rows are not compared, so a copy is paid like any other table"
_TOO_SMALL = ": at this epsilon copies in tables of this size cannot be told from strangers' rows"


def rounds_said(numbers: Iterable[int]) -> str:
    """Numbers of rounds, neighbours joined."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}, {b}" if b == a + 1 else f"{a} to {b}" for a, b in spans)


def away(one: Mapping[str, Any]) -> str:
    """Why and when an owner was left out, as jobs tell it."""
    rounds = one["rounds"]
    if not rounds:
        return f"takes no part: {one['why']}"
    named = f"round{'s' if len(rounds) > 1 else ''} {rounds_said(rounds)}"
    return f"away in {named}: {one['why']}"


def expected(preview: Mapping[str, Any]) -> str:
    """What a public simulation says of an order."""
    without, noised = (preview[f"accuracy_{name}_bps"] / 100 for name in ("without", "with"))
    known = "On made-up rows of these sizes, of which 90 % can be told at all, such a run"
    if preview["level"] == "update":
        return f"{known} is right on {without:.1f} %."
    error = points(preview["share_error_bps"] * 100)
    return (
        f"{known} is right on {noised:.1f} %, without noise on {without:.1f} %; its shares are uncertain by"
        f" {error}."
    )


def copies(preview: Mapping[str, Any], *, asked: bool = True) -> str:
    """Whether copied rows count once; `asked` is whether that was wanted."""
    if preview["compared"]:
        return _COMPARED
    return _UNCOMPARED + (_TOO_SMALL if asked else "") + "."

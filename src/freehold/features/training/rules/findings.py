"""What a run came to, in words that terminal, console and reports say alike.

>>> rounds_said([2, 3, 4, 7])
'2 to 4, 7'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from freehold.core.texts import Share, said
from freehold.features.models.rules.worth import points

DOING = {
    "plan": said("writing the plan"),
    "grants": said("buying grants"),
    "rounds": said("training"),
    "open": said("opening the test table"),
    "value": said("measuring contributions"),
    "agree": said("owners check the shares"),
    "release": said("releasing the model"),
    "done": said("done"),
    "withheld": said("held back"),
}
"""Steps of a job as people say them, in order; one that is held back ends at `withheld` instead of the two before."""
_BEST = Share(9_000)
"""What the best possible rule gets right of the made-up rows (`expected`)."""
_COMPARED = said("Owners' rows are compared by noised sketches, so that rows that several hold count once.")
_UNCOMPARED = said("Rows are not compared, so a copy is paid like any other table.")
_TOO_SMALL = said(
    "Rows are not compared, so a copy is paid like any other table: at this epsilon copies in tables of this size"
    " cannot be told from strangers' rows."
)


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
        return said("takes no part: {why}", why=one["why"])
    if len(rounds) == 1:
        return said("away in round {rounds}: {why}", rounds=rounds_said(rounds), why=one["why"])
    return said("away in rounds {rounds}: {why}", rounds=rounds_said(rounds), why=one["why"])


def expected(preview: Mapping[str, Any]) -> str:
    """What a public simulation says of an order."""
    without, noised = (Share(preview[f"accuracy_{name}_bps"]) for name in ("without", "with"))
    if preview["level"] == "update":
        return said(
            "On made-up rows of these sizes, of which {best} can be told at all, such a run is right on {without}.",
            best=_BEST,
            without=without,
        )
    return said(
        "On made-up rows of these sizes, of which {best} can be told at all, such a run is right on {noised}, without"
        " noise on {without}; its shares are uncertain by {error}.",
        best=_BEST,
        noised=noised,
        without=without,
        error=points(preview["share_error_bps"] * 100),
    )


def copies(preview: Mapping[str, Any], *, asked: bool = True) -> str:
    """Whether copied rows count once; `asked` is whether that was wanted."""
    if preview["compared"]:
        return _COMPARED
    return _TOO_SMALL if asked else _UNCOMPARED

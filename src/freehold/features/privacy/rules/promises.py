"""What a privacy budget means, in sentences that every surface says alike.

>>> worst_case(1_000_000, 5)
'Somebody who knows every other row can tell whether a given row is in the table at most 74 times in 100.'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freehold.core.texts import Epsilon, said
from freehold.features.privacy.rules import privacy

EPSILON = said("epsilon counts taking one row away; swapping a row for another counts as two")
EXACT = said(
    "Exact updates have no such bound: rows can be rebuilt from them, by whoever reads the run's evidence."
)


def times_in_100(epsilon_micro: int, delta_exponent: int | None = None) -> int:
    """How often, of 100, the best guesser is right at most, rounded up; 50 is a coin's."""
    return -(-privacy.guess_ppm(epsilon_micro, delta_exponent) // 10_000)


def worst_case(epsilon_micro: int, delta_exponent: int | None = None, *, rows_each: int = 1) -> str:
    """What is left to a guesser who knows everything else."""
    most = times_in_100(epsilon_micro, delta_exponent)
    if rows_each == 1:
        return said(
            "Somebody who knows every other row can tell whether a given row is in the table"
            " at most {n} times in 100.",
            n=most,
        )
    return said(
        "Somebody who knows every other subject's rows can tell whether the rows of a given subject"
        " (up to {rows}) are in the table at most {n} times in 100.",
        n=most,
        rows=rows_each,
    )


def unit(rows_each: int = 1) -> str:
    """What epsilon is counted for."""
    if rows_each == 1:
        return said("Epsilon counts taking one row away; swapping a row for another counts as two.")
    return said(
        "Epsilon counts taking all rows of one subject away (up to {rows});"
        " swapping a subject for another counts as two.",
        rows=rows_each,
    )


def cost(rows: int, epsilon_micro: int, loss_bps: int | None) -> str:
    """What the noise of one run does to a model of these rows alone; None: there is no model at all."""
    epsilon = Epsilon(epsilon_micro)
    if loss_bps is None:
        return said(
            "At an epsilon of {epsilon}, a model of these {rows} rows alone would be nothing but noise; choose a"
            " larger epsilon.",
            epsilon=epsilon,
            rows=rows,
        )
    if loss_bps < 100:
        return said(
            "At an epsilon of {epsilon}, a model of these {rows} rows alone is expected to lose less than 1 point of"
            " 100 in accuracy.",
            epsilon=epsilon,
            rows=rows,
        )
    return said.many(
        "At an epsilon of {epsilon}, a model of these {rows} rows alone is expected to lose about {n} point of 100 in"
        " accuracy (a hint, from made-up rows); together with others' rows it loses less.",
        "At an epsilon of {epsilon}, a model of these {rows} rows alone is expected to lose about {n} points of 100 in"
        " accuracy (a hint, from made-up rows); together with others' rows it loses less.",
        n=round(loss_bps / 100),
        epsilon=epsilon,
        rows=rows,
    )


def of_use(found: Mapping[str, Any], *, rows_each: int = 1) -> str:
    """What a run costs each owner's rows; of a preview, a job or a model."""
    if found["level"] == "update":
        return said("Owners show exact updates. {meaning}", meaning=EXACT)
    return said(
        "The run costs each owner's rows an epsilon of {epsilon}. {meaning}",
        epsilon=Epsilon(found["epsilon_micro"]),
        meaning=worst_case(found["epsilon_micro"], rows_each=rows_each),
    )


def of_line(line: Mapping[str, Any]) -> str:
    """Where the budget of some rows stands; `line` as `node.budget.overview` gives it."""
    now = -(-line["guess_ppm"] // 10_000)
    most = -(-line["guess_life_ppm"] // 10_000)
    if not line["exact_runs"]:
        return said(
            "somebody who knows every other row can tell whether a given row is in the table at most {now} times"
            " in 100 (a coin: 50), and {most} when all is spent.",
            now=now,
            most=most,
        )
    return said.many(
        "exact updates were given once, from which rows can be rebuilt; beyond those, somebody who knows every other"
        " row can tell whether a given row is in the table at most {now} times in 100 (a coin: 50), and {most} when"
        " all is spent.",
        "exact updates were given {n} times, from which rows can be rebuilt; beyond those, somebody who knows every"
        " other row can tell whether a given row is in the table at most {now} times in 100 (a coin: 50), and {most}"
        " when all is spent.",
        n=line["exact_runs"],
        now=now,
        most=most,
    )

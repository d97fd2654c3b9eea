"""What a privacy budget means, in sentences that every surface says alike.

>>> worst_case(1_000_000, 5)
'Somebody who knows every other row can tell whether a given row is in the table at most 74 times in 100.'
"""

from __future__ import annotations

from freehold.training import privacy

MICRO = 1_000_000
EPSILON = "epsilon counts taking one row away; swapping a row for another counts as two"
EXACT = "Exact updates have no such bound: rows can be rebuilt from them."


def epsilon(micro: int) -> str:
    """A number of epsilon as people write it: `1`, `0.25`; never rounded."""
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def rough(micro: int) -> str:
    """As `epsilon`, with at most two decimals; rounded down, for what is left must not look like more."""
    return epsilon(micro - micro % 10_000) if micro >= 10_000 else epsilon(micro)


def times_in_100(epsilon_micro: int, delta_exponent: int | None = None) -> int:
    """How often, of 100, the best guesser is right at most, rounded up; 50 is a coin's."""
    return -(-privacy.guess_ppm(epsilon_micro, delta_exponent) // 10_000)


def worst_case(epsilon_micro: int, delta_exponent: int | None = None, *, rows_each: int = 1) -> str:
    """What is left to a guesser who knows everything else."""
    one = "a given row is" if rows_each == 1 else f"the rows of a given subject (up to {rows_each}) are"
    known = "row" if rows_each == 1 else "subject's rows"
    most = times_in_100(epsilon_micro, delta_exponent)
    return (
        f"Somebody who knows every other {known} can tell whether {one} in the table"
        f" at most {most} times in 100."
    )

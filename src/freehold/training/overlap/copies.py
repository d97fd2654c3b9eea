"""From noisy counts of common rows to the rows that are an owner's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from freehold.training.overlap.lists import InvalidOverlap

DEVIATIONS = 3


def copied(counts: Mapping[tuple[int, int], int], rows: Sequence[int], sigma: int) -> tuple[int, ...]:
    """The effective number of rows of each owner, where a row that k owners hold counts 1/k for each.

    `counts` has what `count` said for each pair (i, j), i < j, of the owners in `rows`. With S the
    sum of owner i's cleaned counts its effective rows are rows_i^2 / (rows_i + S), rounded as
    floor(x + 1/2) and at least 1: two equal tables of n rows have n/2 each, five have n/5.

    Cleaning: a count below three standard deviations of its noise, 3 sqrt(2) sigma, is 0 (of pairs
    with nothing in common about one in 700 passes); above the smaller table it is that table.

    Counts of pairs cannot tell whether the same rows are shared twice or different ones once. A row's
    average number of holders is 1 + S / rows_i, and as 1/k is convex the rule is the least that fits
    it: exact where all rows of an owner have equally many holders, else too low, by at most 9 % of
    the rows where two owners share some (half in common: 0.67 n instead of 0.75 n).

    >>> copied({(0, 1): 1_003, (0, 2): -7, (1, 2): 12}, [1_000, 1_000, 1_000], sigma=10)
    (500, 500, 1000)
    """
    if set(counts) != set(combinations(range(len(rows)), 2)):
        raise InvalidOverlap("there is not one count for each pair of owners", hint="Give (i, j) with i < j.")
    if any(size < 1 for size in rows):
        raise InvalidOverlap("an owner has no rows")
    shared = [0] * len(rows)
    for (i, j), said in counts.items():
        cleaned = _cleaned(said, min(rows[i], rows[j]), sigma)
        shared[i] += cleaned
        shared[j] += cleaned
    return tuple(_quotient(size * size, size + other) for size, other in zip(rows, shared, strict=True))


def _cleaned(said: int, most: int, sigma: int) -> int:
    # said < 3 sqrt(2) sigma without a square root; the noise of a count has variance 2 sigma^2
    noise_only = said <= 0 or said * said < 2 * (DEVIATIONS * sigma) ** 2
    return 0 if noise_only else min(said, most)


def _quotient(value: int, divisor: int) -> int:
    return max(1, (2 * value + divisor) // (2 * divisor))

"""What each owner's data contributed: integer utilities, the exact Shapley value, shares.

The game: v(S) is the utility on the test table of the model that coalition S trained. Shapley
value: Shapley, "A value for n-person games" (1953); computed from all 2^n utilities, not sampled.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from freehold.core.errors import InvalidInput
from freehold.training.fixed import ONE, IntArray
from freehold.training.logistic import probabilities

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHARES_TOTAL_BPS = 10_000
_COIN = (ONE // 2) ** 2
_BLOCK_CELLS = 1 << 20


class InvalidGame(InvalidInput):
    """Utilities do not describe a game: their number is not a power of two, or nobody plays."""

    code = "training.game"


def utilities(models: IntArray, z: npt.NDArray[np.integer], labels: IntArray) -> list[int]:
    """Brier gain of each model over a coin, summed over the test rows, in Q32.

    Per row 1/4 - (p - y)^2, so knowing nothing (p = 1/2) is worth 0, a perfect forecast 2^30 a row,
    and a confidently wrong model a negative number. `models` (m, columns + 1), `z` (rows,
    columns + 1); returns m integers, each within 2^32 * rows. Brier score: Brier (1950).
    """
    total = np.zeros(len(models), dtype=np.int64)
    for part, truth in _blocks(models, z, labels):
        error = part - truth[:, np.newaxis] * ONE
        total += (_COIN - error * error).sum(axis=0)
    return [int(value) for value in total]


def correct(models: IntArray, z: npt.NDArray[np.integer], labels: IntArray) -> list[int]:
    """How many test rows each model gets right; p >= 1/2 counts as 1."""
    total = np.zeros(len(models), dtype=np.int64)
    for part, truth in _blocks(models, z, labels):
        total += ((part >= ONE // 2) == (truth[:, np.newaxis] == 1)).sum(axis=0)
    return [int(value) for value in total]


def exact_shapley(values: Sequence[int]) -> list[Fraction]:
    """The Shapley value of each player from all 2^n coalition values, index = bitmask.

    phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S)). Sums are kept per
    coalition size, so the factorial weights are applied n times, not 2^n times.
    """
    players = len(values).bit_length() - 1
    if not values or len(values) != 1 << players:
        raise InvalidGame(f"{len(values)} utilities are not one for each coalition")
    weights = [math.factorial(k) * math.factorial(players - k - 1) for k in range(players)]
    result = []
    for player in range(players):
        bit, by_size = 1 << player, [0] * players
        for mask, value in enumerate(values):
            if not mask & bit:
                by_size[mask.bit_count()] += values[mask | bit] - value
        total = sum(weight * part for weight, part in zip(weights, by_size, strict=True))
        result.append(Fraction(total, math.factorial(players)))
    return result


def shares_bps(values: Sequence[Fraction]) -> list[int]:
    """Values as shares in basis points that sum to 10,000 exactly.

    A negative value earns 0. Rounding is by largest remainder; equal remainders go to the earlier
    player. When nobody's value is positive, nothing tells the players apart and the split is equal.
    """
    if not values:
        raise InvalidGame("there is nobody to share among")
    positive = [max(Fraction(0), value) for value in values]
    total = sum(positive, Fraction(0))
    if not total:
        positive, total = [Fraction(1)] * len(values), Fraction(len(values))
    exact = [value * SHARES_TOTAL_BPS / total for value in positive]
    shares = [math.floor(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for i in order[: SHARES_TOTAL_BPS - sum(shares)]:
        shares[i] += 1
    return shares


def _blocks(
    models: IntArray, z: npt.NDArray[np.integer], labels: IntArray
) -> Iterator[tuple[IntArray, IntArray]]:
    """Probabilities (some rows, models) with their labels, so that memory stays bounded."""
    block = max(1, _BLOCK_CELLS // max(1, len(models)))
    for start in range(0, len(z), block):
        yield probabilities(models, z[start : start + block]), labels[start : start + block]

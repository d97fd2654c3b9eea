"""What each owner's updates were worth: the Shapley value of the run that was made, in closed form.

To second order a step of the model lowers the loss on the test table by <m, G> - m'Hm / 2, with m the
movement, G the gradient and H the Hessian of the test loss at the model before it. The movement is a sum of
the owners' updates and of the shrinkage, which is nobody's, so this is a quadratic game in the owners whose
Shapley value is

    v_i = <u_i, G> - u_i'H (shrink + step / 2)

(in-run data Shapley: Wang, Mittal, Song, Jia, 2024, "Data Shapley in One Training Run", section 4). The
second factor, `direction`, is the same for all owners: a value is one dot product a round, linear in the
owner's own updates, and rows split over several accounts are worth, together, what they are worth in one, before the noise of each.

Noise makes an update's value uncertain and, by its own square, lower than its rows deserve; `correction`
takes the second off again (its expectation is known), `variance` measures the first.

And how good the model is on that table, beside the least that anybody would accept: whole numbers throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from freehold.core.errors import InvalidInput
from freehold.core.fixed import ONE, UNIT_BITS, WEIGHT_BITS, IntArray, dot, matmul, shift_round
from freehold.core.late import np, npt
from freehold.core.money import BPS
from freehold.features.models.rules.model import probabilities
from freehold.features.models.rules.worth import PPM
from freehold.features.models.wire import Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.features.training.rules.logistic import Recipe

SURE_SQUARE = 4
"""A value counts once it is two standard errors above nothing, and more where many owners could be lucky."""
ROW_FACTOR = 4
"""No owner's share is more than this many times its share of the rows."""
_STEP_LIMIT = 1 << 28
_MOVED_LIMIT = 1 << 22
"""A step that moves a row's logit by more than 64 counts as 64; so products stay exact to `MAX_TEST_ROWS`."""
MAX_TEST_ROWS = 1 << 19
BINS = 5


class InvalidShares(InvalidInput, code="training.shares"):
    """There is nobody to share among."""


@dataclass(frozen=True, eq=False)
class TestRows:
    """The opened test table, made ready."""

    z: npt.NDArray[np.int16]
    """(rows, width) from `scaling.unit_rows`."""
    labels: IntArray
    """(rows,) in {0, 1}."""


@dataclass(frozen=True, eq=False)
class Direction:
    """What a round's updates are measured against."""

    vector: IntArray
    """(width,): 2 (G - H (shrink + step / 2)), in Q30 summed over the test rows."""
    trace: int
    """Sum over test rows of |z|^2 p (1 - p): Q44."""


def direction(test: TestRows, model: IntArray, data: IntArray, shrink: IntArray) -> Direction:
    """Of the step (`data`, `shrink`) made from `model`; all (width,) Q16."""
    p = probabilities(model, test.z)
    slope = matmul((p - test.labels * ONE)[np.newaxis, :], test.z)[0]
    # in Q16
    curve = shift_round(p * (ONE - p), WEIGHT_BITS)
    moved = matmul(test.z, np.clip(data + 2 * shrink, -_STEP_LIMIT, _STEP_LIMIT)[:, np.newaxis])[:, 0]
    moved = np.clip(shift_round(moved, UNIT_BITS), -_MOVED_LIMIT, _MOVED_LIMIT)
    bent = matmul(shift_round(moved * curve, WEIGHT_BITS)[np.newaxis, :], test.z)[0]
    lengths = np.einsum("rc,rc->r", test.z, test.z, dtype=np.int64)
    trace = int(sum((lengths * curve).tolist()))
    return Direction(2 * slope - bent, trace)


def along(update: IntArray, towards: Direction) -> int:
    """The value of one update of one round, before correction: one dot product."""
    return dot(update, towards.vector)


def correction(towards: Direction, sigma: int, scale: int, recipe: Recipe) -> int:
    """What an update's own noise is expected to have cost it: rate * sigma^2 * trace, `scale` = rows << bits."""
    expected = recipe.learning_rate_q16 * sigma * sigma * towards.trace
    return expected // (scale << (UNIT_BITS + WEIGHT_BITS))


def noise_shown(cost: int, update: IntArray, sigma: int) -> int:
    """The part of `correction` that an update can claim: as much as it is as long as its noise would be.

    An owner that leaves its noise out, or sends nothing, was cost nothing by it.
    """
    expected = len(update) * sigma * sigma
    length = dot(update, update)
    return cost if length >= expected else cost * length // expected


def variance(towards: Direction, sigma: int) -> int:
    """The variance of one update's value that is due to its noise."""
    return sigma * sigma * dot(towards.vector, towards.vector)


def shares_bps(values: Sequence[int], errors: Sequence[int], rows: Sequence[int]) -> list[int]:
    """Values as shares in basis points that sum to 10,000 exactly; zero rows, zero share.

    A value that is not surely above nothing (two standard errors for up to three owners, about three for
    twenty, so that luck does not grow with the number of accounts) earns nothing, and nobody earns more than
    `ROW_FACTOR` times its part of the rows while others can take it. Where nobody's value can be told from
    nothing, rows count, of those whose value is above it at all. Rounding is by largest remainder; equal ones
    go to the earlier owner. Raises InvalidShares: no rows at all.
    """
    if not rows or sum(rows) <= 0:
        raise InvalidShares("there is nobody to share among")
    sure = SURE_SQUARE + 2 * max(0, len(rows).bit_length() - 2)
    counted = [
        value if value > 0 and value * value > sure * error * error and count else 0
        for value, error, count in zip(values, errors, rows, strict=True)
    ]
    if sum(counted):
        return _rounded(_capped(counted, rows))
    likely = [count if value > 0 else 0 for value, count in zip(values, rows, strict=True)]
    return _rounded(likely if sum(likely) else list(rows))


def _capped(values: list[int], rows: Sequence[int]) -> list[int]:
    """Values scaled up so that a cap of ROW_FACTOR times the part of the rows is a whole number, and capped.

    What a cap takes from one is spread over the others in proportion, so caps are applied until none is
    passed any more: at most one owner more in each pass.
    """
    total_rows = sum(rows)
    capped: set[int] = set()
    while True:
        free = sum(value for i, value in enumerate(values) if i not in capped)
        bound = sum(rows[i] for i in capped) * ROW_FACTOR
        # a free owner's part of all is value / free * (1 - bound / total_rows)
        left = total_rows - bound
        over = {
            i
            for i, value in enumerate(values)
            if i not in capped and value * left > ROW_FACTOR * rows[i] * free
        }
        if not over or left <= 0 or not free:
            break
        capped |= over
    if left <= 0 or not free:
        return [count if value else 0 for value, count in zip(values, rows, strict=True)]
    return [ROW_FACTOR * rows[i] * free if i in capped else value * left for i, value in enumerate(values)]


def _rounded(weights: Sequence[int]) -> list[int]:
    total = sum(weights)
    shares = [weight * BPS // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(weights[i] * BPS % total), i))
    for i in order[: BPS - sum(shares)]:
        shares[i] += 1
    return shares


def root_of(square: int) -> int:
    """A variance as a standard error, rounded up."""
    root = math.isqrt(square)
    return root + (root * root < square)


def score(model: IntArray, alone: Sequence[IntArray], test: TestRows) -> Scores:
    """`model` (width,) Q16; `alone` directions (width,) of single owners, any scale.

    p >= 1/2 counts as label 1. Millionths are rounded down; a Brier score of 250,000 knows nothing, and calibration
    is over `BINS` bins of p, weighed by rows.
    """
    p = probabilities(model, test.z)
    positives, rows = int(test.labels.sum()), len(test.labels)
    distance = (p - test.labels * ONE).astype(object)
    return Scores(
        rows=rows,
        correct=right(p, test.labels),
        majority_correct=max(positives, rows - positives),
        single_correct=max((_right_way(way, test) for way in alone), default=0),
        auc_ppm=auc_ppm(p, test.labels),
        brier_ppm=int(sum(distance * distance)) * PPM // (rows * ONE * ONE),
        calibration_ppm=_calibration_ppm(p, test.labels),
    )


def right(p: IntArray, labels: IntArray) -> int:
    """How many rows are labelled rightly."""
    return int(((p >= ONE // 2) == (labels == 1)).sum())


def auc_ppm(p: IntArray, labels: IntArray) -> int:
    """Mann and Whitney's U over all pairs, ties counting half (Hanley and McNeil, 1982)."""
    positives = int(labels.sum())
    pairs = positives * (len(labels) - positives)
    if not pairs:
        return PPM // 2
    kinds, place = np.unique(p, return_inverse=True)
    ones = np.bincount(place, weights=labels, minlength=len(kinds)).astype(np.int64)
    zeros = np.bincount(place, minlength=len(kinds)) - ones
    below = np.cumsum(zeros) - zeros
    ranks = sum((ones * (2 * below + zeros)).tolist())
    return int(ranks * PPM // (2 * pairs))


def _right_way(way: IntArray, test: TestRows) -> int:
    return int(((matmul(test.z, way[:, np.newaxis])[:, 0] >= 0) == (test.labels == 1)).sum())


def _calibration_ppm(p: IntArray, labels: IntArray) -> int:
    which = np.minimum(p * BINS // ONE, BINS - 1)
    gaps = sum(abs(int((p - labels * ONE)[which == one].sum())) for one in range(BINS))
    return gaps * PPM // (len(labels) * ONE)

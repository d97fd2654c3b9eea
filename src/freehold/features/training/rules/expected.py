"""What a run can be expected to do before anybody agrees to it: its rounds and step, and what its noise costs.

Only public numbers come in: rows, columns, epsilon, and how the rows of the test table lie. `suggest` sets a
recipe; `expected_loss` trains it on made-up rows, once without noise and a few times with, so an owner sees
what its epsilon does before it grants anything. Both give the same on every machine.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from freehold.core.fixed import UNIT
from freehold.core.late import np, npt
from freehold.core.money import BPS
from freehold.features.models.rules.model import probabilities
from freehold.features.models.rules.scaling import Scaling, unit_rows
from freehold.features.privacy.rules import privacy
from freehold.features.privacy.rules.noise import gaussian
from freehold.features.training.rules import updates, valuation
from freehold.features.training.rules.logistic import BOUNDS, GRADIENT_BITS, Recipe, gradient, step
from freehold.features.training.rules.valuation import TestRows

if TYPE_CHECKING:
    from collections.abc import Sequence


LEAST_ROUNDS, MOST_ROUNDS, EXACT_ROUNDS = 3, 60, 40
PACE = 0.16
"""Rounds times pace of a step times relative noise: beyond it noise moves the model further than rows do."""
FASTEST = 1.25
"""Most pace of a step, in units of 4 over the curvature; at 2 steps no longer settle."""
EXACT_PACE = 1.0
ORDINARY_CURVATURE = 0.15
"""Where no table can be shown: between that of one-hot columns (0.04) and of like measurements (0.3)."""
L2_Q16 = 2

_TEST_ROWS = 1_000
_CELLS = 1 << 17
_LEAST_ROWS = 200
_REPEATS = 4
_GRAIN = 1_000
_ALIKE_PERMILLE = 3_000
"""Over the number of columns: what each two columns have in common, as wide tables usually do less."""
_MOST_ALIKE_PERMILLE = 300
_SQUARED_SHIFT = 16_424
"""1.2816 standard deviations between the middle and each kind of row, squared: 90 % lie on their own side."""


@dataclass(frozen=True)
class ExpectedLoss:
    """Of a run like this one on made-up rows, of which the best possible rule gets 90 % right."""

    accuracy_without_bps: int
    """Of the model without noise."""
    accuracy_with_bps: int
    """Of the model with it, on average."""
    loss_bps: int
    """What noise costs, never below 0."""
    share_error_bps: int
    """Standard error of one owner's share of the value, from noise; 10,000 says nothing at all."""


def curvature(z: npt.NDArray[np.integer]) -> float:
    """The largest eigenvalue of z'z / rows for `z` (rows, width) from `unit_rows`, in units of length one."""
    unit = z.astype(np.float64) / UNIT
    return float(np.linalg.eigvalsh(unit.T @ unit / len(unit))[-1])


def suggest(
    rows: Sequence[int],
    columns: int,
    epsilon_micro: int | None,
    delta_exponent: int,
    *,
    curvature: float | None,
    rows_each: int = 1,
) -> Recipe:
    """Rounds and learning rate for owners of so many rows; without `epsilon_micro` there is no noise.

    Few large steps: every round costs noise, and the first ones are worth most. Measured over both
    (`bench/training.py`): rounds * pace * kappa = `PACE`, where a step is pace * 4 / curvature and kappa, the
    length of all noise of a run over the number of rows, is sqrt(owners * width / (2 rho)) / rows.
    """
    bend = max(curvature or ORDINARY_CURVATURE, 1e-6)
    if epsilon_micro is None:
        return _recipe(EXACT_ROUNDS, EXACT_PACE, bend)
    rho = max(1, privacy.rho_nano_for(epsilon_micro, delta_exponent)) / privacy.NANO
    total = sum(rows)
    # as in a model: nobody for more than half, so one that overstates its rows does not stretch the run
    counted = sum(min(count, total - count) for count in rows) if len(rows) > 2 else total
    kappa = rows_each * math.sqrt(len(rows) * (columns + 1) / (2 * rho)) / max(1, counted)
    wanted = PACE / kappa
    rounds = min(max(math.ceil(wanted / FASTEST), LEAST_ROUNDS), MOST_ROUNDS)
    return _recipe(rounds, min(FASTEST, wanted / rounds), bend)


@lru_cache(maxsize=64)
def expected_loss(
    rows: tuple[int, ...], columns: int, epsilon_micro: int, delta_exponent: int, rows_each: int = 1
) -> ExpectedLoss:
    """What the noise of this epsilon does to a model of owners with so many rows, and to their shares.

    Trained on made-up rows of two kinds, normally distributed, columns correlated by 3 over their number. Large
    tables are stood in for by smaller ones with as much less noise. A hint: sparse and weakly telling columns
    lose more (Adult's 109 columns with 4 x 200 rows at epsilon 2: 8 points, here 2). Raises `TooLittleBudget`.
    """
    width, total = columns + 1, sum(rows)
    count = min(total, max(_LEAST_ROWS, _CELLS // width))
    train = _made_up(b"owners", count, columns)
    test = _made_up(b"test", _TEST_ROWS, columns)
    bend = round(curvature(test.z), 6)
    recipe = suggest(rows, columns, epsilon_micro, delta_exponent, curvature=bend, rows_each=rows_each)
    rho = privacy.rho_nano_for(epsilon_micro, delta_exponent)
    noise = updates.noise_for(max(1, rho), recipe.rounds, width, rows_each)
    # of one owner, in Q30, as much smaller as there are fewer rows
    sigma = (noise.sigma << (GRADIENT_BITS - noise.update_bits)) * count // total
    exact = suggest(rows, columns, None, delta_exponent, curvature=bend)
    without = max(_run(train, test, one, 0, 0, b"")[0] for one in (exact, recipe))
    runs = [_run(train, test, recipe, sigma, len(rows), b"%d" % i) for i in range(_REPEATS)]
    found = sum(accuracy for accuracy, _, _ in runs) // _REPEATS
    value = sum(value for _, value, _ in runs)
    error = valuation.root_of(_REPEATS * sum(variance for _, _, variance in runs))
    share_error = min(BPS * error // value, 10_000) if value > 0 else 10_000
    return ExpectedLoss(without, found, max(0, without - found), share_error)


def _run(
    train: TestRows, test: TestRows, recipe: Recipe, sigma: int, owners: int, name: bytes
) -> tuple[int, int, int]:
    """(accuracy in basis points, value of all updates, variance of one owner's value due to noise)."""
    count, width = train.z.shape
    spread = math.isqrt(sigma * sigma * owners) // _GRAIN
    draws = gaussian(_seed(b"noise " + name), _GRAIN, recipe.rounds * width).reshape(recipe.rounds, width)
    model, value, variance = np.zeros(width, dtype=np.int64), 0, 0
    for number in range(recipe.rounds):
        total = gradient(train.z, train.labels, model) + draws[number] * spread
        following, data, shrink = step(model, total, count, GRADIENT_BITS, recipe)
        towards = valuation.direction(test, model, data, shrink)
        value += valuation.along(total, towards)
        value += owners * valuation.correction(towards, sigma, count << GRADIENT_BITS, recipe)
        variance += valuation.variance(towards, sigma)
        model = following
    right = valuation.right(probabilities(model, test.z), test.labels)
    return right * BPS // len(test.labels), value, variance


def _made_up(name: bytes, count: int, columns: int) -> TestRows:
    """`count` rows, half of each label; each two columns correlated, and all moved by the label."""
    draws = gaussian(_seed(name), _GRAIN, count * (columns + 1)).reshape(count, columns + 1)
    alike = min(_MOST_ALIKE_PERMILLE, _ALIKE_PERMILLE // columns)
    own, common = math.isqrt((1_000 - alike) * 1_000), math.isqrt(alike * 1_000)
    # the mean of all columns has so many thousandths of a variance
    along = (1_000 - alike + alike * columns) // columns
    shift = math.isqrt(along * _SQUARED_SHIFT * _GRAIN * _GRAIN // (1_000 * 10_000))
    labels = np.arange(count, dtype=np.int64) % 2
    moved = (2 * labels - 1)[:, np.newaxis] * shift
    features = (draws[:, :-1] * own + draws[:, -1:] * common) // 1_000 + moved
    return TestRows(unit_rows(features, Scaling((0,) * columns, (_GRAIN,) * columns)), labels)


def _seed(name: bytes) -> bytes:
    return hashlib.sha256(b"freehold/expected-loss/v1 " + name).digest()


def _recipe(rounds: int, pace: float, bend: float) -> Recipe:
    low, high = BOUNDS["learning_rate_q16"]
    rate = round(pace * 4 / bend * 65_536)
    return Recipe(rounds=rounds, learning_rate_q16=min(max(rate, low), high), l2_q16=L2_Q16)

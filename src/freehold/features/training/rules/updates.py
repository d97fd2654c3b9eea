"""One owner's update of one round: the only thing that leaves its process in training.

    update = round(gradient / 2^(30 - update_bits)) + noise

The noise is a discrete Gaussian in each coordinate. Taking one row away (putting a row that adds nothing in
its place) moves the rounded gradient by at most `sensitivity`, whatever model was asked about, so a run of T
rounds is rho-zCDP with rho = T * sensitivity^2 / (2 sigma^2), alone and together with everything else that is
known (Canonne, Kamath, Steinke, 2020, "The Discrete Gaussian for Differential Privacy", theorem 14).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from freehold.core.errors import InvalidInput
from freehold.core.fixed import IntArray, shift_round
from freehold.core.late import np, npt
from freehold.features.privacy.rules import privacy
from freehold.features.privacy.rules.noise import MAX_SIGMA, gaussian
from freehold.features.training.rules.logistic import GRADIENT_BITS, gradient

EXACT_BITS = 16
"""Resolution where no noise is added."""
MOST_BITS = 16
SEED_BYTES = 32
_MOST = 1 << 52


class InvalidUpdate(InvalidInput, code="training.update"):
    """An owner's update cannot be used; `fields["owner"]` names the owner."""


class TooLittleBudget(InvalidInput, code="training.budget_too_small"):
    """The epsilon is so small that no noise of the sampler is enough."""


@dataclass(frozen=True)
class Noise:
    """How much noise, at what resolution; sigma 0 is none."""

    sigma: int
    """Standard deviation of each coordinate, in units of the update."""
    update_bits: int
    """An update counts gradients in steps of 2^-update_bits."""


def sensitivity(width: int, update_bits: int, rows_each: int) -> int:
    """How far taking away one subject's rows can move an update, in its units (Euclidean length).

    A row's gradient is at most 2^update_bits long; rounding moves each coordinate by at most a half, on
    either side.
    """
    return (rows_each << update_bits) + math.isqrt(width - 1) + 1


def noise_for(rho_nano: int, rounds: int, width: int, rows_each: int) -> Noise:
    """The least noise that keeps `rounds` rounds within `rho_nano`, at the finest resolution that allows it.

    Raises TooLittleBudget.
    """
    for bits in range(MOST_BITS, 0, -1):
        sigma = privacy.sigma_for(sensitivity(width, bits, rows_each), rounds, rho_nano)
        if sigma <= MAX_SIGMA:
            return Noise(sigma, bits)
    raise TooLittleBudget(
        "so small an epsilon needs more noise than there is", hint="Use a larger epsilon or fewer rounds."
    )


def make(
    z: npt.NDArray[np.integer], labels: IntArray, model: IntArray, noise: Noise, seed: bytes
) -> IntArray:
    """The update of rows `z` (rows, width) at `model` (width,); a judge with table and seed gets the same."""
    exact = shift_round(gradient(z, labels, model), GRADIENT_BITS - noise.update_bits)
    return exact + gaussian(seed, noise.sigma, len(exact)) if noise.sigma else exact


def round_seed(seed: bytes, run: str, number: int, data: str) -> bytes:
    """The noise seed of one round, from the owner's secret for the run and what its answer depends on.

    `data` is the hash of table and model: the same noise never covers two different gradients, from whose
    difference it would vanish.
    """
    return hashlib.sha256(f"freehold/round-noise/v1 {run} {number} {data} ".encode() + seed).digest()


def longest(rows: int, width: int, noise: Noise, rows_each: int = 1) -> int:
    """No honest update is longer (Euclidean length), but with a chance below 2^-60."""
    # a chi distribution lies within 10 of sqrt(width), in units of sigma (Laurent and Massart, 2000)
    return rows * sensitivity(width, noise.update_bits, rows_each) + noise.sigma * (math.isqrt(width) + 11)


def parse(value: Any, owner: str, width: int, most: int) -> IntArray:
    """An update from JSON, checked by type before an array is made, and no longer than `most`.

    Raises InvalidUpdate.
    """
    if not isinstance(value, list) or len(value) != width:
        raise _refused(owner, f"a list of {width} integers was expected")
    if any(type(number) is not int or not -_MOST < number < _MOST for number in value):
        raise _refused(owner, "a number is not an integer within the limit")
    if sum(number * number for number in value) > most * most:
        raise _refused(owner, "it is longer than so many rows can make it")
    return np.array(value, dtype=np.int64)


def _refused(owner: str, reason: str) -> InvalidUpdate:
    return InvalidUpdate(
        f"the update of {owner} is refused: {reason}",
        hint="Leave the owner out of the round, or ask it to train again.",
        owner=owner,
    )

"""Discrete Gaussian noise that a judge can draw again: whole numbers, one AES block a sample.

P(X = k) = exp(-k^2 / (2 sigma^2)) / Z for every whole k, after Canonne, Kamath and Steinke, "The
Discrete Gaussian for Differential Privacy" (2020). Block i of the AES-256-CTR keystream under the
seed (counter from 0), read as a little-endian 128-bit number U, decides sample i and nothing else:
X is the smallest k in -K..K with U < 2^128 P(X <= k), where K = 13 sigma.

How far one sample is from that distribution (total variation), given uniform blocks:

- Rounding. Each of the 2K <= 260,000 thresholds is a neighbouring whole number of 2^128 times the
  cumulative probability of X given |X| <= K: it errs by less than 2^-128 (the Q256 arithmetic before
  adds less than 2^-200, see `_above`). Half the sum over k of |error of P(X = k)| is at most the
  sum of the thresholds' errors: 260,000 x 2^-128 < 0.992 x 2^-110.
- Tail. P(X >= m) is at most P(N(0, sigma^2) >= m - 1): each term is below the integral over the
  unit before it, and Z >= sqrt(2 pi) sigma by Poisson summation. P(|X| > K) <= 2 P(N(0, 1) >= 13)
  < 2^-125.

Together less than 2^-110, `DISTANCE_LOG2`. Ideal noise that is (epsilon, delta)-DP becomes
(epsilon, delta + (1 + e^epsilon) d)-DP at a distance d of all samples together: ten million at
epsilon 8 add less than 2^-73. That AES blocks pass for uniform is an assumption, and so is that
nobody who sees the noised result knows the seed.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from freehold.core.errors import InvalidInput
from freehold.core.fixed import IntArray
from freehold.core.late import np, npt

WordArray: TypeAlias = "npt.NDArray[np.uint64]"

MAX_SIGMA = 10_000
SEED_BYTES = 32
TAIL_SIGMAS = 13
DISTANCE_LOG2 = -110

_BLOCK_BYTES = 16
_WEIGHT_BITS = 256
_BATCH = 1 << 16


class InvalidNoise(InvalidInput, code="training.noise"):
    """Noise was asked for with a width, a seed or a count that cannot be used."""


class Thresholds(NamedTuple):
    """The 128-bit thresholds of one sigma in ascending order, each of shape (26 * sigma,)."""

    high: WordArray
    """Upper 64 bits."""

    low: WordArray
    """Lower 64 bits."""


def gaussian(seed: bytes, sigma: int, count: int) -> IntArray:
    """`count` samples of N_Z(0, sigma^2), shape (count,), the same for the same seed on every machine.

    The first samples do not depend on `count`. One seed serves one draw: a second one of any sigma
    would repeat the noise, and a difference would show what it hid. Raises `InvalidNoise`.
    """
    if len(seed) != SEED_BYTES:
        raise InvalidNoise(f"a seed of {len(seed)} bytes", hint=f"Use {SEED_BYTES} random bytes.")
    if count < 0:
        raise InvalidNoise(f"{count} samples", hint="Ask for 0 or more.")
    table = thresholds(sigma)
    keystream = Cipher(AES(seed), CTR(bytes(_BLOCK_BYTES))).encryptor()
    samples = np.empty(count, dtype=np.int64)
    for start in range(0, count, _BATCH):
        batch = samples[start : start + _BATCH]
        words = np.frombuffer(keystream.update(bytes(_BLOCK_BYTES * len(batch))), dtype="<u8")
        batch[:] = reached(table, words[1::2].astype(np.uint64), words[::2].astype(np.uint64))
    samples -= TAIL_SIGMAS * sigma
    return samples


def reached(table: Thresholds, high: WordArray, low: WordArray) -> IntArray:
    """How many thresholds each 128-bit number `high * 2^64 + low` reaches, shape as `high`.

    The upper words decide unless one equals a threshold's, which a uniform word does less than once
    in 2^46; then the lower words do.
    """
    counts = table.high.searchsorted(high, side="right").astype(np.int64)
    for i in np.flatnonzero(table.high[np.maximum(counts - 1, 0)] == high):
        first = int(table.high.searchsorted(high[i], side="left"))
        counts[i] = first + int(table.low[first : int(counts[i])].searchsorted(low[i], side="right"))
    return counts


@lru_cache(maxsize=8)
def thresholds(sigma: int) -> Thresholds:
    """2^128 P(X <= k) for k = -K..K-1, rounded outwards; read-only. Raises `InvalidNoise`.

    Symmetric to the last bit: the threshold of k and that of -k-1 add up to 2^128, so both signs are
    equally likely and zero is one value.
    """
    if not 1 <= sigma <= MAX_SIGMA:
        raise InvalidNoise(f"noise of width {sigma}", hint=f"Choose a sigma of 1 to {MAX_SIGMA:,}.")
    above = _above(sigma)
    whole = 1 << 128
    packed = b"".join(value.to_bytes(16, "little") for value in above)
    packed += b"".join((whole - value).to_bytes(16, "little") for value in reversed(above))
    words = np.frombuffer(packed, dtype="<u8").astype(np.uint64)
    table = Thresholds(words[1::2].copy(), words[::2].copy())
    for half in table:
        half.setflags(write=False)
    return table


def _above(sigma: int) -> list[int]:
    """2^128 P(X > k) for k = K-1 down to 0, each rounded up, so at least 1.

    Weights w_k = exp(-k^2 / (2 sigma^2)) in Q256 by w_{k+1} = w_k r_k and r_{k+1} = r_k q with
    r_0 = exp(-1 / (2 sigma^2)) and q = r_0^2, so no libm takes part (Decimal's exp is correctly
    rounded on every machine). In units of 2^-256, r_k errs by at most 2k + 1, w_k by at most
    k^2 + k < 2^35, a sum of weights by less than 2^53; Z is at least 1.
    """
    with localcontext(Context(prec=100)):
        exponent = Decimal(-1) / (2 * sigma * sigma)
        ratio = int(exponent.exp() * (1 << _WEIGHT_BITS))
        shrink = int((2 * exponent).exp() * (1 << _WEIGHT_BITS))
    weights = [1 << _WEIGHT_BITS]
    for _ in range(TAIL_SIGMAS * sigma):
        weights.append((weights[-1] * ratio) >> _WEIGHT_BITS)
        ratio = (ratio * shrink) >> _WEIGHT_BITS
    total = 2 * sum(weights) - weights[0]
    beyond, above = 0, []
    for weight in reversed(weights[1:]):
        beyond += weight
        above.append(-((-beyond << 128) // total))
    return above

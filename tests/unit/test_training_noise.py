"""Discrete Gaussian samples: the distribution they follow, its thresholds, and replay."""

import hashlib
from decimal import Context, Decimal, localcontext
from functools import cache

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from scipy import stats

from freehold.features.privacy.rules import noise

SEED = bytes(range(32))
SIGMAS = [1, 2, 7, 100, 1_000, 10_000]


@cache
def exact(sigma):
    """P(|X| <= K) weights exp(-k^2 / (2 sigma^2)), k = 0..K, to 60 digits, and their total."""
    with localcontext(Context(prec=60)):
        weights = [
            (Decimal(-k * k) / (2 * sigma * sigma)).exp() for k in range(noise.TAIL_SIGMAS * sigma + 1)
        ]
        return weights, 2 * sum(weights) - 1


def as_numbers(table):
    return [(int(high) << 64) | int(low) for high, low in zip(table.high, table.low, strict=True)]


@pytest.mark.parametrize("sigma", [1, 2, 7, 100, 1_000])
def test_every_threshold_is_the_exact_cumulative_probability_rounded_outwards(sigma):
    weights, total = exact(sigma)
    numbers = as_numbers(noise.thresholds(sigma))
    size = noise.TAIL_SIGMAS * sigma
    assert len(numbers) == 2 * size
    assert numbers == sorted(numbers)
    with localcontext(Context(prec=60)):
        beyond = Decimal(0)
        for k in range(size - 1, -1, -1):
            beyond += weights[k + 1]
            above = beyond * 2**128 / total
            assert 0 < numbers[size - 1 - k] - above < 1
            assert numbers[size + k] + numbers[size - 1 - k] == 2**128


def test_the_widest_table_agrees_with_exact_probabilities_where_errors_would_add_up():
    sigma = noise.MAX_SIGMA
    numbers = as_numbers(noise.thresholds(sigma))
    size = noise.TAIL_SIGMAS * sigma
    with localcontext(Context(prec=60)):
        # Poisson summation: the other terms are below exp(-2 pi^2 sigma^2), far beyond 60 digits
        pi = Decimal("3.14159265358979323846264338327950288419716939937510582097494")
        total = (2 * pi).sqrt() * sigma
        for k in [0, 1, sigma - 1, sigma, 3 * sigma, 6 * sigma]:
            weight = (Decimal(-k * k) / (2 * sigma * sigma)).exp()
            expected = weight / total
            found = Decimal(numbers[size + k] - numbers[size + k - 1]) / 2**128
            # two roundings of 2^-128 and the tail cut off, below 2^-125 of the whole
            assert abs(found - expected) < Decimal(2) ** -127 + expected * Decimal(2) ** -125


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_distance_from_the_true_distribution_is_within_the_bound_stated(sigma):
    """The worst errors of all thresholds, added up, and twice the tail of a continuous Gaussian."""
    rounding = Decimal(len(noise.thresholds(sigma).high)) / 2**128
    tail_log2 = stats.norm.logsf(noise.TAIL_SIGMAS) / np.log(2) + 1
    assert rounding + Decimal(2) ** Decimal(tail_log2) < Decimal(2) ** noise.DISTANCE_LOG2


@pytest.mark.parametrize("sigma", SIGMAS)
def test_samples_fit_the_exact_probabilities(sigma):
    count = 400_000
    samples = noise.gaussian(hashlib.sha256(b"fit %d" % sigma).digest(), sigma, count)
    grid = np.arange(-noise.TAIL_SIGMAS * sigma, noise.TAIL_SIGMAS * sigma + 1)
    mass = np.exp(-(grid.astype(np.float64) ** 2) / (2 * sigma * sigma))
    mass /= mass.sum()
    width = max(1, sigma // 5)  # zero sits in the middle of its own cell
    cell = np.rint(grid / width).astype(np.int64)
    cell = np.clip(cell, -4 * sigma // width, 4 * sigma // width)
    cell -= cell.min()
    expected = np.bincount(cell, weights=mass) * count
    seen = np.bincount(cell, weights=np.bincount(samples - grid[0], minlength=len(grid)))
    assert expected.min() > 5
    assert stats.chisquare(seen, expected).pvalue > 1e-3


@pytest.mark.parametrize("sigma", SIGMAS)
def test_mean_variance_and_symmetry(sigma):
    count = 1_000_000
    samples = noise.gaussian(hashlib.sha256(b"moments %d" % sigma).digest(), sigma, count)
    # N_Z(0, 1) has variance 1 - 1.1e-7, wider ones are closer still
    assert abs(samples.mean()) < 4 * sigma / np.sqrt(count)
    assert abs((samples.astype(float) ** 2).mean() / sigma**2 - 1) < 4 * np.sqrt(2 / count)
    positive, negative = int((samples > 0).sum()), int((samples < 0).sum())
    assert abs(positive - negative) < 4 * np.sqrt(count)


def test_neighbouring_samples_are_not_correlated():
    samples = noise.gaussian(SEED, 1_000, 1_000_000).astype(float)
    assert abs(np.corrcoef(samples[:-1], samples[1:])[0, 1]) < 4 / np.sqrt(len(samples))


def test_the_first_samples_of_a_seed_are_pinned():
    # other samples would make recorded noise impossible to judge
    assert noise.gaussian(SEED, 1_000, 8).tolist() == PINNED
    samples = np.concatenate([noise.gaussian(SEED, sigma, 100_000) for sigma in SIGMAS])
    assert hashlib.sha256(samples.astype("<i8").tobytes()).hexdigest() == PINNED_HASH


PINNED = [5, -709, 253, -420, -506, 1236, 250, 498]
PINNED_HASH = "2c8c24a837c9faaea4ee6070d61d5a1a2096e36b984b4152463b06d62582e4e9"


def test_sample_i_follows_from_block_i_alone():
    sigma, count = 50, 70_000
    samples = noise.gaussian(SEED, sigma, count)
    numbers = as_numbers(noise.thresholds(sigma))
    for i in [0, 1, 255, 256, 65_535, 65_536, count - 1]:
        block = Cipher(AES(SEED), CTR(i.to_bytes(16, "big"))).encryptor().update(bytes(16))
        uniform = int.from_bytes(block, "little")
        reached = sum(threshold <= uniform for threshold in numbers)
        assert samples[i] == reached - noise.TAIL_SIGMAS * sigma


@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
def test_fewer_samples_are_the_first_of_more(count):
    samples = noise.gaussian(SEED, 10, count)
    assert samples.dtype == np.int64
    assert samples.shape == (count,)
    assert (samples == noise.gaussian(SEED, 10, 70_000)[:count]).all()


def test_equal_upper_words_are_decided_by_the_lower_ones():
    """A uniform word meets this once in 2^46 draws, so it is met here on purpose."""
    for sigma in (1, 7, 300):
        table = noise.thresholds(sigma)
        numbers = as_numbers(table)
        chosen = sorted({*range(0, len(numbers), max(1, sigma // 4)), len(numbers) - 1})
        uniform = [numbers[i] + offset for i in chosen for offset in (-1, 0, 1)]
        uniform = [value for value in [0, *uniform, 2**128 - 1] if value < 2**128]
        high = np.array([value >> 64 for value in uniform], dtype=np.uint64)
        low = np.array([value & (2**64 - 1) for value in uniform], dtype=np.uint64)
        expected = np.searchsorted(np.array(numbers, dtype=object), np.array(uniform, dtype=object), "right")
        assert noise.reached(table, high, low).tolist() == expected.tolist()


def test_both_ends_are_within_the_tail_and_equally_far():
    table = noise.thresholds(3)
    ends = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert noise.reached(table, ends, ends).tolist() == [0, 2 * noise.TAIL_SIGMAS * 3]


@pytest.mark.parametrize(
    ("seed", "sigma", "count"),
    [(SEED, 0, 1), (SEED, 10_001, 1), (SEED, -1, 1), (SEED[:31], 5, 1), (SEED + b"x", 5, 1), (SEED, 5, -1)],
)
def test_unusable_requests_are_refused(seed, sigma, count):
    with pytest.raises(noise.InvalidNoise) as refused:
        noise.gaussian(seed, sigma, count)
    assert refused.value.hint


def test_thresholds_are_made_once_and_cannot_be_changed():
    table = noise.thresholds(9)
    assert noise.thresholds(9) is table
    with pytest.raises(ValueError, match="read-only"):
        table.high[0] = 0


def test_what_samples_add_to_delta():
    with localcontext(Context(prec=60)):
        added = 10**7 * (1 + Decimal(8).exp()) * Decimal(2) ** noise.DISTANCE_LOG2
        assert added < Decimal(2) ** -73

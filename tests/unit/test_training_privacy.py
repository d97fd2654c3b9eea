"""The privacy budget in whole numbers: rounding directions, inverses, the conversion's exact values."""

import doctest
import random
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import ceil

import mpmath
import pytest

from freehold.features.privacy.rules import privacy

DELTAS = [1, 5, 6, 9, 20, 50]


def exact_epsilon(rho_nano, delta_exponent):
    """The least epsilon by minimising corollary 13's delta, solved for epsilon, over ln(alpha - 1)."""
    with mpmath.workdps(60):
        rho, limit = mpmath.mpf(rho_nano) / 10**9, delta_exponent * mpmath.log(10)

        def epsilon(t):
            x = mpmath.exp(t)
            return (1 + x) * rho + mpmath.log(x / (1 + x)) + (limit - mpmath.log1p(x)) / x

        low, high = mpmath.mpf(-80), mpmath.mpf(300)
        for _ in range(220):  # ternary search: one minimum
            third = (high - low) / 3
            if epsilon(low + third) < epsilon(high - third):
                high -= third
            else:
                low += third
        return max(mpmath.mpf(0), epsilon(low))


def delta_of(rho_nano, epsilon, alpha):
    """Corollary 13 as printed, at one alpha."""
    rho = mpmath.mpf(rho_nano) / 10**9
    return mpmath.exp((alpha - 1) * (alpha * rho - epsilon)) / (alpha - 1) * (1 - 1 / alpha) ** alpha


@pytest.mark.parametrize("sensitivity", [0, 1, 3, 1_000])
def test_rho_is_the_exact_fraction_rounded_up(sensitivity):
    for sigma in (1, 7, 999, 10_000):
        for rounds in (0, 1, 3, 200):
            exact = Fraction(rounds * sensitivity**2, 2 * sigma**2) * 10**9
            assert privacy.rho_nano(sensitivity, sigma, rounds) == ceil(exact)


def test_sigma_for_is_the_least_that_stays_within_the_limit():
    draw = random.Random(1)
    for _ in range(300):
        sensitivity, rounds = draw.randrange(1, 5_000), draw.randrange(1, 300)
        limit = 10 ** draw.randrange(1, 12) + draw.randrange(10)
        sigma = privacy.sigma_for(sensitivity, rounds, limit)
        assert privacy.rho_nano(sensitivity, sigma, rounds) <= limit
        assert sigma == 1 or privacy.rho_nano(sensitivity, sigma - 1, rounds) > limit
    assert privacy.sigma_for(0, 10, 1) == privacy.sigma_for(10, 0, 1) == 1
    # a limit met exactly: 2 * 100^2 / (2 * 10^2) = 100
    assert privacy.sigma_for(100, 2, 100 * privacy.NANO) == 10


@pytest.mark.parametrize("delta_exponent", DELTAS)
def test_epsilon_is_the_least_rounded_up(delta_exponent):
    for rho in (1, 17, 10**4, 25_000_000, 10**9, 333 * 10**9, 10**14):
        exact = exact_epsilon(rho, delta_exponent) * 10**6
        found = privacy.epsilon_micro(rho, delta_exponent)
        assert exact <= found < exact + 1


def test_epsilon_satisfies_the_corollary_as_printed():
    with mpmath.workdps(40):
        for rho, exponent in [(25_000_000, 5), (10**9, 9)]:
            epsilon = mpmath.mpf(privacy.epsilon_micro(rho, exponent)) / 10**6
            alphas = [1 + mpmath.mpf(i) / 200 for i in range(1, 20_000)]
            least = min(delta_of(rho, epsilon, alpha) for alpha in alphas)
            assert mpmath.mpf("0.999") < least * 10**exponent <= mpmath.mpf("1.00002")


@pytest.mark.parametrize("delta_exponent", DELTAS)
def test_epsilon_never_falls_as_rho_grows(delta_exponent):
    for start in (0, 10**3, 25_000_000, 10**11):
        values = [privacy.epsilon_micro(start + i, delta_exponent) for i in range(150)]
        assert values == sorted(values)
    assert privacy.epsilon_micro(0, delta_exponent) == 0


def test_epsilon_never_falls_as_delta_shrinks():
    values = [privacy.epsilon_micro(10**8, exponent) for exponent in range(1, 101)]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_the_tight_conversion_is_below_the_simple_one():
    with localcontext(Context(prec=40)):
        for rho in (1_000, 10**6, 10**9, 10**12):
            limit = 5 * Decimal(10).ln()
            simple = Decimal(rho) / 10**9 + 2 * (Decimal(rho) / 10**9 * limit).sqrt()
            assert privacy.epsilon_micro(rho, 5) < simple * 10**6


@pytest.mark.parametrize("delta_exponent", DELTAS)
def test_rho_for_an_epsilon_is_the_largest_within_it(delta_exponent):
    draw = random.Random(delta_exponent)
    for epsilon in [0, 1, 1_000, *(draw.randrange(10**8) for _ in range(12)), 10**12]:
        rho = privacy.rho_nano_for(epsilon, delta_exponent)
        assert privacy.epsilon_micro(rho, delta_exponent) <= epsilon
        assert privacy.epsilon_micro(rho + 1, delta_exponent) > epsilon


def test_rho_survives_the_way_there_and_back():
    for rho in (10**4, 25_000_000, 10**9, 10**11):
        assert privacy.rho_nano_for(privacy.epsilon_micro(rho, 5), 5) >= rho


def test_the_callers_decimal_settings_change_nothing():
    expected = [privacy.epsilon_micro(10**8, 5), privacy.rho_nano_for(10**6, 5), privacy.guess_ppm(10**6)]
    with localcontext(Context(prec=5, Emax=9, Emin=-9)):
        assert [
            privacy.epsilon_micro(10**8, 5),
            privacy.rho_nano_for(10**6, 5),
            privacy.guess_ppm(10**6),
        ] == expected


@pytest.mark.parametrize(
    ("rows", "exponent"), [(0, 5), (1, 5), (999, 5), (9_999, 5), (10_000, 6), (99_999, 6), (10**6, 8)]
)
def test_delta_stays_below_a_tenth_of_a_row(rows, exponent):
    assert privacy.delta_exponent_for(rows) == exponent
    assert rows < 10 ** (exponent - 1)


def test_how_often_a_guess_is_right():
    assert privacy.guess_ppm(0) == 500_000
    assert privacy.guess_ppm(1) == 500_001
    assert privacy.guess_ppm(1_000_000) == 731_059
    assert privacy.guess_ppm(0, delta_exponent=5) == 500_005
    assert privacy.guess_ppm(0, delta_exponent=100) == 500_001
    assert privacy.guess_ppm(10**30) == 1_000_000
    values = [privacy.guess_ppm(epsilon) for epsilon in range(0, 20_000_000, 40_000)]
    assert values == sorted(values)
    with mpmath.workdps(40):
        for epsilon in (3, 500_000, 3_000_000, 12_345_678):
            odds = mpmath.exp(mpmath.mpf(epsilon) / 10**6)
            assert 0 <= privacy.guess_ppm(epsilon) - 10**6 * odds / (1 + odds) < 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: privacy.rho_nano(-1, 1, 1),
        lambda: privacy.rho_nano(1, 0, 1),
        lambda: privacy.rho_nano(1, 1, -1),
        lambda: privacy.sigma_for(1, 1, 0),
        lambda: privacy.sigma_for(-1, 1, 1),
        lambda: privacy.epsilon_micro(-1, 5),
        lambda: privacy.epsilon_micro(1, 0),
        lambda: privacy.epsilon_micro(0, 101),
        lambda: privacy.rho_nano_for(-1, 5),
        lambda: privacy.rho_nano_for(1, 0),
        lambda: privacy.delta_exponent_for(-1),
        lambda: privacy.guess_ppm(-1),
        lambda: privacy.guess_ppm(1, delta_exponent=0),
    ],
)
def test_numbers_out_of_range_are_refused(ask):
    with pytest.raises(privacy.InvalidBudget):
        ask()


def test_the_example_in_the_docstring_works():
    result = doctest.testmod(privacy)
    assert result.attempted == 2
    assert result.failed == 0

"""What noised rounds reveal: zero-concentrated differential privacy (zCDP) counted in whole numbers.

Noise N_Z(0, sigma^2) on every coordinate of a whole-number vector that one row moves by at most
`sensitivity` (Euclidean) is rho-zCDP with rho = sensitivity^2 / (2 sigma^2); rounds add up. The
conversion to (epsilon, delta) is corollary 13 of Canonne, Kamath and Steinke, "The Discrete Gaussian
for Differential Privacy" (2020): rho-zCDP implies (epsilon, delta)-DP when, for some alpha > 1,

    delta = exp((alpha - 1) (alpha rho - epsilon)) / (alpha - 1) * (1 - 1 / alpha)^alpha.

Solved for epsilon, with x = alpha - 1 and L = ln(1 / delta):

    epsilon(x) = (1 + x) rho + ln(x / (1 + x)) + (L - ln(1 + x)) / x.

Every x > 0 gives a valid epsilon; the least is where rho x^2 + ln(1 + x) = L, which has one root.

Never too low: the root is only searched for, and epsilon(x) of the x found is computed in decimals
of 50 digits more than rho has (ln, exp and sqrt correctly rounded, so the same on every machine),
raised by 10^-30, far above their rounding error, and rounded up. What the search leaves is below
10^-20, and a step of rho (10^-9) raises the least epsilon by alpha * 10^-9 > 10^-9: so epsilon never
falls as rho grows.

>>> rho = rho_nano(sensitivity=5, sigma=100, rounds=20)
>>> rho, epsilon_micro(rho, delta_exponent=5)
(25000000, 896614)
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from math import isqrt

from freehold.core.errors import InvalidInput

NANO = 10**9
MICRO = 10**6
LEAST_DELTA_EXPONENT = 5
MAX_DELTA_EXPONENT = 100

_DIGITS = 50
_ROUNDING_MARGIN = Decimal("1e-30")
_SEARCHED = Decimal("1e-8")
_CERTAIN_MICRO = 100 * MICRO


class InvalidBudget(InvalidInput, code="training.budget"):
    """A privacy budget was asked for with numbers outside their range."""


def rho_nano(sensitivity: int, sigma: int, rounds: int) -> int:
    """Rho of `rounds` noised sums, in 10^-9, rounded up: rounds * sensitivity^2 / (2 sigma^2)."""
    _require(sensitivity >= 0 and rounds >= 0, "a negative sensitivity or number of rounds")
    _require(sigma >= 1, f"noise of width {sigma}")
    return -(-rounds * sensitivity * sensitivity * NANO // (2 * sigma * sigma))


def sigma_for(sensitivity: int, rounds: int, rho_nano_limit: int) -> int:
    """The least whole sigma with `rho_nano(sensitivity, sigma, rounds)` at most `rho_nano_limit`."""
    _require(sensitivity >= 0 and rounds >= 0, "a negative sensitivity or number of rounds")
    _require(rho_nano_limit >= 1, f"a limit of {rho_nano_limit} nano-rho")
    square = -(-rounds * sensitivity * sensitivity * NANO // (2 * rho_nano_limit))
    return isqrt(square - 1) + 1 if square else 1


def epsilon_micro(rho_nano: int, delta_exponent: int) -> int:
    """The least epsilon, in 10^-6 and rounded up, with which rho-zCDP is (epsilon, 10^-delta_exponent)-DP."""
    _require(rho_nano >= 0, f"a rho of {rho_nano} nano")
    _require_exponent(delta_exponent)
    if not rho_nano:
        return 0
    with localcontext(_context(rho_nano)):
        _, epsilon = _least(Decimal(rho_nano) / NANO, delta_exponent)
        scaled = (epsilon + _ROUNDING_MARGIN) * MICRO
        return max(0, int(scaled.to_integral_value(ROUND_CEILING)))


def rho_nano_for(epsilon_micro: int, delta_exponent: int) -> int:
    """The largest rho, in 10^-9, whose `epsilon_micro` is not above the one given.

    epsilon is concave in rho with slope alpha, so Newton's steps rise to the answer from below, here
    from the simpler conversion epsilon = rho + 2 sqrt(rho L); the last nano are tried one by one.
    """
    _require(epsilon_micro >= 0, f"an epsilon of {epsilon_micro} millionths")
    _require_exponent(delta_exponent)
    with localcontext(_context(epsilon_micro)):
        target, limit = Decimal(epsilon_micro) / MICRO, delta_exponent * Decimal(10).ln()
        rho, step = ((limit + target).sqrt() - limit.sqrt()) ** 2, Decimal(1)
        while step > Decimal(1) / (10 * NANO):
            x, epsilon = _least(rho, delta_exponent)
            step = (target - epsilon) / (1 + x)
            rho += step
        found = max(0, int((rho * NANO).to_integral_value(ROUND_FLOOR)))
    while _within(found + 1, epsilon_micro, delta_exponent):
        found += 1
    while not _within(found, epsilon_micro, delta_exponent):
        found -= 1
    return found


def delta_exponent_for(rows: int) -> int:
    """The exponent of the delta to promise over `rows` rows: delta * rows stays below a tenth."""
    _require(rows >= 0, f"{rows} rows")
    return max(LEAST_DELTA_EXPONENT, len(str(rows)) + 1)


def guess_ppm(epsilon_micro: int, delta_exponent: int | None = None) -> int:
    """How often, in millionths and rounded up, a guesser at most tells a member from a stranger.

    The guesser knows every other row and sees member and stranger equally often. (e^epsilon + delta)
    / (1 + e^epsilon), after Kairouz, Oh and Viswanath, "The Composition Theorem for Differential
    Privacy" (2015); without `delta_exponent` delta is 0.
    """
    _require(epsilon_micro >= 0, f"an epsilon of {epsilon_micro} millionths")
    if delta_exponent is not None:
        _require_exponent(delta_exponent)
    with localcontext(Context(prec=_DIGITS + MAX_DELTA_EXPONENT, rounding=ROUND_FLOOR)):
        delta = Decimal(0) if delta_exponent is None else Decimal(1).scaleb(-delta_exponent)
        odds = (Decimal(min(epsilon_micro, _CERTAIN_MICRO)) / MICRO).exp()
        wrong = MICRO * (1 - delta) / (1 + odds)
        return MICRO - int(wrong)


def _least(rho: Decimal, delta_exponent: int) -> tuple[Decimal, Decimal]:
    """(x, epsilon(x)) at the least epsilon, up to 10^-20; epsilon may be below 0 for a tiny rho.

    In t = ln x, rho x^2 + ln(1 + x) - L is convex and rises, so Newton's steps from the right of the
    root fall towards it; sqrt(L / rho) and 1 / delta are both to its right.
    """
    limit = delta_exponent * Decimal(10).ln()
    x = Decimal(10) ** delta_exponent
    if rho:
        x = min(x, (limit / rho).sqrt())
    step = Decimal(1)
    while step > _SEARCHED:
        excess = rho * x * x + (1 + x).ln() - limit
        step = excess / (2 * rho * x * x + x / (1 + x))
        x *= (-step).exp()
    return x, (1 + x) * rho + (x / (1 + x)).ln() + (limit - (1 + x).ln()) / x


def _within(rho_nano: int, limit_micro: int, delta_exponent: int) -> bool:
    return epsilon_micro(rho_nano, delta_exponent) <= limit_micro


def _context(largest: int) -> Context:
    return Context(prec=_DIGITS + len(str(largest)))


def _require_exponent(delta_exponent: int) -> None:
    within = 1 <= delta_exponent <= MAX_DELTA_EXPONENT
    _require(within, f"a delta of 10^-({delta_exponent})")


def _require(holds: bool, found: str) -> None:
    if not holds:
        raise InvalidBudget(f"{found} has no privacy budget", hint="Use numbers in the documented range.")

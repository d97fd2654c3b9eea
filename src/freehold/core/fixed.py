"""Fixed-point numbers: scales, the rounding rule, exact products through float64 BLAS.

Scales (a value x is held as the integer x * 2^k, written Qk):

| quantity                       | scale | limit (held integer)                       |
| ------------------------------ | ----- | ------------------------------------------ |
| standardised feature           | Q10   | +-4 -> `FEATURE_LIMIT` 2^12                |
| row as a vector of length <= 1 | Q14   | Euclidean length `UNIT` 2^14               |
| weight                         | Q16   | +-4,096 -> `WEIGHT_LIMIT` 2^28             |
| probability                    | Q16   | 0 to 2^16 (`ONE`)                          |
| logit                          | Q10 after rounding from Q30, clipped to +-16 |
| gradient of one row            | Q30   | Euclidean length 2^30                      |

Rounding rule, everywhere: floor(x + 1/2). For x = a / 2^s that is `(a + 2^(s-1)) >> s`; for
x = a / b with b > 0 it is `(2a + b) // (2b)`. Both are exact for negative a.

Exactness: float64 holds every integer below 2^53. If the sum of the absolute products of a dot
product is below 2^53, every partial sum in any order, with or without fused multiply-add, is an
integer below 2^53 and so exact. `require_exact` checks that bound before each product; hence the
same bytes under any BLAS, thread count and machine.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache
from typing import TypeAlias

from freehold.core.errors import InvalidInput
from freehold.core.late import np, npt

IntArray: TypeAlias = "npt.NDArray[np.int64]"
FloatArray: TypeAlias = "npt.NDArray[np.float64]"

FEATURE_BITS = 10
WEIGHT_BITS = 16
FEATURE_ONE = 1 << FEATURE_BITS
FEATURE_LIMIT = 4 << FEATURE_BITS
UNIT_BITS = 14
UNIT = 1 << UNIT_BITS
WEIGHT_LIMIT = 4_096 << WEIGHT_BITS
ONE = 1 << WEIGHT_BITS
LOGIT_LIMIT = 16 << FEATURE_BITS
LOGIT_SHIFT = UNIT_BITS + WEIGHT_BITS - FEATURE_BITS
EXACT_LIMIT = 1 << 53

_EXP_BITS = 160


class InexactProduct(InvalidInput, code="training.inexact"):
    """A product could exceed 2^53, so float64 could not hold it exactly."""


def require_exact(inner: int, left_limit: int, right_limit: int) -> None:
    """Raise `InexactProduct` unless inner * left_limit * right_limit < 2^53."""
    if inner * left_limit * right_limit >= EXACT_LIMIT:
        raise InexactProduct(
            f"a sum of {inner} products up to {left_limit} x {right_limit} may exceed 2^53",
            hint="Use fewer rows or columns.",
        )


def matmul(left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]) -> IntArray:
    """Exact integer product `(n, k) @ (k, m)` through float64; the bound is measured and checked."""
    require_exact(max(left.shape[-1], 1), magnitude(left), magnitude(right))
    product: FloatArray = left.astype(np.float64) @ right.astype(np.float64)
    return product.astype(np.int64)


def dot(one: IntArray, other: IntArray) -> int:
    """Sum of products, exact whatever its size."""
    return int(sum(map(int.__mul__, one.tolist(), other.tolist())))


def magnitude(array: npt.NDArray[np.integer]) -> int:
    """The largest absolute value in `array`, 0 when it is empty."""
    return max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0


def shift_round(value: IntArray, bits: int) -> IntArray:
    """floor(value / 2^bits + 1/2); |value| < 2^62."""
    return (value + (1 << (bits - 1))) >> bits


def divide_round(value: IntArray, divisor: int | IntArray) -> IntArray:
    """floor(value / divisor + 1/2) for divisor > 0; |2 * value| + divisor < 2^63."""
    rounded: IntArray = (2 * value + divisor) // (2 * divisor)
    return rounded


@cache
def sigmoid_table() -> IntArray:
    """Q16 sigmoid of k / 1024 for k = -16384..16384, shape (32769,), index k + 16384.

    Made by integer powers of e^(-1/1024) in Q160 (Decimal's exp is correctly rounded on every
    machine), so no libm takes part. Negative arguments use 1 - sigmoid(-x).
    """
    with localcontext() as context:
        context.prec = 80
        ratio = int((Decimal(-1) / FEATURE_ONE).exp() * (1 << _EXP_BITS))
    unit = 1 << _EXP_BITS
    power, upper = unit, []
    for _ in range(LOGIT_LIMIT + 1):
        denominator = unit + power
        upper.append(((ONE * unit * 2) + denominator) // (2 * denominator))
        power = (power * ratio) >> _EXP_BITS
    positive = np.array(upper, dtype=np.int64)
    table = np.concatenate([ONE - positive[:0:-1], positive])
    table.setflags(write=False)
    return table


def sigmoid(logits_q30: IntArray) -> IntArray:
    """Q16 probabilities of Q30 logits (any shape), by rounding to Q10, clipping and lookup."""
    # np.clip does the same, and takes longer over a single row
    index = np.minimum(np.maximum(shift_round(logits_q30, LOGIT_SHIFT), -LOGIT_LIMIT), LOGIT_LIMIT)
    found: IntArray = sigmoid_table()[index + LOGIT_LIMIT]
    return found


def root_up(value: IntArray) -> IntArray:
    """The smallest integer whose square is at least `value`; 0 <= value < 2^52."""
    # sqrt of an integer below 2^53 is correctly rounded, so it is off by less than one
    root: IntArray = np.sqrt(value.astype(np.float64)).astype(np.int64)
    root -= root * root > value
    return root + (root * root < value)

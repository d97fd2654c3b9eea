"""Rounding, exact products and the sigmoid table."""

import hashlib
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor, isqrt

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from freehold.core import fixed


def test_rounding_is_floor_of_x_plus_a_half():
    for value in [-7, -6, -5, -1, 0, 1, 5, 6, 7]:
        array = np.array([value], dtype=np.int64)
        assert fixed.shift_round(array, 2)[0] == floor(Fraction(value, 4) + Fraction(1, 2))
        assert fixed.divide_round(array, 3)[0] == floor(Fraction(value, 3) + Fraction(1, 2))
        assert fixed.divide_round(array, 2)[0] == floor(Fraction(value, 2) + Fraction(1, 2))


def test_matmul_is_exact_up_to_its_bound_under_any_thread_count():
    rng = np.random.default_rng(0)
    left = rng.integers(-(1 << 21), 1 << 21, (60, 300))
    right = rng.integers(-(1 << 22), 1 << 22, (300, 40))
    truth = left.astype(object) @ right.astype(object)
    for threads in (1, 2):
        with threadpool_limits(threads):
            assert (fixed.matmul(left, right) == truth).all()


def test_a_product_that_may_round_is_refused():
    left = np.full((1, 2), 1 << 26, dtype=np.int64)
    assert fixed.matmul(left, left.T - 1)[0, 0] == 2 * ((1 << 26) * ((1 << 26) - 1))
    with pytest.raises(fixed.InexactProduct):
        fixed.matmul(left, left.T)
    with pytest.raises(fixed.InexactProduct):
        fixed.matmul(np.array([[-(1 << 63)]]), np.array([[1]]))


def test_sigmoid_table_is_correctly_rounded_and_pinned():
    table = fixed.sigmoid_table()
    assert table.shape == (32_769,)
    with localcontext() as context:
        context.prec = 50
        for k in [*range(-16_384, 16_385, 331), -1, 0, 1, 16_384]:
            exact = 65_536 / (1 + (Decimal(-k) / 1_024).exp())
            assert abs(exact - int(table[k + 16_384])) <= Decimal("0.5")
    assert (table + table[::-1] == 65_536).all()
    assert (np.diff(table) >= 0).all()
    # another table would train other models: recorded runs could no longer be replayed
    assert (
        hashlib.sha256(table.astype("<i8").tobytes()).hexdigest()
        == "747ca15c3b28e367cd83ea0acb7ea3588f050ed5137fc552e5d79e567f76ab4b"
    )


def test_sigmoid_rounds_and_clips_logits():
    one, half = 1 << 30, 1 << 19
    logits = np.array([0, one, -one, 100 * one, -100 * one, half, half - 1], dtype=np.int64)
    table = fixed.sigmoid_table()
    assert fixed.sigmoid(logits).tolist() == [
        32_768,
        *(int(table[16_384 + k]) for k in (1_024, -1_024, 16_384, -16_384, 1, 0)),
    ]


def test_root_up_is_never_below_the_root_and_less_than_one_above():
    edge = [k * k + d for k in (0, 1, 2, 3, 1 << 13, (1 << 25) + 1, (1 << 26) - 1) for d in (-1, 0, 1)]
    values = np.array([v for v in edge if v >= 0], dtype=np.int64)
    found = fixed.root_up(values)
    for value, root in zip(values.tolist(), found.tolist(), strict=True):
        assert root == isqrt(value) + (isqrt(value) ** 2 < value)

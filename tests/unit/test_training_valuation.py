"""Utilities, shares and what the Shapley code refuses."""

from fractions import Fraction

import numpy as np
import pytest

from freehold.training.fixed import sigmoid_table
from freehold.training.valuation import InvalidGame, correct, exact_shapley, shares_bps, utilities


def test_utility_is_the_summed_brier_gain_over_a_coin():
    z = np.array([[1_024, 1_024], [-1_024, 1_024]], dtype=np.int16)
    models = np.array([[0, 0], [1 << 16, 0], [-(1 << 16), 0]], dtype=np.int64)
    p = int(sigmoid_table()[16_384 + 1_024])
    labels = np.array([1, 0], dtype=np.int64)
    good, bad = 2 * (2**30 - (65_536 - p) ** 2), 2 * (2**30 - p**2)
    assert utilities(models, z, labels) == [0, good, bad]
    assert bad < 0 < good
    assert correct(models, z, labels) == [1, 2, 0]


def test_shares_round_by_largest_remainder_and_favour_the_earlier_on_ties():
    assert shares_bps([Fraction(1)] * 3) == [3_334, 3_333, 3_333]
    assert shares_bps([Fraction(1), Fraction(-5), Fraction(3)]) == [2_500, 0, 7_500]
    assert shares_bps([Fraction(2, 30_000), Fraction(1) - Fraction(2, 30_000)]) == [1, 9_999]


def test_nobody_positive_splits_equally():
    assert shares_bps([Fraction(-1), Fraction(0), Fraction(-7)]) == [3_334, 3_333, 3_333]


def test_a_list_that_is_no_game_is_refused():
    for values in ([], [0, 1, 2]):
        with pytest.raises(InvalidGame):
            exact_shapley(values)
    assert exact_shapley([5]) == []
    with pytest.raises(InvalidGame):
        shares_bps([])

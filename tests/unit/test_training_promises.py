"""Sentences about privacy never promise more than the numbers do."""

import pytest

from freehold.core import epsilons
from freehold.core.errors import InvalidInput
from freehold.features.privacy.rules import privacy, promises


@pytest.mark.parametrize(
    ("text", "micro"),
    [("1", 1_000_000), ("0.5", 500_000), (".25", 250_000), (" 2. ", 2_000_000), ("0.000001", 1)],
)
def test_an_epsilon_is_read_and_written(text, micro):
    assert epsilons.parse(text) == micro
    assert epsilons.parse(epsilons.text(micro)) == micro


@pytest.mark.parametrize("text", ["", "0", "0.0", "-1", "1e3", "nan", "1,5", "0.0000001", "12345", "\u0661"])
def test_what_is_no_epsilon_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        epsilons.parse(text)
    assert "above 0" in refused.value.hint


def test_what_is_left_is_rounded_down_and_what_is_spent_up():
    assert (epsilons.rough(1_999_999), epsilons.rough_up(1_990_001)) == ("1.99", "2")
    assert (epsilons.rough(0), epsilons.rough_up(0)) == ("0", "0")
    assert (epsilons.rough(9_999), epsilons.rough_up(1)) == ("0.009999", "0.01")


@pytest.mark.parametrize("micro", [0, 1, 500_000, 1_000_000, 4_000_000, 50_000_000])
def test_the_worst_case_is_rounded_against_the_promise(micro):
    for exponent in (None, 5, 8):
        most = promises.times_in_100(micro, exponent)
        assert most * 10_000 >= privacy.guess_ppm(micro, exponent)
        assert f"at most {most} times in 100" in promises.worst_case(micro, exponent)
    assert 50 <= promises.times_in_100(micro) <= 100


def test_several_rows_of_a_subject_are_promised_together():
    assert "rows of a given subject (up to 3) are" in promises.worst_case(1_000_000, rows_each=3)
    assert "all rows of one subject away (up to 3)" in promises.unit(3)
    for rows_each in (1, 3):
        assert "counts as two" in promises.unit(rows_each)


def test_the_cost_of_noise_is_said_as_far_as_it_is_known():
    assert "nothing but noise" in promises.cost(2, 1, None)
    assert "less than 1 point" in promises.cost(9_000, 1_000_000, 12)
    assert "about 1 point of 100" in promises.cost(900, 1_000_000, 120)
    assert "about 35 points of 100" in promises.cost(10, 500_000, 3_468)


def test_exact_updates_are_never_said_to_be_bounded():
    line = {"guess_ppm": 500_000, "guess_life_ppm": 982_000, "exact_runs": 0}
    assert promises.of_line(line).endswith("at most 50 times in 100 (a coin: 50), and 99 when all is spent.")
    assert promises.of_line({**line, "exact_runs": 1}).startswith("exact updates were given once")
    assert "2 times, from which rows can be rebuilt" in promises.of_line({**line, "exact_runs": 2})

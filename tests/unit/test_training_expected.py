"""What is suggested and foretold before a run, held against runs."""

import math
import subprocess
import sys

import numpy as np
import pytest
from training_runs import clinics, plan_for, play

from freehold.features.models.rules.scaling import typical, unit_rows
from freehold.features.privacy.rules import privacy
from freehold.features.training.rules import expected, updates
from freehold.features.training.rules.expected import ExpectedLoss, curvature, expected_loss, suggest
from freehold.features.training.rules.logistic import Recipe
from freehold.features.training.rules.updates import TooLittleBudget

CLINICS = (80, 70, 70, 70, 60, 40)


def test_curvature_is_the_largest_eigenvalue():
    z = np.zeros((4, 3), dtype=np.int16)
    z[:, 0] = [1 << 14, -(1 << 14), 1 << 14, 0]
    z[:, 2] = [0, 0, 0, 1 << 13]
    assert curvature(z) == pytest.approx(0.75)


def test_less_noise_means_more_rounds_and_never_a_step_that_does_not_settle():
    found = [
        suggest((count,) * 4, 30, epsilon, 6, curvature=0.28)
        for count in (20, 200, 2_000, 200_000)
        for epsilon in (100_000, 1_000_000, 8_000_000)
    ]
    for recipe in found:
        assert expected.LEAST_ROUNDS <= recipe.rounds <= expected.MOST_ROUNDS
        assert recipe.learning_rate_q16 / 65_536 * 0.28 / 4 < 2
    for place in range(0, 12, 3):
        rounds = [recipe.rounds for recipe in found[place : place + 3]]
        travelled = [recipe.rounds * recipe.learning_rate_q16 for recipe in found[place : place + 3]]
        assert rounds == sorted(rounds)
        assert travelled == sorted(travelled)
    assert found[0].rounds == 3
    assert found[-1].rounds == 60


def test_an_owner_that_overstates_its_rows_does_not_stretch_the_run():
    honest = suggest(CLINICS, 30, 4_000_000, 5, curvature=0.28)
    for claimed in (8_000, 1_000_000):
        stretched = suggest((claimed, *CLINICS[1:]), 30, 4_000_000, 5, curvature=0.28)
        assert stretched.rounds <= 2 * honest.rounds


def test_without_noise_only_the_curvature_matters():
    assert suggest(CLINICS, 30, None, 5, curvature=0.28) == Recipe(
        40, round(4 / 0.28 * 65_536), expected.L2_Q16
    )
    assert suggest((9,), 3, None, 9, curvature=0.28) == suggest(CLINICS, 30, None, 5, curvature=0.28)


def test_every_input_gives_a_recipe():
    for rows in ((1,), (1,) * 1_000, (1_000_000,) * 1_000):
        for columns in (1, 1_024):
            for epsilon in (0, 1, 100_000_000, None):
                for bend in (None, 0.0, 1e-12, 1.0):
                    assert suggest(rows, columns, epsilon, 12, curvature=bend).rounds >= 3


def test_several_rows_of_a_subject_count_as_so_much_more_noise():
    one, three = (suggest((1_000,) * 4, 30, 2_000_000, 5, curvature=0.2, rows_each=n) for n in (1, 3))
    assert three.rounds < one.rounds


@pytest.mark.parametrize(("epsilon", "least"), [(None, 0.96), (8, 0.945), (2, 0.93), (1, 0.915)])
def test_the_suggested_recipe_reaches_its_bars_on_the_quickstart(epsilon, least):
    named, test = clinics()
    tables = list(named.values())
    plan = plan_for(tables, test, epsilon)
    runs = 100 if epsilon else 1
    assert np.mean([play(tables, test, plan, seed).accuracy for seed in range(runs)]) >= least


def test_a_loss_foretold_is_near_the_loss_that_comes():
    named, test = clinics()
    tables = list(named.values())
    without = play(tables, test, plan_for(tables, test)).accuracy
    for epsilon in (8, 2, 1):
        plan = plan_for(tables, test, epsilon)
        played = [play(tables, test, plan, seed) for seed in range(60)]
        lost = without - np.mean([one.accuracy for one in played])
        valued = [one.valued for one in played]
        error = np.mean([one.errors[0] / sum(one.values) for one in valued])
        foretold = expected_loss(CLINICS, 30, epsilon * 10**6, 5)
        assert abs(foretold.loss_bps / 10_000 - lost) < 0.012
        assert 0.7 < foretold.share_error_bps / 10_000 / error < 1.4


def test_less_epsilon_costs_more_and_more_rows_cost_less():
    losses = [expected_loss(CLINICS, 30, epsilon, 5) for epsilon in (16_000_000, 2_000_000, 300_000, 50_000)]
    assert [one.loss_bps for one in losses] == sorted(one.loss_bps for one in losses)
    assert [one.share_error_bps for one in losses] == sorted(one.share_error_bps for one in losses)
    assert losses[-1].loss_bps > 2_000
    large = expected_loss((100_000,) * 3, 30, 2_000_000, 6)
    assert large.loss_bps <= 60
    assert large.share_error_bps <= 20
    subjects = expected_loss(CLINICS, 30, 2_000_000, 5, rows_each=4)
    assert subjects.loss_bps > losses[1].loss_bps


@pytest.mark.parametrize(("rows", "columns"), [((1,), 1), ((1, 1), 1_024), ((40,) * 1_000, 5)])
def test_odd_sizes_are_answered(rows, columns):
    found = expected_loss(rows, columns, 4_000_000, 5)
    assert 0 <= found.loss_bps <= 10_000
    assert 0 < found.share_error_bps <= 10_000
    assert found.loss_bps == max(0, found.accuracy_without_bps - found.accuracy_with_bps)


def test_an_epsilon_that_no_noise_can_keep_is_refused():
    with pytest.raises(TooLittleBudget):
        expected_loss(CLINICS, 30, 0, 5)


PINNED = ExpectedLoss(9010, 8880, 130, 222)


def test_both_sides_are_told_the_same():
    assert expected_loss((65,) * 6, 30, 8_000_000, 5) == PINNED
    code = "from freehold.features.training.rules.expected import *; print(expected_loss((65,) * 6, 30, 8_000_000, 5))"
    again = subprocess.run(
        [sys.executable, "-c", code],
        env={"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Prescott", "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.strip() == repr(PINNED)


def test_the_suggestion_is_what_its_docstring_says():
    named, test = clinics()
    bend = curvature(unit_rows(test.features, typical(test)))
    rho = privacy.rho_nano_for(2_000_000, 5) / 10**9
    kappa = math.sqrt(6 * 31 / (2 * rho)) / sum(one.rows for one in named.values())
    found = suggest(CLINICS, 30, 2_000_000, 5, curvature=bend)
    pace = found.learning_rate_q16 / 65_536 * bend / 4
    assert found.rounds * pace * kappa == pytest.approx(expected.PACE, rel=1e-4)
    # and kappa is the noise of the whole run as a model would feel it
    noise = updates.noise_for(round(rho * 10**9), found.rounds, 31, 1)
    felt = noise.sigma / 2**noise.update_bits * math.sqrt(6 * 31 / found.rounds) / 390
    assert felt == pytest.approx(kappa, rel=0.01)

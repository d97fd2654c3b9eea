"""Our integer training against scikit-learn and against the same formulas in floating point."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from training_runs import account, clinics, plan_for, play, steps, table

from freehold.core.fixed import UNIT
from freehold.features.models.rules import worth
from freehold.features.models.rules.model import predict, probabilities
from freehold.features.models.rules.scaling import typical, unit_rows
from freehold.features.training.rules import record


@pytest.fixture(scope="module")
def split():
    named, test = clinics()
    return [named[name] for name in ("alder", "birch", "cedar", "fir")], test


def pooled(tables):
    features = np.concatenate([one.features for one in tables]) / 1e6
    return table(features, np.concatenate([one.labels for one in tables]), tables[0].columns)


@pytest.mark.parametrize("l2_q16", [66, 655])
def test_long_training_reaches_scikit_learns_solution(split, l2_q16):
    tables, test = split
    plan = plan_for(tables, test, recipe=steps(200, 24, l2_q16=l2_q16))
    played = play(tables, test, plan)
    together = pooled(tables)
    z = unit_rows(together.features, plan.scaling) / UNIT
    # scikit-learn minimises C * sum(loss) + |w|^2 / 2, we minimise mean(loss) + l2 |w|^2 / 2
    reference = LogisticRegression(C=65_536 / (l2_q16 * together.rows), max_iter=10_000, tol=1e-9)
    # its intercept is not shrunk either; our bias is the last column, which differs from row to row
    reference.fit(z[:, :-1], together.labels)
    ours = played.replayed.model / 65_536
    shown = unit_rows(test.features, plan.scaling)
    theirs = reference.predict_proba(shown[:, :-1] / UNIT)[:, 1]
    found = probabilities(played.replayed.model, shown) / 65_536
    assert np.corrcoef(ours[:-1], reference.coef_[0])[0, 1] > 0.95
    assert np.abs(found - theirs).mean() < 0.03
    assert abs(((found >= 0.5) == test.labels).mean() - ((theirs >= 0.5) == test.labels).mean()) <= 0.015


def test_long_training_reaches_the_same_minimum_to_the_last_digits(split):
    # the same objective, bias as a column that is not shrunk, minimised by Newton's steps in float64
    tables, test = split
    plan = plan_for(tables, test, recipe=steps(200, 24, l2_q16=655))
    played = play(tables, test, plan)
    together = pooled(tables)
    z, labels, shrunk = unit_rows(together.features, plan.scaling) / UNIT, together.labels, np.ones(31)
    shrunk[-1] = 0
    w = np.zeros(31)
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ w))
        slope = z.T @ (p - labels) / len(z) + 655 / 65_536 * shrunk * w
        w -= np.linalg.solve((z.T * (p * (1 - p))) @ z / len(z) + np.diag(655 / 65_536 * shrunk), slope)
    assert np.abs(played.replayed.model / 65_536 - w).max() < 0.02


@pytest.mark.parametrize("epsilon", [None, 8, 1])
def test_a_run_is_the_one_of_floating_point_up_to_rounding(split, epsilon):
    tables, test = split
    plan = plan_for(tables, test, epsilon)
    played = play(tables, test, plan)
    scale, rate = 2.0**plan.noise.update_bits, plan.recipe.learning_rate_q16 / 65_536
    shrunk = np.full(31, plan.recipe.l2_q16 / 65_536)
    shrunk[-1] = 0
    z = {
        one: unit_rows(each.features, plan.scaling) / UNIT
        for one, each in zip(plan.accounts, tables, strict=True)
    }
    labels = {one: each.labels for one, each in zip(plan.accounts, tables, strict=True)}
    shown = unit_rows(test.features, plan.scaling) / UNIT
    w, rows, worth = np.zeros(31), sum(one.rows for one in tables), dict.fromkeys(plan.accounts, 0.0)
    for made, model in zip(played.rounds, played.replayed.models, strict=False):
        gradients = {}
        for owner, one in z.items():
            exact = one.T @ (1 / (1 + np.exp(-one @ w)) - labels[owner])
            ours = one.T @ (1 / (1 + np.exp(-one @ (model / 65_536))) - labels[owner])
            # the noise that was drawn: what was revealed without the gradient at our own model
            gradients[owner] = exact + made.updates[owner][1] / scale - ours
        moved = rate * sum(gradients.values()) / rows + rate * shrunk * w
        p = 1 / (1 + np.exp(-shown @ w))
        slope, bend = shown.T @ (p - test.labels), (shown.T * (p * (1 - p))) @ shown
        sigma = plan.noise.sigma / scale
        for owner, one in gradients.items():
            step = rate * one / rows
            worth[owner] += step @ slope - step @ bend @ (moved + rate * shrunk * w) / 2
            worth[owner] += (rate * sigma / rows) ** 2 * np.trace(bend) / 2
        w = w - moved
    assert np.abs(played.replayed.model / 65_536 - w).max() < 0.01 * max(1, np.abs(w).max())
    unit = rate / (rows * scale * (2 << 30))
    ours = np.array([float(one) * unit for one in played.valued.values])
    assert np.abs(ours - list(worth.values())).max() < 0.002 * sum(abs(one) for one in worth.values())


def test_scores_are_scikit_learns(split):
    tables, test = split
    played = play(tables, test, plan_for(tables, test, 4))
    scores, p = (
        played.valued.scores,
        predict(played.replayed.model, played.plan.scaling, test.features) / 65_536,
    )
    assert scores.correct == ((p >= 0.5) == test.labels).sum()
    assert scores.auc_ppm == int(roc_auc_score(test.labels, p) * 10**6 + 1e-6)
    assert abs(scores.brier_ppm / 10**6 - brier_score_loss(test.labels, p)) <= 1e-6
    assert scores.majority_correct == max(test.labels.sum(), (1 - test.labels).sum())
    # the best direction of one owner's updates alone
    shown = unit_rows(test.features, typical(test)).astype(np.int64)
    alone = []
    for owner in played.plan.accounts:
        way = -sum(made.updates[owner][1] for made in played.rounds)
        alone.append(int((((shown @ way) >= 0) == test.labels).sum()))
    assert scores.single_correct == max(alone)
    assert account(0) in played.plan.accounts


@pytest.mark.parametrize(("right", "rows"), [(0, 20), (20, 20), (17, 20), (207, 225)])
def test_intervals_are_those_of_the_literature(right, rows):
    # Wilson, 1927, in the form of Brown, Cai and DasGupta, 2001, equation 4
    low, high = worth.interval_bps(right, rows)
    z, p = 1.959964, right / rows
    for end in (low, high):
        q = end / 10_000
        # both ends solve |p - q| = z sqrt(q (1 - q) / n)
        assert abs(p - q) == pytest.approx(z * (q * (1 - q) / rows) ** 0.5, abs=2e-4)


def test_record_and_reference_agree_on_which_way_is_down(split):
    tables, test = split
    played = play(tables, test, plan_for(tables, test))
    better = record.without(played.plan, played.replayed, test)
    assert max(better.values()) >= test.rows * 0.85

"""Our integer training against scikit-learn, our Shapley value against its definition."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from freehold.training import demo
from freehold.training.logistic import Recipe, predict, train_locally
from freehold.training.statistics import measure, pool, standardise
from freehold.training.table import MICRO, Table
from freehold.training.valuation import correct, exact_shapley


def as_table(features, labels):
    micro = np.floor(features * MICRO + 0.5).astype(np.int64)
    return Table(demo.columns(), demo.LABEL, micro, labels)


@pytest.fixture(scope="module")
def split():
    parts = {part.name: part for part in demo.parts()}
    honest = [parts[name] for name in ("alder", "birch", "cedar", "fir")]
    train = as_table(np.concatenate([p.features for p in honest]), np.concatenate([p.labels for p in honest]))
    return train, as_table(parts["test"].features, parts["test"].labels)


@pytest.mark.parametrize("l2", [0.002, 0.02, 0.2])
def test_long_training_reaches_scikit_learns_solution(split, l2):
    train, test = split
    scaling = pool([measure(train)])
    z = standardise(train, scaling)
    l2_q16 = round(l2 * 65_536)
    recipe = Recipe(local_steps=1_000, learning_rate_q16=1 << 15, l2_q16=l2_q16)
    models = np.zeros((1, z.shape[1]), dtype=np.int64)
    for _ in range(5):
        models = train_locally(z, train.labels, models, recipe)
    # scikit-learn minimises C * sum(loss) + |w|^2 / 2, we minimise mean(loss) + l2 |w|^2 / 2
    reference = LogisticRegression(C=65_536 / (l2_q16 * train.rows), max_iter=10_000, tol=1e-8)
    reference.fit(z[:, :-1] / 1024, train.labels)
    ours = models[0] / 65_536
    assert np.corrcoef(ours[:-1], reference.coef_[0])[0, 1] > 0.999
    assert np.abs(ours - [*reference.coef_[0], reference.intercept_[0]]).max() < 0.02

    z_test = standardise(test, scaling)
    theirs = reference.predict_proba(z_test[:, :-1] / 1024)[:, 1]
    assert np.abs(predict(models[0], scaling, test.features) / 65_536 - theirs).max() < 0.01
    accuracy = ((theirs >= 0.5) == test.labels).mean()
    assert abs(correct(models, z_test, test.labels)[0] / test.rows - accuracy) <= 0.01


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_shapley_is_the_mean_marginal_contribution_over_all_orders(players):
    rng = np.random.default_rng(players)
    values = [int(v) for v in rng.integers(-(2**50), 2**50, 1 << players)]
    totals = [0] * players
    for order in itertools.permutations(range(players)):
        mask = 0
        for player in order:
            totals[player] += values[mask | 1 << player] - values[mask]
            mask |= 1 << player
    assert exact_shapley(values) == [Fraction(total, math.factorial(players)) for total in totals]

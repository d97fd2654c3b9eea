"""Sums that owners share, and the scaling that follows."""

import json

import numpy as np
import pytest

from freehold.training.statistics import InvalidStatistics, Scaling, Statistics, measure, pool, standardise
from freehold.training.table import MICRO_LIMIT, Table


def make(features):
    features = np.array(features, dtype=np.int64)
    return Table(
        tuple(f"c{i}" for i in range(features.shape[1])),
        "y",
        features,
        np.zeros(len(features), dtype=np.int64),
    )


def test_sums_are_exact_where_int64_would_overflow():
    rng = np.random.default_rng(1)
    features = rng.integers(-MICRO_LIMIT, MICRO_LIMIT + 1, (500, 3))
    features[0] = [MICRO_LIMIT, -MICRO_LIMIT, 0]
    found = measure(make(features))
    exact = features.astype(object)
    assert found == Statistics(500, tuple(exact.sum(axis=0)), tuple((exact * exact).sum(axis=0)))
    assert Statistics.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_pooling_parts_equals_measuring_all_rows():
    features = np.random.default_rng(2).integers(-(10**9), 10**9, (90, 4))
    whole = pool([measure(make(features))])
    assert pool([measure(make(features[:20])), measure(make(features[20:]))]) == whole
    assert np.allclose(whole.mean, features.mean(axis=0), atol=1)
    assert np.allclose(whole.scale, features.std(axis=0), atol=1)
    assert Scaling.from_json(whole.to_json()) == whole


def test_standardised_features_are_q10_clipped_with_a_bias():
    z = standardise(make([[0, 5], [10**6, 5], [10**9, 5], [-(10**9), 5]]), Scaling((0, 5), (2 * 10**6, 1)))
    assert z.tolist() == [[0, 0, 1024], [512, 0, 1024], [8192, 0, 1024], [-8192, 0, 1024]]


def test_extreme_columns_do_not_overflow():
    table = make([[MICRO_LIMIT], [-MICRO_LIMIT]])
    assert standardise(table, pool([measure(table)])).tolist() == [[1024, 1024], [-1024, 1024]]
    assert standardise(table, Scaling((-MICRO_LIMIT,), (1,))).tolist() == [[8192, 1024], [0, 1024]]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"rows": 1, "sums": ["1"]},
        {"rows": True, "sums": ["1"], "squares": ["1"]},
        {"rows": 0, "sums": ["0"], "squares": ["0"]},
        {"rows": 1, "sums": ["1"], "squares": ["1", "1"]},
        {"rows": 1, "sums": [1], "squares": ["1"]},
        {"rows": 1, "sums": ["01"], "squares": ["1"]},
        {"rows": 1, "sums": ["1e3"], "squares": ["1"]},
        {"rows": 1, "sums": ["9" * 5000], "squares": ["1"]},
        {"rows": 1, "sums": ["2"], "squares": ["1"]},
        {"rows": 1, "sums": ["0"], "squares": [str(MICRO_LIMIT**2 + 1)]},
        {"rows": 1, "sums": ["0"], "squares": ["-1"]},
        {"rows": 1, "sums": [], "squares": []},
    ],
)
def test_malformed_or_impossible_statistics_are_refused(value):
    with pytest.raises(InvalidStatistics):
        Statistics.from_json(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"mean": [0]},
        {"mean": [0], "scale": [0]},
        {"mean": [0.5], "scale": [1]},
        {"mean": [2**60], "scale": [1]},
        {"mean": [0], "scale": [1, 1]},
    ],
)
def test_malformed_scalings_are_refused(value):
    with pytest.raises(InvalidStatistics):
        Scaling.from_json(value)


def test_owners_with_other_columns_cannot_be_pooled():
    with pytest.raises(InvalidStatistics):
        pool([measure(make([[1]])), measure(make([[1, 2]]))])
    with pytest.raises(InvalidStatistics):
        pool([])
    with pytest.raises(InvalidStatistics):
        standardise(make([[1]]), Scaling((0, 0), (1, 1)))

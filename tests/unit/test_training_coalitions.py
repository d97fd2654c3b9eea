"""Which models an owner trains, and how a round combines them."""

import numpy as np
import pytest

from freehold.training.coalitions import (
    InvalidOwners,
    InvalidUpdate,
    aggregate,
    check_owners,
    initial_models,
    masks_of,
    parse_update,
)
from freehold.training.fixed import WEIGHT_LIMIT

ROWS = {"a": 1, "b": 3}


def update(*models):
    return np.array(models, dtype=np.int64)


def test_masks_that_contain_an_owner():
    assert masks_of(0, 3).tolist() == [1, 3, 5, 7]
    assert masks_of(2, 3).tolist() == [4, 5, 6, 7]


def test_models_are_averaged_by_rows_and_rounded():
    after = aggregate(
        initial_models(2, 1), ["a", "b"], {"a": update([10], [20]), "b": update([7], [9])}, ROWS
    )
    # {}, {a}, {b}, {a, b}: (1 * 20 + 3 * 9) / 4 = 11.75
    assert after.tolist() == [[0], [10], [7], [12]]
    negative = aggregate(
        initial_models(2, 1), ["a", "b"], {"a": update([0], [-2]), "b": update([0], [0])}, ROWS
    )
    assert negative[3, 0] == 0  # floor(-0.5 + 0.5)


def test_absent_owners_are_left_out_everywhere():
    before = update([0], [5], [6], [7])
    after = aggregate(before, ["a", "b"], {"b": update([60], [70])}, ROWS)
    assert after.tolist() == [[0], [5], [60], [70]]
    assert aggregate(before, ["a", "b"], {}, ROWS).tolist() == before.tolist()


@pytest.mark.parametrize(
    "bad",
    [
        update([1]),
        update([1, 1], [1, 1]),
        update([1], [1]).astype(np.float64),
        np.array([[np.nan], [1.0]]),
        update([1], [1]).astype(np.int32),
        update([1], [WEIGHT_LIMIT + 1]),
        update([1], [-WEIGHT_LIMIT - 1]),
        update([1], [-(1 << 63)]),
        [[1], [1]],
        None,
    ],
)
def test_a_bad_update_is_refused_by_owner(bad):
    with pytest.raises(InvalidUpdate) as caught:
        aggregate(initial_models(2, 1), ["a", "b"], {"a": update([1], [1]), "b": bad}, ROWS)
    assert caught.value.fields["owner"] == "b"
    assert "b" in caught.value.message


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        [[1]],
        [[1], [1.0]],
        [[1], [True]],
        [[1], [10**400]],
        [[1], ["1"]],
        [[1], [1, 2]],
        [[1], None],
        [[1], [float("nan")]],
    ],
)
def test_updates_from_json_are_checked_by_type_and_size(bad):
    with pytest.raises(InvalidUpdate) as caught:
        parse_update(bad, "b", (2, 1))
    assert caught.value.fields["owner"] == "b"
    assert parse_update([[1], [-2]], "b", (2, 1)).tolist() == [[1], [-2]]


def test_strangers_and_impossible_row_counts_are_refused():
    with pytest.raises(InvalidUpdate, match="not an owner"):
        aggregate(initial_models(2, 1), ["a", "b"], {"c": update([1], [1])}, ROWS)
    for rows in ({}, {"a": 0}, {"a": 1.5}, {"a": 10**7}, {"a": True}):
        with pytest.raises(InvalidUpdate, match="row count"):
            aggregate(initial_models(2, 1), ["a", "b"], {"a": update([1], [1])}, rows)


def test_owner_lists():
    for owners in ([], ["b", "a"], ["a", "a"], [f"{i:02}" for i in range(11)]):
        with pytest.raises(InvalidOwners):
            check_owners(owners)
    with pytest.raises(InvalidOwners):
        aggregate(initial_models(3, 1), ["a", "b"], {}, ROWS)

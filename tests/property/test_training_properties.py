"""Laws of the contribution game, of averaging, and of the record."""

import copy
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import VerificationFailed
from freehold.training import coalitions, record
from freehold.training.fixed import WEIGHT_LIMIT
from freehold.training.logistic import Recipe
from freehold.training.record import RoundRecord, RunPlan, replay
from freehold.training.statistics import Statistics, pool
from freehold.training.valuation import exact_shapley, shares_bps

utility = st.integers(-(2**52), 2**52)
games = st.integers(1, 5).flatmap(lambda n: st.lists(utility, min_size=1 << n, max_size=1 << n))


@given(games)
def test_efficiency(values):
    assert sum(exact_shapley(values)) == values[-1] - values[0]


@given(games, st.data())
def test_swapping_two_players_swaps_their_values(values, data):
    players = len(values).bit_length() - 1
    one, two = (data.draw(st.integers(0, players - 1)) for _ in range(2))

    def swapped(mask):
        a, b = (mask >> one) & 1, (mask >> two) & 1
        return (mask & ~(1 << one) & ~(1 << two)) | (a << two) | (b << one)

    before = exact_shapley(values)
    after = exact_shapley([values[swapped(mask)] for mask in range(len(values))])
    assert (after[one], after[two]) == (before[two], before[one])


@given(games, utility)
def test_a_player_that_adds_a_constant_gets_it(values, added):
    # added = 0 is the null player
    assert exact_shapley([*values, *(value + added for value in values)]) == [*exact_shapley(values), added]


@given(games, games)
def test_additivity(one, two):
    size = min(len(one), len(two))
    one, two = one[:size], two[:size]
    total = exact_shapley([a + b for a, b in zip(one, two, strict=True)])
    assert total == [a + b for a, b in zip(exact_shapley(one), exact_shapley(two), strict=True)]


@given(st.lists(st.fractions(-1000, 1000), min_size=1, max_size=10))
def test_shares_sum_and_follow_the_values(values):
    shares = shares_bps(values)
    assert sum(shares) == 10_000
    assert min(shares) >= 0
    positive = [max(Fraction(0), value) for value in values]
    if any(positive):
        exact = [value * 10_000 / sum(positive) for value in positive]
        assert all(abs(share - value) < 1 for share, value in zip(shares, exact, strict=True))


@given(st.integers(1, 4), st.data())
def test_an_average_lies_between_its_members(players, data):
    owners = [f"o{i}" for i in range(players)]
    width, half = 2, 1 << (players - 1)
    weights = st.lists(st.integers(-WEIGHT_LIMIT, WEIGHT_LIMIT), min_size=half * width, max_size=half * width)
    present = data.draw(st.sets(st.sampled_from(owners)))
    updates = {o: np.array(data.draw(weights), dtype=np.int64).reshape(half, width) for o in sorted(present)}
    rows = {o: data.draw(st.integers(1, 1_000_000)) for o in owners}
    before = np.full((1 << players, width), 17, dtype=np.int64)
    after = coalitions.aggregate(before, owners, updates, rows)
    for mask in range(1 << players):
        trained = [
            updates[o][coalitions.masks_of(i, players).tolist().index(mask)]
            for i, o in enumerate(owners)
            if mask >> i & 1 and o in present
        ]
        if trained:
            assert (after[mask] >= np.min(trained, axis=0)).all()
            assert (after[mask] <= np.max(trained, axis=0)).all()
        else:
            assert (after[mask] == 17).all()


@given(st.lists(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=5), min_size=1, max_size=4))
def test_pooling_ignores_order(columns):
    parts = [Statistics(len(c), (sum(c),), (sum(x * x for x in c),)) for c in columns]
    assert pool(parts) == pool(parts[::-1])


def _recorded():
    rng = np.random.default_rng(0)
    plan = RunPlan(
        owners=("a", "b"),
        columns=("x",),
        label="y",
        data=("0x" + "1" * 64, "0x" + "2" * 64),
        statistics=(Statistics(3, (5,), (50,)), Statistics(4, (-5,), (90,))),
        recipe=Recipe(rounds=2),
        test_commitment="0x" + "3" * 64,
    )
    models, rounds = coalitions.initial_models(2, 2), []
    for number in (1, 2):
        updates = {owner: rng.integers(-1000, 1000, (2, 2)) for owner in plan.owners}
        made, models = record.make_round(plan, number, models, updates)
        rounds.append(made.to_json())
    return plan, rounds


PLAN, ROUNDS = _recorded()


@settings(max_examples=60)
@given(
    st.integers(0, 1),
    st.sampled_from("ab"),
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(-500, 500).filter(bool),
)
def test_any_single_changed_number_is_found_and_named(which, owner, row, column, delta):
    changed = copy.deepcopy(ROUNDS)
    changed[which]["updates"][owner][row][column] += delta
    with pytest.raises(VerificationFailed) as caught:
        replay(PLAN, [RoundRecord.from_json(one, PLAN) for one in changed])
    assert caught.value.fields == {"round": which + 1, "owner": owner}


@settings(max_examples=30)
@given(st.sampled_from(["rows", "sums", "squares"]), st.integers(0, 1), st.integers(1, 9))
def test_a_changed_plan_does_not_replay(field, owner, delta):
    changed = copy.deepcopy(PLAN.to_json())
    part = changed["statistics"][owner]
    if field == "rows":
        part["rows"] += delta
    else:
        part[field][0] = str(int(part[field][0]) + (delta if field == "squares" else 1))
    with pytest.raises(VerificationFailed):
        replay(RunPlan.from_json(changed), [RoundRecord.from_json(one, PLAN) for one in ROUNDS])

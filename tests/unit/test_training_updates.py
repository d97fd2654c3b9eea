"""An owner's update: its noise, its length, and what is refused before it becomes an array."""

import numpy as np
import pytest

from freehold.features.privacy.rules import privacy
from freehold.features.privacy.rules.noise import MAX_SIGMA, gaussian
from freehold.features.training.rules import updates
from freehold.features.training.rules.logistic import gradient
from freehold.features.training.rules.updates import InvalidUpdate, Noise, TooLittleBudget

OWNER = "0x" + "0a" * 20
SEED = bytes(range(32))


def example(rows=50, width=4):
    rng = np.random.default_rng(3)
    z = rng.integers(-8_000, 8_000, (rows, width)).astype(np.int16)
    return z, rng.integers(0, 2, rows), rng.integers(-(1 << 17), 1 << 17, width)


def test_an_update_is_the_rounded_gradient_plus_noise_of_its_seed():
    z, labels, model = example()
    noise = Noise(77, 9)
    found = updates.make(z, labels, model, noise, SEED)
    exact = gradient(z, labels, model).tolist()
    assert (found - gaussian(SEED, 77, 4)).tolist() == [(2 * g + (1 << 21)) // (1 << 22) for g in exact]
    assert (updates.make(z, labels, model, noise, SEED) == found).all()
    bare = updates.make(z, labels, model, Noise(0, 16), SEED)
    assert bare.tolist() == [(g + (1 << 13)) >> 14 for g in exact]


def test_each_run_round_model_and_owner_draws_other_noise():
    given = (SEED, "0x" + "1" * 64, 3, "0x" + "2" * 64)
    others = [
        (bytes(32), *given[1:]),
        (SEED, "0x" + "3" * 64, 3, given[3]),
        (SEED, given[1], 4, given[3]),
        (SEED, given[1], 3, "0x" + "4" * 64),
    ]
    seeds = {updates.round_seed(*one) for one in (given, *others)}
    assert len(seeds) == 5
    assert {len(seed) for seed in seeds} == {32}


@pytest.mark.parametrize("epsilon_micro", [50_000, 1_000_000, 8_000_000, 100_000_000])
@pytest.mark.parametrize(("width", "rounds", "rows_each"), [(2, 1, 1), (31, 6, 1), (1_025, 200, 5)])
def test_noise_is_the_least_that_keeps_the_promise(epsilon_micro, width, rounds, rows_each):
    rho = privacy.rho_nano_for(epsilon_micro, 5)
    try:
        noise = updates.noise_for(rho, rounds, width, rows_each)
    except TooLittleBudget:
        # even a resolution of a half would need more
        assert privacy.sigma_for(updates.sensitivity(width, 1, rows_each), rounds, rho) > MAX_SIGMA
        return
    reach = updates.sensitivity(width, noise.update_bits, rows_each)
    spent = privacy.rho_nano(reach, noise.sigma, rounds)
    assert privacy.epsilon_micro(spent, 5) <= epsilon_micro
    assert noise.sigma == 1 or privacy.rho_nano(reach, noise.sigma - 1, rounds) > rho
    assert noise.update_bits == 16 or noise.sigma > MAX_SIGMA // 3  # no finer one has room


def test_so_small_a_budget_is_refused_with_a_hint():
    with pytest.raises(TooLittleBudget) as caught:
        updates.noise_for(1, 60, 31, 1)
    assert "fewer rounds" in caught.value.hint


def test_sensitivity_counts_the_rows_of_a_subject_and_rounding():
    assert updates.sensitivity(1, 16, 1) == (1 << 16) + 1
    assert updates.sensitivity(16, 10, 1) == (1 << 10) + 4
    assert updates.sensitivity(17, 10, 3) == 3 * (1 << 10) + 5


def test_no_honest_update_is_too_long():
    # every row at full length, all pointing the same way, and noise far out
    z = np.zeros((40, 3), dtype=np.int16)
    z[:, 0] = 1 << 14
    labels, model = np.ones(40, dtype=np.int64), np.array([-(1 << 28), 0, 0])
    for noise in (Noise(0, 16), Noise(9_000, 12)):
        most = updates.longest(40, 3, noise)
        for i in range(200):
            made = updates.make(z, labels, model, noise, i.to_bytes(32))
            assert sum(n * n for n in made.tolist()) <= most * most
            updates.parse(made.tolist(), OWNER, 3, most)
        assert most <= 40 * ((1 << noise.update_bits) + 2) + noise.sigma * 12


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "a list of 3"),
        ({}, "a list of 3"),
        ("123", "a list of 3"),
        ([1, 2], "a list of 3"),
        ([1, 2, 3, 4], "a list of 3"),
        ([1, 2, 3.0], "not an integer"),
        ([1, 2, True], "not an integer"),
        ([1, 2, "3"], "not an integer"),
        ([1, 2, None], "not an integer"),
        ([1, 2, [3]], "not an integer"),
        ([1, 2, float("nan")], "not an integer"),
        ([1, 2, 1 << 52], "not an integer"),
        ([1, 2, -(1 << 64)], "not an integer"),
        ([1, 2, 10**5_000], "not an integer"),
        ([60, 80, 1], "longer than so many rows"),
    ],
)
def test_a_malformed_update_is_refused_and_its_owner_named(value, reason):
    with pytest.raises(InvalidUpdate, match=reason) as caught:
        updates.parse(value, OWNER, 3, 100)
    assert caught.value.fields["owner"] == OWNER


def test_the_longest_update_allowed_is_taken_as_it_is():
    found = updates.parse([60, -80, 0], OWNER, 3, 100)
    assert found.dtype == np.int64
    assert found.tolist() == [60, -80, 0]

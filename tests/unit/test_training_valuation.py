"""What updates are worth: the closed form against its game, splitting and copying, noise, and shares."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from exact_game import shapley
from training_runs import account, blobs, clinics, plan_for, play, steps, table

from freehold.core.fixed import ONE, matmul, sigmoid
from freehold.features.models.rules.scaling import typical, unit_rows
from freehold.features.privacy.rules.noise import gaussian
from freehold.features.training.rules import record, valuation
from freehold.features.training.rules.logistic import Recipe, gradient, step
from freehold.features.training.rules.updates import Noise
from freehold.features.training.rules.valuation import InvalidShares, shares_bps


def by_definition(played):
    """Shapley values of every round's quadratic game, over all coalitions, in the unit of `record.value`."""
    plan, replayed = played.plan, played.replayed
    rows = unit_rows(played.test.features, plan.scaling)
    z, labels, width = rows.astype(object), played.test.labels.tolist(), range(plan.width)
    owners = [one for one in plan.accounts if one in played.start.grants]
    scale = sum(replayed.weights.values()) << plan.noise.update_bits
    total = [Fraction(0)] * len(owners)
    for made, model, (_, shrink) in zip(replayed.rounds, replayed.models, replayed.steps, strict=False):
        p = sigmoid(matmul(rows, model[:, np.newaxis])[:, 0]).tolist()
        slope = [
            sum((q - ONE * y) * int(row[c]) for q, y, row in zip(p, labels, z, strict=True)) for c in width
        ]
        bend = [
            [
                sum(q * (ONE - q) * int(row[a]) * int(row[b]) for q, row in zip(p, z, strict=True))
                for a in width
            ]
            for b in width
        ]
        worth = []
        for mask in range(1 << len(owners)):
            moved = [Fraction(int(one), ONE) for one in shrink]
            for place, owner in enumerate(owners):
                if mask >> place & 1:
                    update = made.updates[owner][1]
                    counted = record.weighed(update, replayed.weights[owner], plan.rows[owner]).tolist()
                    for c in width:
                        moved[c] += Fraction(plan.recipe.learning_rate_q16 * counted[c], scale << 16)
            bent = [sum(bend[a][b] * moved[b] for b in width) for a in width]
            worth.append(
                sum(moved[c] * (Fraction(slope[c], 1 << 30) - Fraction(bent[c]) / (1 << 61)) for c in width)
            )
        total = [one + more for one, more in zip(total, shapley(worth), strict=True)]
    unit = Fraction(plan.recipe.learning_rate_q16, (scale << 16) * (2 << 30))
    return [one / unit for one in total]


@pytest.mark.parametrize(
    ("rows", "recipe"),
    [
        ((30,), steps(3, 16)),
        ((20, 35, 12), steps(6, 4, l2_q16=0)),
        ((20, 35, 12, 28, 40, 9), steps(4, 16, l2_q16=1_000)),
        ((9, 9, 9, 90), steps(3, 100, l2_q16=50)),
    ],
)
def test_a_value_is_the_shapley_value_of_the_steps_over_all_coalitions(rows, recipe):
    tables, test = blobs(rows)
    played = play(tables, test, plan_for(tables, test, recipe=recipe))
    expected, found = by_definition(played), played.valued.values
    # curvature in 2^-16, movement of a logit in 2^-16, the step in 2^-16
    bound = sum(map(abs, expected)) / 100_000
    assert all(abs(one - other) <= bound for one, other in zip(found, expected, strict=True))


def test_values_add_up_to_what_the_test_loss_fell_by():
    tables, test = blobs((40, 60, 50), seed=4)
    recipe = steps(60, 0.5, l2_q16=0)
    played = play(tables, test, plan_for(tables, test, recipe=recipe))
    z = unit_rows(test.features, played.plan.scaling) / 2**14

    def loss(model):
        logits = z @ (model / 65_536)
        return float((np.log1p(np.exp(logits)) - test.labels * logits).sum())

    fell = loss(played.replayed.models[0]) - loss(played.replayed.model)
    unit = recipe.learning_rate_q16 / ((150 << 16) * 65_536 * (2 << 30))
    assert sum(played.valued.values) * unit == pytest.approx(fell, rel=0.005)


def divided(one, parts, seed=0):
    order = np.random.default_rng(seed).permutation(one.rows)
    return [
        table(one.features[part] / 1e6, one.labels[part], one.columns)
        for part in np.array_split(order, parts)
    ]


@pytest.mark.parametrize("parts", [2, 4])
def test_rows_in_several_accounts_are_worth_what_they_are_worth_in_one(parts):
    named, test = clinics()
    whole = list(named.values())
    split = [*divided(whole[0], parts), *whole[1:]]
    one, many = (play(each, test, plan_for(each, test)) for each in (whole, split))
    alone, together = one.valued, many.valued
    # an account rounds its gradient in each round: by at most half of 2^-16 in each coordinate
    assert abs(sum(together.values[:parts]) / alone.values[0] - 1) < 1e-4
    assert abs(sum(together.shares_bps[:parts]) - alone.shares_bps[0]) <= parts
    assert np.abs(one.replayed.model - many.replayed.model).max() < 200  # of 65,536


@pytest.mark.parametrize("copies", [2, 3, 5])
def test_copies_that_are_seen_count_together_as_one(copies):
    named, test = clinics()
    others = [named[name] for name in ("birch", "cedar", "elm", "fir")]
    compared = record.Sketch(buckets=4_096)
    one, many = (
        play(each, test, plan_for(each, test, sketch=compared))
        for each in ([named["alder"], *others], [named["alder"]] * copies + others)
    )
    assert abs(sum(many.replayed.weights[account(i)] for i in range(copies)) - 80) <= copies / 2
    assert abs(sum(many.valued.shares_bps[:copies]) - one.valued.shares_bps[0]) <= 30
    assert max(many.valued.shares_bps[:copies]) - min(many.valued.shares_bps[:copies]) <= 1
    # unseen they take from everybody else
    unseen = [named["alder"]] * copies + others
    blind = play(unseen, test, plan_for(unseen, test))
    assert sum(blind.valued.shares_bps[:copies]) > one.valued.shares_bps[0] + 1_000


def test_the_standard_error_is_what_values_scatter_by():
    named, test = clinics()
    tables = list(named.values())
    plan = plan_for(tables, test, 8)
    found = [play(tables, test, plan, seed).valued for seed in range(120)]
    scatter = np.array([[float(n) for n in one.values] for one in found]).std(axis=0, ddof=1)
    stated = np.array([[float(n) for n in one.errors] for one in found]).mean(axis=0)
    assert ((scatter / stated > 0.8) & (scatter / stated < 1.25)).all()


def one_step(sigma, draws):
    """(values with correction, without, exact one) of one owner of two, over one noised round."""
    tables, test = blobs((30, 30), columns=6, seed=8)
    scaled, recipe, bits = typical(test), steps(1, 16), 10
    opened = valuation.TestRows(unit_rows(test.features, scaled), test.labels)
    model = np.arange(-3, 4) << 14
    exact = [
        (gradient(unit_rows(one.features, scaled), one.labels, model) + (1 << 19)) >> 20 for one in tables
    ]

    def valued(one, other, own_sigma):
        _, data, shrink = step(model, one + other, 60, bits, recipe)
        towards = valuation.direction(opened, model, data, shrink)
        return valuation.along(one, towards), valuation.correction(towards, own_sigma, 60 << bits, recipe)

    noise = gaussian(bytes(32), sigma, draws * 14).reshape(draws, 2, 7)
    pairs = [valued(exact[0] + a, exact[1] + b, sigma) for a, b in noise]
    plain = np.array([float(value) for value, _ in pairs])
    return plain + np.array([float(more) for _, more in pairs]), plain, valued(*exact, 0)[0]


def test_the_correction_takes_off_what_noise_costs_its_owner_and_no_more():
    corrected, plain, exact = one_step(6_000, 1_500)
    error = corrected.std() / len(corrected) ** 0.5
    assert abs(corrected.mean() - exact) < 3.5 * error
    assert plain.mean() < exact - 8 * error


def test_an_account_without_rows_earns_next_to_nothing():
    named, test = clinics()
    honest = list(named.values())
    declared = [*(one.rows for one in honest), 70, 70]
    plan = plan_for([*honest, honest[1], honest[1]], test, 8, rows=declared)

    def noise_only(seen):
        return gaussian(seen.own, plan.noise.sigma, plan.width)

    empty = dict.fromkeys(plan.accounts[-2:], noise_only)
    tables = [*honest, honest[1], honest[1]]
    shares = np.array([play(tables, test, plan, seed, empty).valued.shares_bps[-2:] for seed in range(60)])
    # above two standard errors a normal value is on average 0.054 of one, and one is about 3 % here
    assert shares.mean() < 40
    assert np.quantile(shares, 0.9) == 0


def test_shares_round_by_largest_remainder_and_favour_the_earlier_on_ties():
    assert shares_bps([1, 1, 1], [0, 0, 0], [1, 1, 1]) == [3_334, 3_333, 3_333]
    assert shares_bps([1, -5, 3], [0, 0, 0], [1, 1, 1]) == [2_500, 0, 7_500]
    assert shares_bps([10**60 + 1, 10**60], [0, 0], [5, 5]) == [5_000, 5_000]


def test_a_value_within_two_standard_errors_of_nothing_earns_nothing():
    assert shares_bps([200, 201, 500], [100, 100, 100], [1, 1, 1]) == [0, 2_867, 7_133]
    # the more owners, the more of them are lucky: three standard errors are asked of twenty
    assert shares_bps([300, 330, *[0] * 18], [100] * 20, [1] * 20)[:2] == [0, 10_000]


def test_rows_alone_count_where_no_value_can_be_told_from_nothing():
    assert shares_bps([-1, 0, -7], [9, 9, 9], [10, 30, 60]) == [1_000, 3_000, 6_000]


def test_zeros_earn_nothing_where_no_value_can_be_told_from_nothing():
    assert shares_bps([3, 0, 7], [9, 9, 9], [40, 30, 60]) == [4_000, 0, 6_000]


def test_an_owner_without_rows_earns_nothing():
    assert shares_bps([5, 5], [0, 0], [0, 4]) == [0, 10_000]


def test_nobody_earns_more_than_four_times_its_part_of_the_rows():
    # 1 % of the rows and 90 % of the value
    assert shares_bps([90, 5, 5], [0, 0, 0], [1, 49, 50]) == [400, 4_800, 4_800]
    # what a cap frees takes another over its own
    assert shares_bps([80, 15, 5], [0, 0, 0], [2, 3, 95]) == [800, 1_200, 8_000]
    # only small owners earn: caps cannot hold for all, so rows among them count
    assert shares_bps([8, 8, -1], [0, 0, 0], [1, 3, 96]) == [2_500, 7_500, 0]
    assert shares_bps([8, -1], [0, 0], [1, 99]) == [10_000, 0]


def test_there_must_be_somebody_to_share_among():
    for rows in ([], [0, 0]):
        with pytest.raises(InvalidShares):
            shares_bps([0] * len(rows), [0] * len(rows), rows)


def test_a_direction_is_the_formula_in_whole_numbers():
    _, test = blobs((25,), columns=2, seed=3)
    z = unit_rows(test.features, typical(test))
    model, data, shrink = (
        np.array([40_000, -9_000, 70_000]),
        np.array([-7_000, 123, 55]),
        np.array([31, -7, 0]),
    )
    found = valuation.direction(valuation.TestRows(z, test.labels), model, data, shrink)
    vector, trace = [Fraction(0)] * 3, 0
    for row, label in zip(z.tolist(), test.labels.tolist(), strict=True):
        p = int(sigmoid(np.array([sum(a * b for a, b in zip(row, model.tolist(), strict=True))]))[0])
        curve = floor(Fraction(p * (ONE - p), ONE) + Fraction(1, 2))
        moved = sum(a * (d + 2 * s) for a, d, s in zip(row, data.tolist(), shrink.tolist(), strict=True))
        bent = floor(Fraction(floor(Fraction(moved, 1 << 14) + Fraction(1, 2)) * curve, ONE) + Fraction(1, 2))
        vector = [v + (2 * (p - ONE * label) - bent) * a for v, a in zip(vector, row, strict=True)]
        trace += curve * sum(a * a for a in row)
    assert found.vector.tolist() == vector
    assert found.trace == trace


def test_the_largest_steps_and_noise_stay_exact():
    _, test = blobs((20,), columns=2)
    z = unit_rows(test.features, typical(test))
    huge = np.full(3, 1 << 62)
    towards = valuation.direction(
        valuation.TestRows(z, test.labels), np.full(3, 1 << 28), huge >> 2, -(huge >> 2)
    )
    assert valuation.along(huge, towards) == sum(int(n) << 62 for n in towards.vector)
    assert valuation.variance(towards, 10_000) == 10**8 * sum(int(n) ** 2 for n in towards.vector)
    assert valuation.correction(towards, 10_000, 20, Recipe()) >= 0
    assert valuation.root_of(0) == 0
    assert [valuation.root_of(n) for n in (1, 2, 4, 5, 10**40 + 1)] == [1, 2, 2, 3, 10**20 + 1]


def test_exact_updates_have_no_error():
    tables, test = blobs((20, 20))
    found = play(tables, test, plan_for(tables, test)).valued
    assert found.errors == (0, 0)
    assert plan_for(tables, test).noise == Noise(0, 16)

"""Laws of training: how far a row can move anything, what splitting does, and what a parser may let through."""

import copy
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_runs import account, blobs, plan_for, play, record_of, steps

from freehold.core.errors import FreeholdError, InvalidInput, VerificationFailed
from freehold.core.fixed import UNIT, WEIGHT_LIMIT, shift_round
from freehold.features.data.rules.table import MICRO_LIMIT, Table
from freehold.features.models.rules.scaling import Scaling, unit_rows
from freehold.features.training.rules import record, sketch, updates, valuation
from freehold.features.training.rules.logistic import GRADIENT_BITS, gradient
from freehold.features.training.rules.record import RunPlan, Start
from freehold.features.training.rules.valuation import shares_bps

cells = st.one_of(
    st.sampled_from([0, 1, -1, MICRO_LIMIT, -MICRO_LIMIT]),
    st.integers(-MICRO_LIMIT, MICRO_LIMIT),
    st.integers(-5_000_000, 5_000_000),
)
weights = st.one_of(
    st.sampled_from([0, WEIGHT_LIMIT, -WEIGHT_LIMIT]),
    st.integers(-WEIGHT_LIMIT, WEIGHT_LIMIT),
    st.integers(-(1 << 18), 1 << 18),
)


@st.composite
def scalings(draw, columns):
    """From anyone: also ones that blow every cell up, or flatten it."""
    scales = st.one_of(st.just(1), st.just(MICRO_LIMIT), st.integers(1, MICRO_LIMIT), st.integers(1, 10**7))
    return Scaling(
        tuple(draw(st.lists(cells, min_size=columns, max_size=columns))),
        tuple(draw(st.lists(scales, min_size=columns, max_size=columns))),
    )


@st.composite
def asked(draw, most_rows=8, most_columns=6):
    """(unit rows, labels, model): any table under any scaling, asked about at any model."""
    columns, rows = draw(st.integers(1, most_columns)), draw(st.integers(2, most_rows))
    grid = draw(st.lists(st.lists(cells, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    z = unit_rows(np.array(grid, dtype=np.int64), draw(scalings(columns)))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)), dtype=np.int64)
    model = draw(st.lists(weights, min_size=columns + 1, max_size=columns + 1))
    return z, labels, np.array(model, dtype=np.int64)


def squared(vector):
    return sum(n * n for n in vector.tolist())


@given(asked())
def test_no_row_is_longer_than_one_whatever_the_scaling(given_):
    for row in given_[0]:
        assert squared(row.astype(np.int64)) <= UNIT * UNIT


@settings(max_examples=200)
@given(asked(), st.integers(1, updates.MOST_BITS), st.data())
def test_taking_a_subject_away_moves_the_rounded_gradient_by_at_most_the_sensitivity(given_, bits, data):
    z, labels, model = given_
    subject = data.draw(st.sets(st.integers(0, len(z) - 1), min_size=1, max_size=len(z) - 1))
    stay = [i for i in range(len(z)) if i not in subject]
    whole, less = (
        shift_round(gradient(z[kept], labels[kept], model), GRADIENT_BITS - bits)
        for kept in (list(range(len(z))), stay)
    )
    assert squared(whole - less) <= updates.sensitivity(z.shape[1], bits, len(subject)) ** 2


@given(st.integers(1, 5), st.integers(1, 1_025), st.integers(1, 16))
def test_the_sensitivity_covers_the_worst_row_and_rounding(subject, width, bits):
    # a row of length one and a residual of one, then every coordinate rounded by less than one
    worst = subject * 2**bits + math.sqrt(width)
    assert worst <= updates.sensitivity(width, bits, subject) < worst + 1


@given(st.data())
def test_taking_a_row_away_moves_one_bucket_of_a_sketch_by_one_step(data):
    columns, rows = data.draw(st.integers(1, 3)), data.draw(st.integers(2, 8))
    grid = data.draw(
        st.lists(st.lists(cells, min_size=columns, max_size=columns), min_size=rows, max_size=rows)
    )
    labels = data.draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows))
    scaled, buckets = data.draw(scalings(columns)), data.draw(st.integers(1, 16))
    names = tuple(f"c{i}" for i in range(columns))

    def drawn(count):
        part = Table(
            names, "y", np.array(grid[:count], dtype=np.int64), np.array(labels[:count], dtype=np.int64)
        )
        return sketch.draw(part, scaled, "0x" + "11" * 32, buckets)

    assert squared(drawn(rows) - drawn(rows - 1)) in (0, sketch.STEP**2)  # none where it was there twice


@given(asked(), st.permutations(range(8)))
def test_the_order_of_rows_does_not_matter(given_, order):
    z, labels, model = given_
    chosen = [i for i in order if i < len(z)]
    assert gradient(z[chosen], labels[chosen], model).tobytes() == gradient(z, labels, model).tobytes()


@given(asked(), st.integers(1, 16), st.integers(1, 7))
def test_values_of_split_rows_add_up_to_the_value_of_all(given_, bits, cut):
    z, labels, model = given_
    cut = min(cut, len(z) - 1)
    towards = valuation.direction(valuation.TestRows(z, labels), model, model >> 3, model >> 5)
    one, first, second = (
        shift_round(gradient(z[part], labels[part], model), GRADIENT_BITS - bits)
        for part in (slice(None), slice(cut), slice(cut, None))
    )
    # each of the three rounds by at most a half in each coordinate
    bound = 1.5 * np.abs(towards.vector).sum()
    apart = valuation.along(first, towards) + valuation.along(second, towards) - valuation.along(one, towards)
    assert abs(apart) <= bound


owners = st.lists(
    st.tuples(st.integers(-(10**30), 10**30), st.integers(0, 10**29), st.integers(0, 10**6)),
    min_size=1,
    max_size=9,
).filter(lambda found: sum(rows for _, _, rows in found) > 0)


@given(owners)
def test_shares_sum_to_everything_and_pay_only_what_stands_out(found):
    values, errors, rows = zip(*found, strict=True)
    shares = shares_bps(values, errors, rows)
    assert sum(shares) == 10_000
    assert min(shares) >= 0
    bar = valuation.SURE_SQUARE + 2 * max(0, len(found).bit_length() - 2)
    counted = [v > 0 and v * v > bar * e * e and n > 0 for v, e, n in found]
    if any(counted):
        assert not any(share for share, counts in zip(shares, counted, strict=True) if not counts)
        # the cap holds unless those that earn are too small for it to hold for all of them
        earning = sum(n for n, counts in zip(rows, counted, strict=True) if counts)
        if earning * valuation.ROW_FACTOR >= sum(rows) + max(rows) * valuation.ROW_FACTOR:
            for share, n in zip(shares, rows, strict=True):
                assert share <= valuation.ROW_FACTOR * n * 10_000 / sum(rows) + 1
    else:
        likely = [n if v > 0 else 0 for v, _, n in found]
        likely = likely if sum(likely) else rows
        exact = [n * 10_000 / sum(likely) for n in likely]
        assert all(abs(share - one) < 1 for share, one in zip(shares, exact, strict=True))


@given(owners, st.integers(1, 10**9))
def test_shares_depend_on_proportions_only(found, factor):
    values, errors, rows = zip(*found, strict=True)
    scaled = shares_bps([v * factor for v in values], [e * factor for e in errors], rows)
    assert scaled == shares_bps(values, errors, rows)


@given(owners)
def test_who_is_worth_more_with_as_many_rows_earns_no_less(found):
    values, errors, _ = zip(*found, strict=True)
    errors = [max(errors)] * len(errors)
    shares = shares_bps(values, errors, [7] * len(values))
    ranked = sorted(range(len(values)), key=lambda i: values[i])
    assert all(shares[low] <= shares[high] + 1 for low, high in itertools.pairwise(ranked))


TABLES, TEST = blobs((20, 30, 40), columns=2, seed=1)
PLAN = plan_for(TABLES, TEST, 8, recipe=steps(2, 8), sketch=record.Sketch(8, 400))
PLAYED = play(TABLES, TEST, PLAN)
STATEMENT = record.round_statement(PLAYED.rounds[1], "0x" + "7" * 64, "0x" + "8" * 64, [])
junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=True),
        st.text(max_size=5),
        st.sampled_from([account(0), account(9), "0x" + "1" * 64, 10**400, "update", "noised", ""]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)


def spoil(data, value):
    """`value` with one part replaced by anything, added or taken away."""
    value = copy.deepcopy(value)
    place, steps_down = value, data.draw(st.integers(0, 3))
    while isinstance(place, (dict, list)) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if steps_down and isinstance(inner, (dict, list)) and inner:
            place, steps_down = inner, steps_down - 1
            continue
        change = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "replace" or (change == "add" and isinstance(place, list)):
            place[key] = data.draw(junk)
        elif change == "remove":
            del place[key]
        else:
            place[data.draw(st.text(max_size=6))] = data.draw(junk)
        break
    return value


def refused_or(parse, value, same):
    try:
        found = parse(value)
    except FreeholdError as refused:
        if not isinstance(refused, InvalidInput) or not str(refused):
            raise
    else:
        same(found)


@settings(max_examples=250)
@given(st.data())
def test_a_spoiled_plan_is_refused_or_is_a_plan_of_its_own(data):
    value = spoil(data, PLAN.to_json())

    def same(found):
        assert found.to_json() == value
        assert json.loads(json.dumps(value, allow_nan=False)) == value
        assert (found.run_id == PLAN.run_id) == (value == PLAN.to_json())

    refused_or(RunPlan.from_json, value, same)


@given(st.data())
def test_a_spoiled_start_is_refused_or_is_a_start(data):
    value = spoil(data, PLAYED.start.to_json())
    refused_or(lambda one: Start.from_json(one, PLAN), value, lambda found: record.Replay(PLAN, found))


@settings(max_examples=200)
@given(st.data())
def test_a_spoiled_round_is_refused_by_parser_or_replay(data):
    both = [STATEMENT, PLAYED.rounds[1].to_json()]
    value = spoil(data, both)

    def same(found):
        # what binds a round to the run before it is checked where claims are; the rest is checked here
        if not isinstance(value[0], dict) or {**value[0], "start": 0, "previous": 0, "missing": 0} != {
            **STATEMENT,
            "start": 0,
            "previous": 0,
            "missing": 0,
        }:
            running = record.Replay(PLAN, PLAYED.start)
            running.add(PLAYED.rounds[0])
            before = set(PLAN.accounts) == set(found.commitments) | set(found.absent)
            try:
                running.add(found)
            except VerificationFailed:
                return
            assert before

    def parse(one):
        if not isinstance(one, list) or len(one) != 2:
            raise InvalidInput("not a round")
        return record.parse_round(PLAN, *one)

    refused_or(parse, value, same)


@given(st.sampled_from(PLAN.accounts), st.integers(0, 2), st.integers(1, 9), st.integers(1, 2))
def test_a_changed_number_does_not_replay(owner, place, delta, number):
    salt, update = PLAYED.rounds[number].updates[owner]
    other = update.copy()
    other[place] += delta
    rounds = list(PLAYED.rounds)
    shown = {**rounds[number].updates, owner: (salt, other)}
    rounds[number] = record.Round(number, rounds[number].commitments, {}, shown)
    with pytest.raises(VerificationFailed) as caught:
        record.replay(PLAN, PLAYED.start, rounds)
    assert caught.value.fields == {"round": number, "owner": owner}


@settings(max_examples=30)
@given(st.data())
def test_any_numbers_that_pass_give_shares_that_sum(data):
    """Owners may send what they like, up to the length of their rows."""
    rounds, running = [], record.Replay(PLAN, PLAYED.start)
    for number in range(3):
        shown = {}
        for owner in PLAN.accounts:
            most = PLAN.longest(owner, number) // (math.isqrt(PLAN.size(number)) + 1)
            numbers = st.lists(
                st.integers(-most, most), min_size=PLAN.size(number), max_size=PLAN.size(number)
            )
            shown[owner] = np.array(data.draw(numbers), dtype=np.int64)
        rounds.append(record_of(PLAN, number, shown, model=running.model))
        running.add(rounds[-1])
    found = record.value(PLAN, PLAYED.start, record.replay(PLAN, PLAYED.start, rounds), TEST)
    assert sum(found.shares_bps) == 10_000
    assert json.loads(json.dumps(found.statement()))

"""A run from tables to shares, recorded, replayed and tampered with."""

import json
from dataclasses import replace

import numpy as np
import pytest
from training_runs import SALT, account, blobs, owner_seed, plan_for, play, record_of, start_of, steps

from freehold.core.errors import InvalidInput, VerificationFailed
from freehold.features.models.rules.model import model_hash
from freehold.features.training.rules import record, updates
from freehold.features.training.rules.logistic import Recipe
from freehold.features.training.rules.record import (
    InvalidRecord,
    Replay,
    Round,
    RunPlan,
    Sketch,
    Start,
    replay,
    replay_owner,
)

ANN, BOB, CY = (account(i) for i in range(3))
ROWS = (20, 30, 40)
CLAIM = "0x" + "77" * 32
COMPARED = Sketch(buckets=32, sigma=300)


def run(epsilon=8, **changes):
    tables, test = blobs(ROWS, columns=2, seed=1)
    changes = {"recipe": steps(3, 8), "sketch": COMPARED if epsilon else Sketch(), **changes}
    behaviour, absent = changes.pop("behaviour", None), changes.pop("absent", ())
    plan = plan_for(tables, test, epsilon, **changes)
    return play(tables, test, plan, behaviour=behaviour, absent=absent), dict(
        zip(plan.accounts, tables, strict=True)
    )


@pytest.fixture(scope="module")
def finished():
    return run()


def through_json(played):
    """Plan, start and rounds as a stranger gets them."""
    plan = RunPlan.from_json(json.loads(json.dumps(played.plan.to_json())))
    start = Start.from_json(json.loads(json.dumps(played.start.to_json())), plan)
    rounds = []
    for made in played.rounds:
        statement = record.round_statement(made, CLAIM, CLAIM, [])
        rounds.append(record.parse_round(plan, *json.loads(json.dumps([statement, made.to_json()]))))
    return plan, start, rounds


@pytest.mark.parametrize("epsilon", [None, 8])
def test_a_record_replays_after_a_trip_through_json(epsilon):
    played, _ = run(epsilon)
    plan, start, rounds = through_json(played)
    again = replay(plan, start, rounds)
    assert plan == played.plan
    assert plan.run_id == played.plan.run_id
    assert all((one == other).all() for one, other in zip(again.models, played.replayed.models, strict=True))
    assert len(again.models) == 4
    found = record.value(plan, start, again, played.test)
    assert found == played.valued
    assert sum(found.shares_bps) == 10_000
    assert json.loads(json.dumps(found.statement()))["values"] == [str(one) for one in found.values]


def test_the_pieces_give_the_same_run_as_the_formulas_written_out(finished):
    played, tables = finished
    model = np.zeros(3, dtype=np.int64)
    for number in (1, 2, 3):
        seed = record.round_seed(played.plan, number, model, owner_seed(BOB, 0))
        z = record.unit_rows(tables[BOB].features, played.plan.scaling)
        own = updates.make(z, tables[BOB].labels, model, played.plan.noise, seed)
        assert (own == played.rounds[number].updates[BOB][1]).all()
        model = played.replayed.models[number]


def test_a_round_without_an_owner_is_part_of_the_record():
    played, tables = run(absent={(BOB, 2), (ANN, 0)})
    plan, start, rounds = through_json(played)
    assert (replay(plan, start, rounds).model == played.replayed.model).all()
    assert rounds[2].absent == {BOB: "did not answer"}
    assert BOB not in rounds[2].updates
    for owner in plan.accounts:
        replay_owner(plan, start, rounds, owner, tables[owner], owner_seed(owner, 0))


def test_an_owner_may_commit_and_not_reveal(finished):
    played, _ = finished
    silent = without_reveal(played.rounds[1], BOB)
    assert silent.unrevealed == [BOB]
    running = Replay(played.plan, played.start)
    running.add(played.rounds[0])
    running.add(silent)
    alone = Replay(played.plan, played.start)
    alone.add(played.rounds[0])
    alone.add(played.rounds[1])
    assert (running.model != alone.model).any()


def without_reveal(made, *owners):
    return replace(made, updates={one: shown for one, shown in made.updates.items() if one not in owners})


def refused(played, rounds, start=None):
    with pytest.raises(VerificationFailed) as caught:
        replay(played.plan, start or played.start, rounds)
    return caught.value.fields


def changed(played, number, **parts):
    place = number - played.plan.first_round
    return [*played.rounds[:place], replace(played.rounds[place], **parts), *played.rounds[place + 1 :]]


def test_updates_swapped_between_owners_rounds_or_runs_are_refused(finished):
    played, _ = finished
    first, second = played.rounds[1], played.rounds[2]
    swapped = {**first.updates, ANN: first.updates[BOB], BOB: first.updates[ANN]}
    assert refused(played, changed(played, 1, updates=swapped)) == {"round": 1, "owner": ANN}
    # with its commitment too: it names round and owner
    moved = {"updates": {**first.updates, CY: second.updates[CY]}}
    moved["commitments"] = {**first.commitments, CY: second.commitments[CY]}
    assert refused(played, changed(played, 1, **moved)) == {"round": 1, "owner": CY}
    other, _ = run(nonce="0x" + "12" * 32)
    foreign = {
        "updates": {**first.updates, CY: other.rounds[1].updates[CY]},
        "commitments": {**first.commitments, CY: other.rounds[1].commitments[CY]},
    }
    assert refused(played, changed(played, 1, **foreign)) == {"round": 1, "owner": CY}


def test_any_other_number_salt_or_shape_than_committed_is_refused(finished):
    played, _ = finished
    salt, update = played.rounds[2].updates[BOB]
    for shown in (
        (salt, update + np.array([0, 0, 1])),
        ("0x" + "01" * 16, update),
        (salt, update[:2]),
        (salt, np.append(update, 0)),
    ):
        broken = changed(played, 2, updates={**played.rounds[2].updates, BOB: shown})
        assert refused(played, broken) == {"round": 2, "owner": BOB}


def test_a_second_version_of_a_round_does_not_fit_the_first_commitment(finished):
    # a builder that shows two owners different updates needs two commitments, and so two signed claims
    played, _ = finished
    other = played.rounds[1].updates[BOB][1] + 1
    twice = record_of(
        played.plan, 1, {**{o: u for o, (_, u) in played.rounds[1].updates.items()}, BOB: other}
    )
    assert twice.commitments[BOB] != played.rounds[1].commitments[BOB]
    assert refused(played, changed(played, 1, updates=twice.updates)) == {"round": 1, "owner": BOB}
    # each version replays by itself, to another model: what tells them apart is the previous model's hash
    one, two = Replay(played.plan, played.start), Replay(played.plan, played.start)
    for running, made in ((one, played.rounds[1]), (two, twice)):
        running.add(played.rounds[0])
        running.add(made)
    assert record.models_hash(played.plan, 2, one.model) != record.models_hash(played.plan, 2, two.model)


def test_an_update_longer_than_its_rows_can_make_is_refused_even_if_committed(finished):
    played, _ = finished
    for number, length in ((0, played.plan.longest(BOB, 0)), (2, played.plan.longest(BOB, 2))):
        size = played.plan.size(number)
        for extra in (0, 1):
            long = np.zeros(size, dtype=np.int64)
            long[0] = length + extra
            shown = {o: u for o, (_, u) in played.rounds[number].updates.items()}
            made = record_of(
                played.plan, number, {**shown, BOB: long}, model=played.replayed.models[max(0, number - 1)]
            )
            rounds = [*played.rounds[:number], made, *played.rounds[number + 1 :]]
            if extra:
                assert refused(played, rounds) == {"round": number, "owner": BOB}
            else:
                running = Replay(played.plan, played.start)
                for one in rounds[: number + 1]:
                    running.add(one)


def test_lost_repeated_and_reordered_rounds_are_refused(finished):
    played, _ = finished
    zero, one, two, three = played.rounds
    for rounds in (
        [zero, one, two],
        [one, two, three],
        [zero, two, one, three],
        [zero, one, one, three],
        [zero, one, two, three, three],
        [],
    ):
        refused(played, rounds)


def test_each_owner_is_accounted_for_once(finished):
    played, _ = finished
    made = played.rounds[1]
    without_cy = {owner: made.commitments[owner] for owner in (ANN, BOB)}
    shown = {owner: made.updates[owner] for owner in (ANN, BOB)}
    for parts in (
        {"commitments": without_cy, "updates": shown},
        {"absent": {CY: "twice"}},
        {"absent": {account(7): "a stranger"}},
        {"commitments": {**made.commitments, account(7): made.commitments[CY]}},
    ):
        assert refused(played, changed(played, 1, **parts)) == {"round": 1}
    gone = {"commitments": without_cy, "absent": {CY: "late"}}
    assert refused(played, changed(played, 1, **gone)) == {"round": 1}  # its update is still shown


def test_fewer_rows_than_the_quorum_do_not_make_a_round(finished):
    played, _ = finished
    # 40 of 90 rows; then 50
    assert refused(
        played, changed(played, 1, updates=without_reveal(played.rounds[1], ANN, BOB).updates)
    ) == {"round": 1}
    running = Replay(played.plan, played.start)
    running.add(played.rounds[0])
    running.add(without_reveal(played.rounds[1], CY))
    assert running.next == 2


def test_a_judge_accepts_an_honest_owner_and_finds_any_other_table_or_noise(finished):
    played, tables = finished
    given = (played.plan, played.start, played.rounds)
    for owner in played.plan.accounts:
        replay_owner(*given, owner, tables[owner], owner_seed(owner, 0))
    with pytest.raises(VerificationFailed) as caught:
        replay_owner(*given, BOB, tables[BOB], owner_seed(BOB, 1))
    assert caught.value.fields == {"round": 0, "owner": BOB}
    with pytest.raises(VerificationFailed, match="rows it declared"):
        replay_owner(*given, BOB, tables[ANN], owner_seed(BOB, 0))
    features = tables[BOB].features.copy()
    features[16, 1] += 20_000  # too little for the sketch to see
    labels = tables[BOB].labels.copy()
    labels[16] = 1 - labels[16]
    for seen, other in (
        (1, replace(tables[BOB], features=features)),
        (0, replace(tables[BOB], labels=labels)),
    ):
        with pytest.raises(VerificationFailed) as caught:
            replay_owner(*given, BOB, other, owner_seed(BOB, 0))
        assert caught.value.fields == {"round": seen, "owner": BOB}


def test_a_judge_names_the_round_in_which_an_owner_made_its_numbers_up():
    def invents(seen):
        return np.array([5, -5, 5]) if seen.number == 2 else honest(seen)

    played, tables = run()

    def honest(seen):
        return record.answer(played.plan, seen.number, seen.model, tables[BOB], owner_seed(BOB, 0))

    cheated, _ = run(behaviour={BOB: invents})
    with pytest.raises(VerificationFailed) as caught:
        replay_owner(cheated.plan, cheated.start, cheated.rounds, BOB, tables[BOB], owner_seed(BOB, 0))
    assert caught.value.fields == {"round": 2, "owner": BOB}
    # the record itself is in order: without a judge nobody can see it
    assert cheated.valued.shares_bps


def test_noise_differs_for_each_model_round_and_owner(finished):
    played, _ = finished
    zero, one = np.zeros(3, dtype=np.int64), np.array([0, 0, 1])
    seeds = {
        record.round_seed(played.plan, 1, zero, owner_seed(ANN, 0)),
        record.round_seed(played.plan, 1, one, owner_seed(ANN, 0)),
        record.round_seed(played.plan, 2, zero, owner_seed(ANN, 0)),
        record.round_seed(played.plan, 1, zero, owner_seed(BOB, 0)),
        record.round_seed(replace(played.plan, label="z"), 1, zero, owner_seed(ANN, 0)),
    }
    assert len(seeds) == 5


def test_hashes_bind_run_round_owner_salt_and_shape(finished):
    plan, made = finished[0].plan, finished[0].rounds[1]
    salt, update = made.updates[ANN]
    zero = record.models_hash(plan, 1, np.zeros(plan.width, dtype=np.int64))
    hashes = {
        record.update_hash(plan, 1, ANN, salt, update, "0x" + "77" * 32),
        record.update_hash(plan, 1, ANN, salt, update, zero),
        record.update_hash(plan, 2, ANN, salt, update, zero),
        record.update_hash(plan, 1, BOB, salt, update, zero),
        record.update_hash(plan, 1, ANN, "0x" + "01" * 16, update, zero),
        record.update_hash(replace(plan, label="z"), 1, ANN, salt, update, zero),
        record.update_hash(plan, 1, ANN, salt, update + 1, zero),
        record.update_hash(plan, 1, ANN, salt, update.reshape(-1, 1), zero),
    }
    assert len(hashes) == 8
    assert made.commitments[ANN] in hashes
    model, recipe = finished[0].replayed.model, plan.recipe
    released = {
        model_hash(model, plan.scaling, recipe.to_json(), plan.columns),
        model_hash(model, plan.scaling, recipe.to_json(), plan.columns[::-1]),
        model_hash(model, plan.scaling, Recipe().to_json(), plan.columns),
        model_hash(model + 1, plan.scaling, recipe.to_json(), plan.columns),
    }
    assert len(released) == 4


def test_every_part_of_a_plan_is_part_of_its_name(finished):
    plan = finished[0].plan
    owner = replace(plan.owners[1], rows=31)
    others = [
        replace(plan, nonce="0x" + "12" * 32),
        replace(plan, builder=CY),
        replace(plan, owners=(plan.owners[0], owner, plan.owners[2])),
        replace(plan, columns=("c0", "c9")),
        replace(plan, label="other"),
        replace(plan, scaling=replace(plan.scaling, mean=(1, 2))),
        replace(plan, recipe=steps(3, 9)),
        replace(plan, epsilon_micro=plan.epsilon_micro + 1),
        replace(plan, delta_exponent=6, epsilon_micro=99_000_000),
        replace(plan, noise=replace(plan.noise, sigma=plan.noise.sigma + 1)),
        replace(plan, sketch=replace(plan.sketch, buckets=33)),
        replace(plan, quorum_bps=6_000),
        replace(plan, patience_seconds=61),
        replace(plan, weight_cap_bps=6_000),
        replace(plan, least_correct_bps=1),
        replace(plan, test=replace(plan.test, commitment=CLAIM)),
        replace(plan, judge=CY),
    ]
    assert len({plan.run_id, *(one.run_id for one in others)}) == len(others) + 1


def test_no_owner_of_three_or_more_weighs_more_than_the_cap():
    tables, test = blobs((10, 20, 900))
    plan = plan_for(tables, test)
    weights = play(tables, test, plan).replayed.weights
    assert weights == {ANN: 10, BOB: 20, CY: 30}
    assert play(tables, test, replace(plan, weight_cap_bps=10_000)).replayed.weights[CY] == 900
    assert play(tables[:2], test, plan_for(tables[:2], test)).replayed.weights == {ANN: 10, BOB: 20}
    # an owner that stays away does not lift the cap: it is taken of those that take part
    assert Replay(plan, start_of(plan, {ANN})).weights == {BOB: 20, CY: 900}


def test_an_owner_counts_for_its_weight_in_the_model():
    assert record.weighed(np.array([10, -10, 3]), 1, 4).tolist() == [3, -2, 1]
    same = np.array([1, 2])
    assert record.weighed(same, 7, 7) is same
    most = 10**6
    assert record.weighed(np.array([1 << 52]), most - 1, most).tolist() == [
        ((1 << 53) * (most - 1) + most) // (2 * most)
    ]


def test_a_plan_must_have_the_noise_that_its_epsilon_needs(finished):
    plan = finished[0].plan
    for part in (
        {"noise": replace(plan.noise, sigma=plan.noise.sigma - 1)},
        {"epsilon_micro": plan.epsilon_micro * 99 // 100},
        {"recipe": replace(plan.recipe, rounds=4)},
        {"rows_each": 2},
        {"sketch": Sketch(32, 200)},
        {"noise": updates.Noise(plan.noise.sigma, plan.noise.update_bits + 1)},
    ):
        with pytest.raises(InvalidRecord, match="less than its epsilon"):
            replace(plan, **part)
    exact = run(None)[0].plan
    assert exact.rho_nano == 0
    for part in ({"epsilon_micro": 1}, {"noise": updates.Noise(1, 16)}, {"level": "noised"}):
        with pytest.raises(InvalidRecord):
            replace(exact, **part)


def spoiled(plan):
    """(what is wrong, plan as JSON) for everything in a plan that can be wrong."""
    good = plan.to_json()
    one, two, three = good["owners"]
    yield "needs exactly", {name: good[name] for name in good if name != "judge"}
    yield "needs exactly", {**good, "more": 1}
    yield "ascending", {**good, "owners": [two, one, three]}
    yield "ascending", {**good, "owners": [one, one, two]}
    yield "1 to 1,000 owners", {**good, "owners": []}
    yield "at most 1,000", {**good, "owners": [one] * 1_001}
    yield "at most 1,000", {**good, "owners": {"0": one}}
    yield "owner needs exactly", {**good, "owners": [{"account": ANN}]}
    for name, bad in (
        ("account", "ann"),
        ("account", None),
        ("account", [ANN]),
        ("asset", "0x00"),
        ("asset", 3),
    ):
        yield "owner is an account", {**good, "owners": [{**one, name: bad}, two, three]}
    for bad in (0, -1, 1_000_001, 2.0, True, "20"):
        yield "rows are 1", {**good, "owners": [{**one, "rows": bad}, two, three]}
    yield "columns and label", {**good, "columns": ["c0", 7]}
    yield "columns and label", {**good, "columns": ["c0", ["c1"]]}
    yield "columns and label", {**good, "columns": ["c0", "x" * 257]}
    yield "columns and label", {**good, "label": None}
    yield "distinct columns", {**good, "columns": ["c0", "c0"]}
    yield "distinct columns", {**good, "columns": ["c0", good["label"]]}
    yield "at most 1,024", {**good, "columns": ["c"] * 1_025}
    yield "at most 1,024", {**good, "columns": "c0"}
    yield "does not fit the columns", {**good, "columns": ["c0"]}
    yield "scaling", {**good, "scaling": {"mean": [0, 0], "scale": [0, 1]}}
    yield "recipe", {**good, "recipe": {**good["recipe"], "rounds": 0}}
    yield "nonce", {**good, "nonce": "0x11"}
    yield "nonce", {**good, "builder": 5}
    for bad in ("ann", None, 0, [], 7):
        yield "judge", {**good, "judge": bad}
    for name, (low, high) in record._COUNTS.items():
        for bad in (low - 1, high + 1, str(low), float(low), None, True):
            yield name, {**good, name: bad}
    for bad in ("exact", None, ["noised"]):
        yield "level", {**good, "level": bad}
    yield "noise needs", {**good, "noise": {"sigma": 5}}
    for bad in (None, 1.0, "5"):
        yield "two integers", {**good, "noise": {**good["noise"], "sigma": bad}}
        yield "two integers", {**good, "sketch": {**good["sketch"], "buckets": bad}}
    yield "level is noised", {**good, "noise": {**good["noise"], "sigma": 0}}
    yield "update_bits", {**good, "noise": {**good["noise"], "update_bits": 0}}
    yield "update_bits", {**good, "noise": {**good["noise"], "update_bits": 17}}
    yield "too large", {**good, "sketch": {"buckets": 4_097, "sigma": 9}}
    yield "needs noise", {**good, "sketch": {"buckets": 32, "sigma": 0}}
    for name, bad in (("commitment", "0x"), ("holder", None)):
        yield "the test is", {**good, "test": {**good["test"], name: bad}}
    for name, bad in (("rows", 200.0), ("positives", None)):
        yield "how many rows", {**good, "test": {**good["test"], name: bad}}
    for more in ({"rows": 19}, {"rows": 1 << 20}, {"positives": 0}, {"positives": 200}):
        yield "of both labels", {**good, "test": {**good["test"], **more}}


def test_every_malformed_part_of_a_plan_is_refused_by_name(finished):
    for reason, value in spoiled(finished[0].plan):
        with pytest.raises(InvalidInput, match=reason):
            RunPlan.from_json(value)
    for value in (None, [], "plan", 3):
        with pytest.raises(InvalidRecord, match="plan needs exactly"):
            RunPlan.from_json(value)


def test_a_malformed_start_is_refused_by_name(finished):
    plan = finished[0].plan
    grant = "0x" + "33" * 32
    for reason, value in (
        ("needs exactly", []),
        ("needs exactly", {"grants": {}, "more": 1}),
        ("of the plan's owners", {"grants": [ANN]}),
        ("of the plan's owners", {"grants": {account(7): grant}}),
        ("64 hex digits", {"grants": {ANN: 1, BOB: grant, CY: grant}}),
        ("64 hex digits", {"grants": {ANN: "0x", BOB: grant, CY: grant}}),
        ("quorum", {"grants": {CY: grant}}),
        ("quorum", {"grants": {}}),
    ):
        with pytest.raises(InvalidRecord, match=reason):
            Start.from_json(value, plan)
    assert set(Start.from_json({"grants": {BOB: grant, CY: grant}}, plan).grants) == {BOB, CY}


def test_a_malformed_round_is_refused_by_name(finished):
    played, _ = finished
    good, shown = record.round_statement(played.rounds[1], CLAIM, CLAIM, [CY]), played.rounds[1].to_json()
    cases = [
        ("needs exactly", [], shown),
        ("needs exactly", {**good, "more": 1}, shown),
        *(("its number", {**good, "number": bad}, shown) for bad in (-1, 4, 1.0, True, "1", None)),
        *(("objects by owner", {**good, name: []}, shown) for name in ("commitments", "absent")),
        ("not in the plan", {**good, "commitments": {account(7): CLAIM}}, shown),
        ("not in the plan", {**good, "absent": {account(7): "why"}}, shown),
        ("hash is malformed", {**good, "commitments": {ANN: 5}}, shown),
        *(
            ("hash is malformed", {**good, name: bad}, shown)
            for name in ("start", "previous")
            for bad in (None, "0x")
        ),
        *(("reason is a text", {**good, "absent": {ANN: bad}}, shown) for bad in (None, "x" * 201)),
        *(("missing", {**good, "missing": bad}, shown) for bad in (None, [account(7)], [5], {})),
        *(("object by owner", good, bad) for bad in (None, [], {account(7): shown[ANN]})),
        *(("needs exactly", good, {ANN: bad}) for bad in (None, [], {"salt": SALT})),
        *(("salt", good, {ANN: {**shown[ANN], "salt": bad}}) for bad in (None, "0x00", 7)),
        ("a list of 3", good, {ANN: {**shown[ANN], "update": [1, 2]}}),
        ("longer than so many rows", good, {ANN: {**shown[ANN], "update": [1 << 40, 0, 0]}}),
        ("a list of 32", {**good, "number": 0}, shown),
    ]
    for reason, statement, revealed in cases:
        with pytest.raises(InvalidInput, match=reason):
            record.parse_round(played.plan, statement, revealed)
    exact = run(None)[0]
    with pytest.raises(InvalidRecord, match="its number"):
        record.parse_round(exact.plan, {**good, "number": 0}, {})


def test_another_test_table_than_announced_is_refused(finished):
    played, _ = finished
    test = played.test
    flipped = test.labels.copy()
    flipped[0] = 1 - flipped[0]
    for other in (
        replace(test, columns=("c0", "c9")),
        replace(test, label="z"),
        replace(test, features=test.features[:-1], labels=test.labels[:-1]),
        replace(test, labels=flipped),
    ):
        with pytest.raises(VerificationFailed, match="test table"):
            record.value(played.plan, played.start, played.replayed, other)


def test_scores_say_how_good_the_model_is_beside_the_least_anybody_accepts(finished):
    scores = finished[0].valued.scores
    assert scores.rows == 200
    assert scores.majority_correct == 100
    assert scores.correct > 150
    assert scores.single_correct > 120


def test_without_an_owner_says_what_its_updates_changed(finished):
    played, _ = finished
    found = record.without(played.plan, played.replayed, played.test)
    assert set(found) == set(played.plan.accounts)
    assert all(100 <= correct <= 200 for correct in found.values())
    alone, test = blobs((30,), columns=2)
    assert (
        record.without(plan_for(alone, test), play(alone, test, plan_for(alone, test)).replayed, test) == {}
    )


def test_a_round_is_no_larger_than_its_numbers(finished):
    made = finished[0].rounds[1]
    assert isinstance(made, Round)
    assert made.to_json() == {
        owner: {"salt": SALT, "update": update.tolist()} for owner, (_, update) in made.updates.items()
    }

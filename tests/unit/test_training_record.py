"""A run from tables to shares, recorded, replayed and tampered with."""

import json
from dataclasses import replace

import numpy as np
import pytest

from freehold.core.errors import VerificationFailed
from freehold.training import coalitions, record
from freehold.training.coalitions import InvalidUpdate
from freehold.training.logistic import Recipe, train_locally
from freehold.training.record import InvalidRecord, RoundRecord, RunPlan, replay, replay_owner
from freehold.training.statistics import measure, standardise
from freehold.training.table import Table, commitment

OWNERS = ("ann", "bob", "cy")
RECIPE = Recipe(rounds=3, local_steps=2)


def make_table(seed, rows=30):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    features = (rng.normal(size=(rows, 2)) + labels[:, None]) * 1e6
    return Table(("a", "b"), "y", features.astype(np.int64), labels)


def run(absent=()):
    tables = {owner: make_table(i, 20 + 10 * i) for i, owner in enumerate(OWNERS)}
    plan = RunPlan(
        owners=OWNERS,
        columns=("a", "b"),
        label="y",
        data=tuple("0x" + commitment(tables[owner], b"s" * 32).hex() for owner in OWNERS),
        statistics=tuple(measure(tables[owner]) for owner in OWNERS),
        recipe=RECIPE,
        test_commitment="0x" + commitment(make_table(9), b"s" * 32).hex(),
    )
    models, rounds = coalitions.initial_models(3, plan.width), []
    for number in range(1, RECIPE.rounds + 1):
        updates = {
            owner: train_locally(
                standardise(tables[owner], plan.scaling),
                tables[owner].labels,
                models[coalitions.masks_of(i, 3)],
                RECIPE,
            )
            for i, owner in enumerate(OWNERS)
            if (owner, number) not in absent
        }
        made, models = record.make_round(plan, number, models, updates)
        rounds.append(made)
    return plan, rounds, models, tables


@pytest.fixture(scope="module")
def finished():
    return run()


def through_json(plan, rounds):
    plan = RunPlan.from_json(json.loads(json.dumps(plan.to_json())))
    return plan, [RoundRecord.from_json(json.loads(json.dumps(r.to_json())), plan) for r in rounds]


def test_a_record_replays_after_a_trip_through_json(finished):
    plan, rounds, models, _ = finished
    again, parsed = through_json(plan, rounds)
    assert again.run_id == plan.run_id
    assert (replay(again, parsed) == models).all()
    found, expected = (record.value(plan, m, make_table(9)) for m in (replay(again, parsed), models))
    assert found == expected
    assert sum(found.shares_bps) == 10_000
    assert sum(found.shapley) == found.utilities[-1] - found.utilities[0]
    assert found.utilities[0] == 0


def test_absence_is_part_of_the_record():
    plan, rounds, models, tables = run(absent={("bob", 2)})
    plan, rounds = through_json(plan, rounds)
    assert (replay(plan, rounds) == models).all()
    for owner in OWNERS:
        replay_owner(plan, rounds, owner, tables[owner])


def test_ids_bind_run_round_and_owner(finished):
    plan, rounds, _, _ = finished
    update = rounds[0].updates["ann"]
    other = replace(plan, label="z")
    hashes = {
        record.update_hash(plan, 1, "ann", update),
        record.update_hash(plan, 2, "ann", update),
        record.update_hash(plan, 1, "bob", update),
        record.update_hash(other, 1, "ann", update),
        record.update_hash(plan, 1, "ann", update.reshape(-1, 1)),
    }
    assert len(hashes) == 5
    released = {
        record.model_hash(update[0], plan.scaling, RECIPE, plan.columns),
        record.model_hash(update[0], plan.scaling, RECIPE, ("b", "a")),
        record.model_hash(update[0], plan.scaling, Recipe(), plan.columns),
        record.model_hash(update[0] + 1, plan.scaling, RECIPE, plan.columns),
    }
    assert len(released) == 4


def test_a_changed_hash_or_lost_round_is_named(finished):
    plan, rounds, _, _ = finished
    wrong = "0x" + "0" * 64
    broken = [rounds[0], replace(rounds[1], models_hash=wrong), rounds[2]]
    with pytest.raises(VerificationFailed) as caught:
        replay(plan, broken)
    assert caught.value.fields == {"round": 2}
    broken = [
        rounds[0],
        rounds[1],
        replace(rounds[2], update_hashes={**rounds[2].update_hashes, "cy": wrong}),
    ]
    with pytest.raises(VerificationFailed) as caught:
        replay(plan, broken)
    assert caught.value.fields == {"round": 3, "owner": "cy"}
    for changed in (rounds[:2], [rounds[1], rounds[0], rounds[2]], [*rounds, rounds[2]]):
        with pytest.raises(VerificationFailed):
            replay(plan, changed)
    with pytest.raises(VerificationFailed, match="one hash for each update"):
        replay(plan, [replace(rounds[0], update_hashes={}), *rounds[1:]])


def test_an_oversized_update_with_a_matching_hash_is_named(finished):
    plan, rounds, _, _ = finished
    huge = np.full_like(rounds[0].updates["bob"], 1 << 40)
    forged = replace(
        rounds[0],
        updates={**rounds[0].updates, "bob": huge},
        update_hashes={**rounds[0].update_hashes, "bob": record.update_hash(plan, 1, "bob", huge)},
    )
    with pytest.raises(VerificationFailed) as caught:
        replay(plan, [forged, *rounds[1:]])
    assert caught.value.fields == {"round": 1, "owner": "bob"}


def test_an_owner_that_did_not_follow_the_recipe_is_found(finished):
    plan, rounds, _, tables = finished
    for owner in OWNERS:
        replay_owner(plan, rounds, owner, tables[owner])
    forged = rounds[2].updates["bob"] + 1
    lied, _ = record.make_round(plan, 3, replay_until(plan, rounds, 2), {**rounds[2].updates, "bob": forged})
    assert replay(plan, [*rounds[:2], lied]) is not None
    with pytest.raises(VerificationFailed) as caught:
        replay_owner(plan, [*rounds[:2], lied], "bob", tables["bob"])
    assert caught.value.fields == {"round": 3, "owner": "bob"}
    with pytest.raises(InvalidRecord, match="not an owner"):
        replay_owner(plan, rounds, "zed", tables["bob"])
    with pytest.raises(VerificationFailed, match="sums it declared"):
        replay_owner(plan, rounds, "bob", tables["ann"])


def replay_until(plan, rounds, last):
    return replay(replace(plan, recipe=replace(plan.recipe, rounds=last)), rounds_for(plan, rounds, last))


def rounds_for(plan, rounds, last):
    # hashes name the run, so a shorter plan needs its own records of the same updates
    shorter = replace(plan, recipe=replace(plan.recipe, rounds=last))
    models, made = coalitions.initial_models(3, plan.width), []
    for number in range(1, last + 1):
        one, models = record.make_round(shorter, number, models, rounds[number - 1].updates)
        made.append(one)
    return made


def test_the_summary_of_a_round_has_no_numbers_of_a_model(finished):
    summary = finished[1][0].summary()
    assert set(summary) == {"number", "update_hashes", "models_hash"}


def test_a_test_table_with_other_columns_is_refused(finished):
    plan, _, models, _ = finished
    table = make_table(9)
    with pytest.raises(VerificationFailed):
        record.value(plan, models, Table(("b", "a"), "y", table.features, table.labels))


def test_malformed_plans_and_rounds_are_refused(finished):
    plan, rounds, _, _ = finished
    good = plan.to_json()
    for change in [
        {"owners": ["bob", "ann", "cy"]},
        {"owners": ["ann", "bob"]},
        {"owners": "ann"},
        {"columns": ["a", "a"]},
        {"columns": ["a", "y"]},
        {"columns": ["a"]},
        {"data": ["0x00"] * 3},
        {"label": 3},
        {"test_commitment": "0x" + "G" * 64},
        {"statistics": {}},
        {"extra": 1},
    ]:
        with pytest.raises((InvalidRecord, coalitions.InvalidOwners)):
            RunPlan.from_json({**good, **change})
    good = rounds[0].to_json()
    for change in [
        {"number": "1"},
        {"updates": []},
        {"updates": {}},
        {"updates": {"zed": [[]]}, "update_hashes": {"zed": "0x" + "0" * 64}},
        {"models_hash": "0x"},
        {"extra": 1},
    ]:
        with pytest.raises(InvalidRecord):
            RoundRecord.from_json({**good, **change}, plan)
    with pytest.raises(InvalidUpdate) as caught:
        RoundRecord.from_json({**good, "updates": {**good["updates"], "bob": [[1.5]]}}, plan)
    assert caught.value.fields["owner"] == "bob"

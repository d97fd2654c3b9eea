"""The quickstart's clinics: what their files hold and what each owner's data turns out to be worth."""

import hashlib

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from freehold.training import coalitions, demo, record
from freehold.training.logistic import train_locally
from freehold.training.statistics import measure, standardise
from freehold.training.table import commitment, inspect, read

OWNERS = ("alder", "birch", "cedar", "dogwood", "elm", "fir")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    files = demo.write_parts(tmp_path_factory.mktemp("parts"))
    assert tuple(files) == (*OWNERS, "test")
    assert inspect(files["alder"], demo.LABEL).columns == demo.columns()
    return {name: read(path, demo.LABEL, expected=demo.columns()) for name, path in files.items()}


def play(tables, owners):
    plan = record.RunPlan(
        owners=owners,
        columns=demo.columns(),
        label=demo.LABEL,
        data=tuple("0x" + commitment(tables[name], bytes(32)).hex() for name in owners),
        statistics=tuple(measure(tables[name]) for name in owners),
        recipe=demo.RECIPE,
        test_commitment="0x" + commitment(tables["test"], bytes(32)).hex(),
    )
    z = {name: standardise(tables[name], plan.scaling) for name in owners}
    models, rounds = coalitions.initial_models(len(owners), plan.width), []
    for number in range(1, plan.recipe.rounds + 1):
        updates = {
            name: train_locally(
                z[name], tables[name].labels, models[coalitions.masks_of(i, len(owners))], plan.recipe
            )
            for i, name in enumerate(owners)
        }
        made, models = record.make_round(plan, number, models, updates)
        rounds.append(made)
    found = record.value(plan, record.replay(plan, rounds), tables["test"])
    return dict(zip(owners, found.shares_bps, strict=True)), found, rounds[-1].models_hash


@pytest.fixture(scope="module")
def played(tables):
    return play(tables, OWNERS)


def test_parts_are_what_the_docstring_says(tables):
    sizes = {name: (t.rows, int(t.labels.sum())) for name, t in tables.items() if name != demo.WRONG_LABELS}
    assert sizes == {
        "alder": (80, 2),
        "birch": (70, 0),
        "cedar": (70, 70),
        "dogwood": (70, 70),
        "fir": (40, 4),
        "test": (225, 84),
    }
    assert (tables["cedar"].features == tables["dogwood"].features).all()
    rows = {name: {row.tobytes() for row in t.features} for name, t in tables.items() if name != "dogwood"}
    assert sum(map(len, rows.values())) == len(set().union(*rows.values())), "rows are shared beyond the copy"


def test_two_fifths_of_one_owners_labels_are_wrong():
    from sklearn.datasets import load_breast_cancer

    source = load_breast_cancer()
    truth = {row.tobytes(): int(target == 0) for row, target in zip(source.data, source.target, strict=True)}
    wrong = {
        part.name: sum(
            truth[row.tobytes()] != label for row, label in zip(part.features, part.labels, strict=True)
        )
        for part in demo.parts()
    }
    assert wrong == {**dict.fromkeys((*OWNERS, "test"), 0), "elm": 24}


def test_copies_and_wrong_labels_earn_visibly_less(played):
    shares = played[0]
    unique = (shares["alder"] + shares["birch"]) / 2
    assert max(shares["cedar"], shares["dogwood"]) <= 0.65 * min(shares["alder"], shares["birch"])
    assert abs(shares["cedar"] - shares["dogwood"]) <= 1
    assert shares["elm"] <= 0.15 * unique
    assert shares["elm"] < min(share for name, share in shares.items() if name != "elm")


def test_the_copied_owner_would_earn_like_others_without_its_copy(tables, played):
    alone, _, _ = play(tables, tuple(name for name in OWNERS if name != "dogwood"))
    assert alone["cedar"] >= 0.8 * (alone["alder"] + alone["birch"]) / 2
    assert played[0]["cedar"] <= 0.65 * alone["cedar"]


def test_the_joint_model_is_as_good_as_pooling_and_better_than_anyone_alone(tables, played):
    found = played[1]
    joint = found.correct[-1] / found.test_rows
    single = max(found.correct[1 << i] for i in range(len(OWNERS))) / found.test_rows
    features = np.concatenate([tables[name].features for name in OWNERS]).astype(float)
    labels = np.concatenate([tables[name].labels for name in OWNERS])
    mean, scale = features.mean(axis=0), features.std(axis=0)
    pooled = LogisticRegression(max_iter=5_000).fit((features - mean) / scale, labels)
    reached = pooled.score((tables["test"].features - mean) / scale, tables["test"].labels)
    assert joint >= single
    assert joint >= 0.95
    assert joint >= reached - 0.02


def test_the_whole_run_is_pinned(played):
    # any other number anywhere, on any machine, gives another hash
    shares, _, models_hash = played
    assert list(shares.values()) == [2_438, 2_434, 1_229, 1_229, 159, 2_511]
    assert models_hash == "0xfac982c022eefe3494b9d7cdbcbe3549b4c7e8df0483424c0bf0f8f5183130f7"


def test_other_splits_show_copies_and_wrong_labels_too(tables):
    from freehold.training.table import MICRO, Table

    for seed in (0, 1, 2):
        other = {
            part.name: Table(
                demo.columns(),
                demo.LABEL,
                np.floor(part.features * MICRO + 0.5).astype(np.int64),
                part.labels,
            )
            for part in demo.parts(seed)
        }
        shares, found, _ = play(other, OWNERS)
        assert max(shares["cedar"], shares["dogwood"]) < 0.65 * min(shares["alder"], shares["birch"])
        assert shares["elm"] < 0.2 * shares["birch"]
        assert found.correct[-1] >= max(found.correct[1 << i] for i in range(len(OWNERS)))


def test_files_are_the_same_bytes_each_time(tmp_path):
    one, two = demo.write_parts(tmp_path / "one"), demo.write_parts(tmp_path / "two")
    for name in one:
        assert (
            hashlib.sha256(one[name].read_bytes()).digest() == hashlib.sha256(two[name].read_bytes()).digest()
        )

"""The quickstart's clinics: what their files hold and what each owner's data turns out to be worth."""

import hashlib

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from training_runs import clinics, plan_for, play

from freehold.features.data.rules.reading import read
from freehold.features.models.rules.model import model_hash
from freehold.features.training.rules import record
from freehold.quickstart import biopsies, demo

OWNERS = ("alder", "birch", "cedar", "dogwood", "elm", "fir")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    files = demo.write_parts(tmp_path_factory.mktemp("parts"))
    assert tuple(files) == (*OWNERS, "test")
    return {name: read(path, demo.LABEL, expected=biopsies.columns()) for name, path in files.items()}


def shares(named, test, epsilon=None, seed=0, **changes):
    owners = list(named.values())
    played = play(owners, test, plan_for(owners, test, epsilon, **changes), seed)
    return dict(zip(named, played.valued.shares_bps, strict=True)), played


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


def test_files_hold_what_the_parts_hold(tables):
    named, test = clinics()
    for name, made in {**named, "test": test}.items():
        assert (tables[name].features == made.features).all()
        assert (tables[name].labels == made.labels).all()


def test_the_table_is_the_published_one():
    from sklearn.datasets import load_breast_cancer

    source = load_breast_cancer()
    features, malignant = biopsies.table()
    assert biopsies.columns() == tuple(name.replace(" ", "_") for name in source.feature_names)
    assert (features == source.data).all()
    assert (malignant == 1 - source.target).all()


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


def test_wrong_labels_earn_nothing_and_the_rest_earn_by_what_they_add():
    named, test = clinics()
    found, _ = shares(named, test)
    assert found["elm"] == 0
    assert found["cedar"] == found["dogwood"]
    assert min(found["alder"], found["birch"]) > found["cedar"] > found["fir"] > 1_000


def test_a_copy_that_is_seen_shares_what_one_owner_would_get():
    named, test = clinics()
    compared = record.Sketch(buckets=4_096)
    both, played = shares(named, test, sketch=compared)
    alone, _ = shares({name: named[name] for name in OWNERS if name != "dogwood"}, test, sketch=compared)
    assert list(played.replayed.weights.values()) == [80, 70, 36, 36, 60, 40]
    assert abs(both["cedar"] + both["dogwood"] - alone["cedar"]) <= 50
    assert both["cedar"] < 0.65 * min(both["alder"], both["birch"])


def test_noise_blurs_shares_and_keeps_wrong_labels_at_nothing():
    named, test = clinics()
    plan = plan_for(list(named.values()), test, 8)
    found = np.array([play(list(named.values()), test, plan, seed).valued.shares_bps for seed in range(60)])
    exact = np.array(list(shares(named, test)[0].values()))
    assert np.abs(found.mean(axis=0) - exact).max() < 250
    assert (found[:, 4] == 0).all()
    assert found.std(axis=0).max() < 300


def test_the_joint_model_is_as_good_as_pooling_and_better_than_anyone_alone(tables):
    named = {name: tables[name] for name in OWNERS}
    _, played = shares(named, tables["test"])
    alone = [play([one], tables["test"], plan_for([one], tables["test"])).accuracy for one in named.values()]
    features = np.concatenate([one.features for one in named.values()]).astype(float)
    labels = np.concatenate([one.labels for one in named.values()])
    mean, scale = features.mean(axis=0), features.std(axis=0)
    pooled = LogisticRegression(max_iter=5_000).fit((features - mean) / scale, labels)
    reached = pooled.score((tables["test"].features - mean) / scale, tables["test"].labels)
    assert played.accuracy >= 0.96
    assert played.accuracy > max(alone)
    assert played.accuracy >= reached - 0.02


def test_the_whole_run_is_pinned():
    # any other number anywhere, on any machine, gives another hash
    named, test = clinics()
    found, exact = shares(named, test)
    noised, played = shares(named, test, 8, sketch=record.Sketch(64, 400))
    assert [list(one.values()) for one in (found, noised)] == [
        [2452, 2348, 1936, 1936, 0, 1328],
        [2358, 2249, 2331, 1802, 0, 1260],
    ]
    assert [
        model_hash(one.replayed.model, one.plan.scaling, one.plan.recipe.to_json(), one.plan.columns)
        for one in (exact, played)
    ] == [
        "0x20d727c5443d8a42b54e6562cbd64c3a4012064e03048ef7a3cd47f6dba91922",
        "0x1de456ac7d527f2794bf53643ab2e5b7a775907fdba349d9d17429e44a41ea41",
    ]


def test_other_splits_show_wrong_labels_and_copies_too():
    for seed in (0, 1, 2):
        named, test = clinics(seed)
        found, played = shares(named, test, sketch=record.Sketch(buckets=4_096))
        assert max(found["cedar"], found["dogwood"]) < min(found["alder"], found["birch"])
        assert found["elm"] == 0
        assert played.accuracy > 0.94


def test_files_are_the_same_bytes_each_time(tmp_path):
    one, two = demo.write_parts(tmp_path / "one"), demo.write_parts(tmp_path / "two")
    for name in one:
        assert (
            hashlib.sha256(one[name].read_bytes()).digest() == hashlib.sha256(two[name].read_bytes()).digest()
        )

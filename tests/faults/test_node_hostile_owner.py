"""Owners that answer with lies, nonsense or nothing: named, left out of the round, never fatal."""

import resource
import threading
import time
from typing import Any

import pytest
from hostile_owner import COMMITS, NONSENSE, UPDATES, Hostile, says
from node_tables import make
from node_world import Party, World, begin, order, require_sound, rounds_of, run_job, took_part
from wire import Wire

from freehold.core.errors import FreeholdError
from freehold.features.training import training

LIES = {
    "/peer/rounds/commit": {**NONSENSE, **COMMITS},
    "/peer/rounds/reveal": {**NONSENSE, **UPDATES},
}


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


@pytest.fixture
def liar(world: World, hostile: Hostile) -> Party:
    made = world.party("liar", wrap=hostile.wrap)
    made.publish(make(30, seed=5), price_units=1_000_000)
    return made


@pytest.mark.parametrize("path", LIES, ids=lambda path: path.rsplit("/", 1)[-1])
def test_an_owner_that_lies_is_left_out_of_those_rounds_and_named(
    world: World, hostile: Hostile, liar: Party, path: str
) -> None:
    honest, builder, lies = world.owners(2), world.party("builder"), LIES[path]
    hostile.lies[path] = list(lies.values())
    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    # without the comparison of rows, rounds are numbered from 1
    job, told = run_job(builder, [*honest, liar], rounds=len(lies) + 1, compare=False)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 150_000
    assert hostile.told == len(lies)
    assert job["step"] == "done"
    assert set(job["absent"]) == {liar.account}
    away = job["absent"][liar.account]
    assert away["rounds"] == list(range(1, len(lies) + 1))
    assert away["code"]
    assert away["why"]
    for number, (lie, there) in enumerate(zip(lies, took_part(builder.node, job["run"]), strict=False), 1):
        assert there == {owner.account for owner in honest}, f"round {number}: {lie}"
        named = next(report["absent"][liar.account] for report in told if report.get("round") == number)
        assert named["code"], lie
    rounds = rounds_of(builder.node, job["run"])
    if path.endswith("commit"):
        assert all(made.absent[liar.account] for made in rounds[:-1])
    else:
        assert all(made.unrevealed == [liar.account] for made in rounds[:-1])
    assert liar.account in rounds[-1].updates, "an owner that tells the truth again takes part again"
    for party in (builder, *honest):
        require_sound(party.node)


def test_an_owner_alone_that_lies_stops_the_run_and_is_named(
    world: World, hostile: Hostile, liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "MAX_WAITS", 1)
    builder = world.party("builder")
    hostile.lies["/peer/rounds/commit"] = [says(b"{}")] * 5
    job_id = begin(builder, order(builder, [liar]))
    with pytest.raises(training.NobodyAnswers) as stopped:
        training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()
    assert stopped.value.__cause__
    assert not builder.node.store.find("claim", "training_round")


@pytest.mark.parametrize(
    "lie", [says(b"{}"), says(b'{"grant": {}}'), says(b'{"grant": 5, "offer_signature": []}')]
)
def test_lies_instead_of_a_grant_are_refused(world: World, hostile: Hostile, liar: Party, lie: Any) -> None:
    builder = world.party("builder")
    hostile.lies["/peer/grants"] = [lie]
    before = builder.node.balance_units()
    with pytest.raises(FreeholdError) as stopped:
        run_job(builder, [liar])
    assert "unexpected" not in stopped.value.message
    assert builder.node.balance_units() == before


@pytest.mark.parametrize(
    "lie",
    [
        says(b"{}"),
        says(b'{"agreement": {}}'),
        says(b'{"agreement": null}'),
        says(b'{"title": "no", "code": "training.wrong_contribution"}', 403),
        says(b'{"title": "no", "code": "training.rounds_missing", "fields": {"number": 0}}', 409),
        says(b"[]"),
    ],
)
def test_an_owner_that_does_not_agree_is_silent_and_holds_nobody_up(
    world: World, hostile: Hostile, liar: Party, lie: Any
) -> None:
    honest, builder = world.owners(2), world.party("builder")
    hostile.lies["/peer/agreements"] = [lie] * 5
    job, _ = run_job(builder, [*honest, liar], rounds=1)
    assert job["step"] == "done"
    assert set(job["agreements"]) == {owner.account for owner in honest}
    assert set(job["silent"]) == {liar.account}
    (release,) = builder.node.store.find("claim", "release", job["model"])
    assert release.document.body["statement"]["silent"] == [liar.account]


def test_an_owner_cannot_hold_the_release_back(world: World, hostile: Hostile, liar: Party) -> None:
    honest, builder = world.owners(1), world.party("builder")
    hostile.lies["/peer/releases"] = [says(b'{"title": "no"}', 403)]
    job, _ = run_job(builder, [*honest, liar], rounds=1)
    assert job["step"] == "done"
    assert hostile.told == 1


@pytest.mark.slow
def test_an_owner_that_never_finishes_holds_nobody_up(world: World) -> None:
    wire, builder = Wire(), world.party("builder")
    honest = world.party("honest")
    honest.publish(make(40, seed=4))
    slow = world.party("slow", endpoint=wire.url)
    wire.target_port = slow.port
    slow.publish(make(30, seed=5))
    asked, woken = 0, threading.Event()

    def count(data: bytes) -> None:
        nonlocal asked
        asked += data.count(b"POST /peer/rounds/commit ")

    def dawdle(_: bytes) -> None:
        if asked >= 2:
            woken.wait(20)

    def wake(told: dict[str, Any]) -> None:
        if told.get("round") == 3:
            woken.set()
            time.sleep(0.5)  # what it says now belongs to a round that is over

    wire.on_request, wire.on_answer = count, dawdle
    job_id = begin(builder, order(builder, [honest, slow], rounds=6, compare=False, patience_seconds=2))
    job = training.Job(builder.node, builder.services.peers, job_id, wake).run()
    woken.set()
    present = [slow.account in there for there in took_part(builder.node, job["run"])]
    assert present == [True, False, False, True, True, True]
    assert job["absent"][slow.account]["rounds"] == [2, 3]
    assert not slow.node.store.unsigned_receipts(builder.account), "also the late answer was signed for"
    given = {e.document.id for e in slow.node.store.find("receipt", "train")}
    assert given == {
        e.document.id for e in builder.node.store.find("receipt", "train", job["grants"][slow.account])
    }
    require_sound(slow.node)
    wire.close()

"""Owners that answer with lies, nonsense or nothing: named, left out of the round, never fatal."""

import resource
import threading
import time
from typing import Any

import pytest
from hostile_owner import LIES, Hostile, says
from node_tables import make
from node_world import World, order, require_sound, rounds_of, run_job
from wire import Wire

from freehold.core.errors import FreeholdError
from freehold.node import training


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


def test_an_owner_that_lies_is_left_out_of_those_rounds_and_named(world: World, hostile: Hostile) -> None:
    honest = world.owners(2)
    liar = world.party("liar", wrap=hostile.wrap)
    liar.publish(make(30, seed=5))
    builder = world.party("builder")
    hostile.lies["/peer/rounds"] = list(LIES.values())
    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    job, told = run_job(builder, [*honest, liar], rounds=len(LIES) + 1)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 150_000
    assert hostile.told == len(LIES)
    assert job["step"] == "done"
    reasons = {report["round"]: report["absent"] for report in told if "round" in report}
    rounds = rounds_of(builder.node, job["run"])
    for number, lie in enumerate(LIES, start=1):
        assert set(reasons[number]) == {liar.account}, f"round {number}: {lie}"
        assert reasons[number][liar.account], lie
        assert set(rounds[number - 1]["updates"]) == {owner.account for owner in honest}, lie
    assert liar.account in rounds[-1]["updates"], "an owner that tells the truth again takes part again"
    for party in (builder, *honest):
        require_sound(party.node)


@pytest.mark.parametrize(
    "lie",
    [
        says(b"{}"),
        says(b"[]"),
        says(b'{"result": {"rows": 30, "sums": ["1"], "squares": ["0"]}}'),
        says(b"{}", 500),
    ],
    ids=["empty", "list", "impossible sums", "error"],
)
def test_lies_about_column_sums_stop_the_run_before_the_plan_and_name_the_owner(
    world: World, hostile: Hostile, lie: object
) -> None:
    liar, builder = world.party("liar", wrap=hostile.wrap), world.party("builder")
    liar.publish(make(30, seed=5))
    hostile.lies["/peer/statistics"] = [lie]
    with pytest.raises(FreeholdError) as stopped:
        run_job(builder, [liar])
    assert stopped.value.fields["owner"] == liar.account
    assert not builder.node.store.find("claim", "training_plan")


@pytest.mark.parametrize(
    "lie", [says(b"{}"), says(b'{"grant": {}}'), says(b'{"grant": 5, "offer_signature": []}')]
)
def test_lies_instead_of_a_grant_are_refused(world: World, hostile: Hostile, lie: object) -> None:
    liar, builder = world.party("liar", wrap=hostile.wrap), world.party("builder")
    liar.publish(make(30, seed=5), price_units=1_000_000)
    hostile.lies["/peer/grants"] = [lie]
    before = builder.node.balance_units()
    with pytest.raises(FreeholdError) as stopped:
        run_job(builder, [liar])
    assert "unexpected" not in stopped.value.message
    assert builder.node.balance_units() == before


def test_an_owner_cannot_hold_the_release_back(world: World, hostile: Hostile) -> None:
    honest = world.owners(1)
    liar, builder = world.party("liar", wrap=hostile.wrap), world.party("builder")
    liar.publish(make(30, seed=5))
    hostile.lies["/peer/releases"] = [says(b'{"title": "no"}', 403)]
    hostile.lies["/peer/countersign"] = []
    job, _ = run_job(builder, [*honest, liar], rounds=1)
    assert job["step"] == "done"
    assert hostile.told == 1


def test_an_owner_that_never_finishes_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "OWNER_SECONDS", 1.5)
    wire, honest, builder = Wire(), world.owners(1)[0], world.party("builder")
    slow = world.party("slow", endpoint=wire.url)
    wire.target_port = slow.port
    slow.publish(make(30, seed=5))
    asked, slept, woken = 0, 0, threading.Event()

    def count(data: bytes) -> None:
        nonlocal asked
        asked += data.count(b"POST /peer/rounds ")

    def dawdle(_: bytes) -> None:
        nonlocal slept
        if asked == 2 and not slept:
            slept = 1
            woken.wait(20)

    def wake(told: dict[str, Any]) -> None:
        if told.get("round") == 3:
            woken.set()
            time.sleep(0.5)  # what it says now belongs to a round that is over

    wire.on_request, wire.on_answer = count, dawdle
    job_id = training.begin(builder.node, order(builder, [honest, slow], rounds=6))
    job = training.Job(builder.node, builder.services.peers, job_id, wake).run()
    woken.set()
    present = [slow.account in made["updates"] for made in rounds_of(builder.node, job["run"])]
    assert present == [True, False, False, True, True, True]
    assert not slow.node.store.unsigned_receipts(builder.account), "also the late answer was signed for"
    require_sound(slow.node)
    wire.close()

"""A training job costs no more than was said last, whoever goes on with it and by which word."""

from __future__ import annotations

from typing import Any

import node_tables
import pytest
from node_world import World, order, until

from freehold.core.errors import Conflict, InvalidInput
from freehold.features.grants import consent, requests
from freehold.features.grants.asking import GrantWaiting
from freehold.features.grants.wire import CounterRequest
from freehold.features.training import kept, training, wire
from freehold.features.training.ordering import JobHeld
from freehold.kernel import ceiling
from freehold.kernel.ceiling import SpendingRefused
from freehold.kernel.operation import Effect
from freehold.kernel.registry import everything

PRICE = 250_000


class Waiting:
    """A job whose only owner decides by hand, and has agreed meanwhile."""

    def __init__(self, world: World, **more: Any) -> None:
        self.owner, self.builder = world.party("owner"), world.party("builder")
        self.owner.publish(node_tables.make(24, seed=1), price_units=PRICE, approval="ask")
        self.order = order(self.builder, [self.owner], rounds=2, **more)
        self.job = self.builder.jobs.start(self.order)
        until(lambda: self.state["waiting"] != [], "the job waits")

    @property
    def state(self) -> dict[str, Any]:
        return self.builder.jobs.get(self.job)

    def agree(self) -> None:
        (row,) = requests.overview(self.owner.node)
        consent.accept(self.owner.node, row["id"])

    def hold(self) -> None:
        self.builder.jobs.hold(self.job)
        until(lambda: not self.thread.is_alive(), "its thread ends")

    @property
    def thread(self) -> Any:
        return self.builder.jobs._running[self.job][0]

    def ask(self, name: str, **said: Any) -> Any:
        bound = next(one for one in everything().operations if one.operation.name == name)
        return everything().perform(self.builder.services, bound, bound.operation.asks(**said))

    def rests(self) -> None:
        """Whatever goes on has stopped: at its end, or because it may not pay."""
        until(lambda: self.state["error"] is not None or self.state["step"] == "done", "it stops", 60)

    def paid(self) -> int:
        return sum(one["units"] for one in ceiling.overview(self.builder.node)["payments"])


@pytest.fixture
def waiting(world: World) -> Waiting:
    return Waiting(world)


def test_what_goes_on_buys_grants_and_so_spends(waiting: Waiting) -> None:
    assert wire.RESUME.effect is Effect.SPENDS
    waiting.hold()
    waiting.agree()
    waiting.ask("resume", job=waiting.job, at_most_units=PRICE - 1)
    waiting.rests()
    assert waiting.state["error"]["code"] == "spending.over"
    assert waiting.paid() == 0
    waiting.ask("resume", job=waiting.job, at_most_units=PRICE)
    until(lambda: waiting.state["step"] == "done", "the run ends", 60)
    assert waiting.paid() == PRICE


@pytest.mark.parametrize("said", [None, 10 * PRICE])
def test_going_on_never_allows_more_than_the_order_did(world: World, said: int | None) -> None:
    waiting = Waiting(world, at_most_units=PRICE)
    waiting.hold()
    waiting.ask("resume", job=waiting.job, at_most_units=said)
    assert kept.at_most_units(waiting.builder.node, waiting.job) == PRICE
    waiting.hold()


def test_the_same_order_again_is_bounded_by_what_is_said_now(waiting: Waiting) -> None:
    again = waiting.order.model_copy(update={"at_most_units": PRICE - 1})
    with pytest.raises(SpendingRefused):
        waiting.builder.jobs.start(again)
    same = waiting.order.model_copy(update={"at_most_units": PRICE})
    assert waiting.builder.jobs.start(same) == waiting.job
    # its owner asks more meanwhile: what was said counts for what is paid, not what it was ordered with
    (row,) = requests.overview(waiting.owner.node)
    consent.counter(waiting.owner.node, CounterRequest(request_id=row["id"], price_units=PRICE + 1))
    waiting.builder.jobs.look_again(waiting.job)
    until(lambda: "other terms" in str(waiting.state["error"]), "it shows the offer")
    (asked,) = waiting.ask("grants.requests")["asked"]
    with pytest.raises(SpendingRefused):
        waiting.ask("grants.take", request_id=asked["id"])
    assert waiting.paid() == 0
    waiting.hold()


def test_going_on_with_a_job_that_runs_changes_nothing(world: World) -> None:
    owner, builder = world.party("owner"), world.party("builder")
    owner.publish(node_tables.make(24, seed=1), price_units=PRICE)
    wanted = order(builder, [owner], rounds=2, patience_seconds=60)
    owner.close()
    job = builder.jobs.start(wanted)
    until(lambda: builder.jobs.get(job)["running"], "it asks its owner")
    assert builder.jobs.resume(job, 0) == job
    assert kept.at_most_units(builder.node, job) is None
    builder.jobs.hold(job)


def test_what_others_act_on_at_once_is_not_said_to_be_taken_back() -> None:
    effects = {one.operation.name: one.operation.effect for one in everything().operations}
    assert {effects[f"grants.{name}"] for name in ("accept", "counter", "refuse", "drop")} == {Effect.LASTS}


@pytest.mark.parametrize("said", [0, 2 * PRICE - 1])
def test_an_offer_whose_taking_is_refused_is_not_taken(waiting: Waiting, said: int) -> None:
    """By whom or for what limit ever: the job that waits for it goes on waiting."""
    (row,) = requests.overview(waiting.owner.node)
    consent.counter(waiting.owner.node, CounterRequest(request_id=row["id"], price_units=2 * PRICE))
    waiting.builder.jobs.look_again(waiting.job)
    until(lambda: "other terms" in str(waiting.state["error"]), "it shows the offer")
    (asked,) = waiting.ask("grants.requests")["asked"]
    with pytest.raises(SpendingRefused):
        waiting.ask("grants.take", request_id=asked["id"], at_most_units=said)
    waiting.hold()
    with pytest.raises(GrantWaiting, match="other terms"):
        training.Job(waiting.builder.node, waiting.builder.services.peers, waiting.job, lambda _: None).run()
    assert waiting.ask("grants.requests")["asked"] == [asked]
    assert waiting.paid() == 0
    waiting.ask("resume", job=waiting.job)
    waiting.ask("grants.take", request_id=asked["id"], at_most_units=2 * PRICE)
    until(lambda: waiting.state["step"] == "done", "the run ends", 60)
    assert waiting.paid() == 2 * PRICE


def test_a_job_stopped_by_hand_goes_on_only_by_its_name(waiting: Waiting) -> None:
    waiting.hold()
    waiting.agree()
    for limit in (1, PRICE, None):
        with pytest.raises(JobHeld, match="stopped by hand"):
            waiting.builder.jobs.start(waiting.order.model_copy(update={"at_most_units": limit}))
    assert issubclass(JobHeld, Conflict)
    (asked,) = waiting.ask("grants.requests")["asked"]
    waiting.ask("grants.drop", request_id=asked["id"])
    assert waiting.state["held"]
    assert not waiting.thread.is_alive()
    assert waiting.paid() == 0


def test_a_model_that_could_not_be_released_costs_nothing(world: World) -> None:
    owner, builder = world.party("owner"), world.party("builder")
    owner.publish(node_tables.make(24, seed=1), price_units=PRICE)
    good = order(builder, [owner], rounds=2)
    for said in ({"name": ""}, {"name": "x" * 201}, {"name": "\ud800"}, {"price_units": 2**53}):
        with pytest.raises(InvalidInput):
            wire.Order.of(**(good.model_dump() | said))
    for said in ({"name": ""}, {"name": "x" * 201}, {"price_units": 2**53}):
        # whatever a face lets through
        with pytest.raises(InvalidInput):
            builder.jobs.start(good.model_copy(update=said))
    with pytest.raises(InvalidInput, match="reads like an id"):
        builder.jobs.start(good.model_copy(update={"name": "0x12"}))
    assert builder.jobs.overview() == []
    assert ceiling.overview(builder.node)["payments"] == []

"""A training job over owners who decide by hand: it says who is silent, waits, and goes on or stops."""

from __future__ import annotations

from typing import Any

import pytest
from node_tables import make, write
from node_world import EPSILON_LIFE_MICRO, EPSILON_RUN_MICRO, Party, World, finished, offered, order, until

from freehold.core.errors import InvalidInput
from freehold.features.data import publishing
from freehold.features.grants import consent, granting, requests
from freehold.features.grants.wire import CounterRequest

PRICE_UNITS = 1_000_000


class Run:
    """A builder who ordered training of an owner who asks first and one who does not."""

    def __init__(self, world: World, **more: Any) -> None:
        self.world = world
        self.owner, automatic = world.party("owner"), world.party("automatic")
        path = write(self.owner.home / "table.csv", make(20, seed=1))
        publishing.publish(
            self.owner.node, offered(path, price_units=PRICE_UNITS, name="north", approval="ask")
        )
        automatic.publish(make(30, seed=2), price_units=PRICE_UNITS)
        self.builder = world.party("builder")
        self.order = order(self.builder, [self.owner, automatic], rounds=2, **more)
        self.job = self.jobs.start(self.order)
        until(lambda: self.state["waiting"] != [], "the job waits")

    @property
    def jobs(self) -> Any:
        return self.builder.jobs

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.jobs.get(self.job)
        return found

    @property
    def request(self) -> str:
        (row,) = requests.overview(self.owner.node)
        return row["id"]

    def paid(self) -> list[int]:
        bought = self.world.chain.events("Market", "GrantBought", buyer=self.builder.account)
        return sorted(event.args["price"] for event in bought)


@pytest.fixture
def run(world: World) -> Run:
    return Run(world)


def held(party: Party) -> list[int]:
    return [row["uses"] for row in granting.overview(party.node)]


def test_it_names_the_silent_owner_and_goes_on_by_itself_once_it_agrees(run: Run) -> None:
    found = run.state
    assert (found["running"], found["step"], found["error"]["code"]) == (False, "grants", "grant.waiting")
    assert "not answered yet: owner (north)" in found["error"]["title"]
    assert [row["owner_name"] for row in found["waiting"]] == ["owner"]
    assert run.paid() == [], "nothing is bought of the others before"
    assert run.jobs.start(run.order) == run.job, "the same order is the same job"
    until(lambda: run.state["waiting"] != [], "it asked again and waits")
    consent.accept(run.owner.node, run.request)
    until(lambda: run.state["step"] == "done", "the run ends by itself", 60)
    assert run.paid() == [PRICE_UNITS, PRICE_UNITS]
    assert held(run.builder) == [3, 3], "the buyer counts its receipts: the comparison of rows and two rounds"
    until(lambda: not run.state["running"], "its thread ends")
    assert run.jobs.start(run.order) != run.job, "what is done is ordered anew"
    run.jobs.stop()


def test_it_shows_an_offer_and_goes_on_once_that_is_taken_up(run: Run) -> None:
    consent.counter(run.owner.node, CounterRequest(request_id=run.request, price_units=PRICE_UNITS + 1))
    run.jobs.resume(run.job)
    until(lambda: "other terms offered by: owner (north)" in str(run.state["error"]), "it shows the offer")
    assert run.paid() == []
    granting.take(run.builder.services, run.request)
    run.jobs.resume(run.job)
    until(lambda: run.state["step"] == "done", "the run ends", 60)
    assert run.paid() == [PRICE_UNITS, PRICE_UNITS + 1]


def test_the_owner_is_shown_the_plan_before_it_decides(run: Run) -> None:
    (row,) = requests.overview(run.owner.node)
    plan = row["training"]
    assert plan is not None
    assert (plan["level"], plan["epsilon_micro"], plan["rounds"]) == ("noised", EPSILON_RUN_MICRO, 2)
    assert {one["account"] for one in plan["owners"]} >= {run.owner.account}
    assert [one["rows"] for one in plan["owners"] if one["account"] == run.owner.account] == [20]
    assert sorted(one["rows"] for one in plan["owners"]) == [20, 30]
    assert (plan["test_rows"], plan["test_holder"]) == (40, run.builder.account)
    assert 0 < plan["test_positives"] < 40
    assert plan["earlier_runs"] == []
    assert EPSILON_LIFE_MICRO - EPSILON_RUN_MICRO <= plan["left_micro"] < EPSILON_LIFE_MICRO
    accepted = consent.accept(run.owner.node, run.request)["training"]
    assert accepted["earlier_runs"] == [], "a run is not earlier than itself"
    until(lambda: run.state["step"] == "done", "the run ends by itself", 60)
    second = run.jobs.start(run.order.model_copy(update={"name": "another"}))
    until(lambda: len(requests.overview(run.owner.node)) == 2, "the owner is asked again")
    first, later = (one["training"] for one in requests.overview(run.owner.node))
    assert first["earlier_runs"] == []
    assert later["earlier_runs"] == [plan["run"]]
    assert later["left_micro"] < plan["left_micro"]
    run.jobs.hold(second)


def end(run: Run, why: str) -> None:
    """The owner refuses, or the builder drops its request; the job hears of it."""
    if why == "refused":
        consent.refuse(run.owner.node, run.request, "not for this")
    else:
        granting.drop(run.builder.services, run.request)
    run.jobs.resume(run.job)


@pytest.mark.parametrize("why", ["refused", "dropped"])
def test_it_goes_on_without_an_owner_that_refused_where_the_others_are_a_quorum(run: Run, why: str) -> None:
    end(run, why)
    until(lambda: run.state["step"] == "done", "the run goes on", 60)
    found = run.state
    away = found["absent"][run.owner.account]
    assert (away["rounds"], away["code"]) == ([], f"grant.{why}")
    assert ("not for this" in away["why"]) == (why == "refused")
    assert run.owner.account not in found["grants"]
    assert run.paid() == [PRICE_UNITS], "nothing is paid to who takes no part"


@pytest.mark.parametrize("why", ["refused", "dropped"])
def test_it_stands_still_where_without_the_owner_there_is_no_quorum(world: World, why: str) -> None:
    run = Run(world, quorum_bps=7_000)
    end(run, why)
    found = finished(run.builder, run.job)
    assert (found["error"]["code"], found["waiting"]) == (f"grant.{why}", [])
    assert ("not for this" in found["error"]["title"]) == (why == "refused")
    assert run.paid() == []


def test_an_owner_asked_by_hand_grants_exactly_the_plan_it_was_shown(run: Run) -> None:
    with pytest.raises(InvalidInput, match="uses"):
        consent.counter(run.owner.node, CounterRequest(request_id=run.request, max_uses=2))
    consent.accept(run.owner.node, run.request)
    (grant,) = [e.document for e in run.owner.node.store.find("grant")]
    assert grant.run == run.state["run"]
    assert grant.terms.max_uses == 3, "one for each round, and one for the comparison of rows"
    until(lambda: run.state["step"] == "done", "the run ends by itself", 60)

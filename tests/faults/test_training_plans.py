"""Plans an owner never agreed to, and budgets that do not reach: refused by code before anything is signed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import node_tables
import pytest
from node_tables import make
from node_world import EPSILON_LIFE_MICRO, EPSILON_RUN_MICRO, Party, World, offered, require_sound
from peer_calls import call, introduce, planned, stamp, wish
from played_builder import Played

from freehold.core.documents import Asset
from freehold.features.data import publishing
from freehold.features.grants import requests, terminal
from freehold.features.privacy import budget
from freehold.features.training import admitting
from freehold.features.training import runs as kept_runs
from freehold.features.training.rules import record, updates
from freehold.features.training.rules.record import PlannedOwner, RunPlan, Sketch
from freehold.features.training.rules.updates import Noise


class Offer:
    """An owner with one table and a movable clock, and a builder."""

    def __init__(self, world: World, rows: int = 24, **terms: Any) -> None:
        self.ahead_seconds = 0
        self.owner = world.party("owner", clock=lambda: time.time() + self.ahead_seconds)
        self.builder = world.party("builder")
        self.asset = self.owner.publish(make(rows, seed=rows), **terms)
        self.builder.knows(self.owner)
        introduce(self.builder, self.owner)

    def plan(self, **order: Any) -> RunPlan:
        made, _ = planned(self.builder, [self.asset], **{"epsilon_micro": 1_000_000, **order})
        return made

    def run(self, **order: Any) -> Played:
        return Played(self.builder, [(self.owner, self.asset)], **{"epsilon_micro": 1_000_000, **order})

    def ask(self, made: Any, by: Party | None = None) -> Any:
        """Stamp a plan, if it is one, and ask for its grant."""
        by = by or self.builder
        body = wish(self.asset, action="train")
        if isinstance(made, RunPlan):
            stamp(self.builder, made)
            made = made.to_json()
        return call(by, self.owner, "/peer/grants", {**body, "plan": made})

    def line(self) -> dict[str, Any]:
        (line,) = budget.overview(self.owner.node)
        return line

    def untouched(self) -> tuple[Any, ...]:
        """What a refusal must leave as it was."""
        node = self.owner.node
        with node.store.reading() as connection:
            (reserved,) = connection.execute("SELECT count(*) FROM privacy_reserved").fetchone()
        return require_sound(node), len(node.store.find("grant")), self.line()["spent_micro"], reserved


@pytest.fixture(scope="module")
def offer(world: World) -> Offer:
    return Offer(world)


def owned(**changes: Any) -> Callable[[RunPlan], RunPlan]:
    return lambda made: replace(made, owners=(replace(made.owners[0], **changes),))


def exact(made: RunPlan) -> RunPlan:
    return replace(made, level="update", epsilon_micro=0, noise=Noise(0, updates.EXACT_BITS), sketch=Sketch())


REFUSED: dict[str, tuple[Callable[[RunPlan], RunPlan], str]] = {
    "of another builder": (lambda made: replace(made, builder="0x" + "12" * 20), "builder"),
    "without this owner": (owned(account="0x" + "12" * 20), "owners"),
    "with another dataset": (owned(asset="0x" + "12" * 32), "owners"),
    "with more rows": (owned(rows=25), "rows"),
    "with fewer rows": (owned(rows=1), "rows"),
    "with other columns": (lambda made: replace(made, columns=("pulse", "pressure", "weight")), "columns"),
    "with columns in another order": (lambda made: replace(made, columns=made.columns[::-1]), "columns"),
    "with another label": (lambda made: replace(made, label="dead"), "columns"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_plan_that_does_not_fit_is_refused_by_field_and_nothing_is_signed(offer: Offer, kind: str) -> None:
    change, field = REFUSED[kind]
    before = offer.untouched()
    answer = offer.ask(change(offer.plan()))
    assert (answer.status_code, answer.json()["code"]) == (403, "training.plan_refused")
    assert answer.json()["fields"]["field"] == field
    assert offer.untouched() == before


def test_more_epsilon_or_exact_updates_are_beyond_the_terms(offer: Offer, world: World) -> None:
    before = offer.untouched()
    more = offer.ask(replace(offer.plan(), epsilon_micro=EPSILON_RUN_MICRO + 1))
    assert (more.status_code, more.json()["fields"]) == (403, {"field": "epsilon_run_micro"})
    assert offer.ask(exact(offer.plan())).status_code == 422, "they are never for anybody"
    assert offer.untouched() == before
    named = Offer(world, holders=[offer.builder.account])
    offer.builder.knows(named.owner)
    introduce(offer.builder, named.owner)
    made, _ = planned(offer.builder, [named.asset], epsilon_micro=1_000_000)
    body = wish(named.asset, exact(made))
    stamp(offer.builder, exact(made))
    answer = call(offer.builder, named.owner, "/peer/grants", body)
    assert (answer.status_code, answer.json()["fields"]) == (403, {"field": "reveals"})
    assert named.owner.node.store.find("grant") == []


def test_somebody_elses_plan_is_no_wish_of_ones_own(offer: Offer, world: World) -> None:
    thief = world.party("thief")
    introduce(thief, offer.owner)
    answer = offer.ask(offer.plan(), by=thief)
    assert (answer.json()["code"], answer.json()["fields"]["field"]) == ("training.plan_refused", "builder")


MALFORMED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "too few test rows": lambda plan: {**plan, "test": {**plan["test"], "rows": 19}},
    "a test of one label": lambda plan: {**plan, "test": {**plan["test"], "positives": 40}},
    "a test that is not committed to": lambda plan: {**plan, "test": {**plan["test"], "commitment": ""}},
    "less noise than its epsilon needs": lambda plan: {**plan, "noise": {**plan["noise"], "sigma": 1}},
    "no noise": lambda plan: {**plan, "noise": {**plan["noise"], "sigma": 0}},
    "an unknown level": lambda plan: {**plan, "level": "answers"},
    "a minority for a quorum": lambda plan: {**plan, "quorum_bps": 5_000},
    "a delta for everybody": lambda plan: {**plan, "delta_exponent": 4},
    "endless rounds": lambda plan: {**plan, "recipe": {**plan["recipe"], "rounds": 201}},
    "nobody": lambda plan: {**plan, "owners": []},
    "one owner twice": lambda plan: {**plan, "owners": plan["owners"] * 2},
    "a field more": lambda plan: {**plan, "note": 1},
    "text": lambda plan: "plan",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_plan_is_the_senders_fault(offer: Offer, kind: str) -> None:
    before = offer.untouched()
    answer = offer.ask(MALFORMED[kind](offer.plan().to_json()))
    assert answer.status_code == 422, answer.text
    assert offer.untouched() == before


def test_a_plan_that_does_not_stand_on_chain_is_told_so_and_granted_once_it_does(offer: Offer) -> None:
    made, before = offer.plan(), offer.untouched()
    body = wish(offer.asset, made)
    answer = call(offer.builder, offer.owner, "/peer/grants", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "training.not_stamped")
    assert offer.untouched() == before
    stamp(offer.builder, made)
    assert call(offer.builder, offer.owner, "/peer/grants", body).status_code == 200


def test_delta_must_be_small_for_so_many_rows(world: World) -> None:
    offer = Offer(world, 10_000)
    made = offer.plan()
    assert made.delta_exponent == 6
    answer = offer.ask(replace(made, delta_exponent=5))
    assert (answer.status_code, answer.json()["fields"]["field"]) == (403, "delta_exponent")


def test_noise_must_cover_all_rows_of_one_subject(world: World) -> None:
    offer = Offer(world)
    path = offer.owner.home / "visits.csv"
    plain = node_tables.write(path, make(24, seed=5)).read_text().splitlines()
    path.write_text(
        "\n".join(f"{row},{number // 2 if number else 'who'}" for number, row in enumerate(plain))
    )
    published = publishing.publish(offer.owner.node, offered(path, subject="who", rows_each=2))
    offer.asset = offer.owner.node.asset(published.document.id)
    offer.builder.knows(offer.owner)
    made = offer.plan()
    assert made.rows_each == 2
    answer = offer.ask(replace(made, rows_each=1))
    assert (answer.status_code, answer.json()["fields"]["field"]) == (403, "rows_each")
    assert offer.ask(made).status_code == 200


def test_a_judge_is_one_whom_the_terms_name(world: World) -> None:
    judge, other = "0x" + "12" * 20, "0x" + "34" * 20
    offer = Offer(world, judges=[judge])
    made = offer.plan()
    answer = offer.ask(replace(made, judge=other))
    assert (answer.status_code, answer.json()["fields"]) == (403, {"field": "judges"})
    assert offer.ask(replace(made, judge=judge)).status_code == 200


def test_who_decides_by_hand_is_told_of_the_judge_who_may_be_shown_all_rows(world: World) -> None:
    judge = "0x" + "12" * 20
    offer = Offer(world, judges=[judge], approval="ask")
    for named in ("", judge):
        assert offer.ask(replace(offer.plan(), judge=named)).status_code == 202
    asked = sorted(requests.overview(offer.owner.node), key=lambda one: one["training"]["judge"])
    assert [one["training"]["judge"] for one in asked] == ["", judge]
    said = [terminal._run(one) for one in asked]
    assert ["as judge, may be shown all rows" in one for one in said] == [False, True]


def test_an_owners_processor_is_not_the_builders_to_burn(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = offer.plan()
    most = 2 * made.width * max(made.rows.values())
    monkeypatch.setattr(admitting, "MAX_ROUND_OPERATIONS", most - 1)
    before = offer.untouched()
    answer = offer.ask(made)
    assert (answer.status_code, answer.json()["fields"]["field"]) == (403, "recipe")
    assert offer.untouched() == before
    monkeypatch.setattr(admitting, "MAX_ROUND_OPERATIONS", most)
    assert offer.ask(made).status_code == 200


def test_a_plan_of_more_rounds_than_uses_is_beyond_the_terms(world: World) -> None:
    offer = Offer(world, max_uses=3)
    assert offer.ask(offer.plan(rounds=4)).json()["fields"] == {"field": "max_uses"}
    assert offer.ask(offer.plan(rounds=3)).status_code == 200


def test_a_dataset_for_named_holders_is_granted_to_no_other(world: World) -> None:
    named = world.party("named")
    offer = Offer(world, holders=[named.account])
    before = offer.untouched()
    assert offer.ask(offer.plan()).status_code == 403
    plain = call(offer.builder, offer.owner, "/peer/grants", wish(offer.asset))
    assert plain.status_code == 403
    assert offer.untouched() == before
    named.knows(offer.owner)
    introduce(named, offer.owner)
    made, _ = planned(named, [offer.asset])
    stamp(named, made)
    assert offer.ask(made.to_json(), by=named).status_code == 200


def test_exact_updates_are_for_holders_by_name_and_cost_no_epsilon(world: World) -> None:
    named = world.party("named")
    offer = Offer(world, holders=[named.account], reveals="update")
    introduce(named, offer.owner)
    run = Played(named, [(offer.owner, offer.asset)], level="update", epsilon_micro=None)
    assert (run.plan.noise.sigma, run.plan.epsilon_micro) == (0, 0)
    run.finish()
    receipts = [e.document.body for e in offer.owner.node.store.find("receipt", "train")]
    assert {receipt["epsilon_micro"] for receipt in receipts} == {0}
    assert (offer.line()["spent_micro"], offer.line()["exact_runs"]) == (0, 1)


# what the budget allows


def runs_of(offer: Offer) -> list[str]:
    return [row["run"] for row in offer.line()["runs"]]


def test_a_run_is_charged_once_before_anything_is_computed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = Offer(world)
    run, account = offer.run(), offer.owner.account

    def power_cut(*_: Any, **__: Any) -> Any:
        assert runs_of(offer) == [run.plan.run_id], "the charge stands before the first number is made"
        raise RuntimeError("power cut")

    with monkeypatch.context() as cut:
        cut.setattr(record, "answer", power_cut)
        assert run.commit(account).status_code == 500
    assert runs_of(offer) == [run.plan.run_id]
    assert offer.owner.node.store.uses(run.grants[account].id) == (0, 0)
    with monkeypatch.context() as cut:
        cut.setattr(offer.owner.node, "seal", power_cut)
        assert run.commit(account).status_code == 500
    run.finish()
    assert runs_of(offer) == [run.plan.run_id]
    spent = offer.line()["spent_micro"]
    assert 0 < spent <= run.plan.epsilon_micro
    receipts = [e.document.body for e in offer.owner.node.store.find("receipt", "train")]
    assert [receipt["epsilon_micro"] for receipt in receipts] == [1_000_000, 0]
    assert [receipt["sequence"] for receipt in receipts] == [1, 2]
    require_sound(offer.owner.node)


def test_concurrent_commits_of_two_runs_are_each_charged_once(world: World) -> None:
    offer = Offer(world)
    runs = [offer.run(), offer.run()]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda i: runs[i % 2].commit(offer.owner.account), range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(runs_of(offer)) == sorted(run.plan.run_id for run in runs)


def test_no_run_goes_beyond_what_was_promised_for_life(world: World) -> None:
    offer = Offer(world)
    for _ in range(2):
        offer.run(epsilon_micro=EPSILON_RUN_MICRO).finish()
    assert offer.line()["spent_micro"] <= EPSILON_LIFE_MICRO
    before = offer.untouched()
    answer = offer.ask(offer.plan(epsilon_micro=EPSILON_RUN_MICRO))
    assert (answer.status_code, answer.json()["code"]) == (403, "privacy.spent")
    left = answer.json()["fields"]["left_micro"]
    assert 0 < left < EPSILON_RUN_MICRO
    assert offer.untouched() == before
    offer.run(epsilon_micro=left - 1_000).finish()
    assert offer.ask(offer.plan(epsilon_micro=1_000_000)).json()["code"] == "privacy.spent"
    assert offer.line()["spent_micro"] <= EPSILON_LIFE_MICRO


def test_grants_agreed_to_at_once_keep_room_for_each_other(world: World) -> None:
    offer = Offer(world)
    plans = [offer.plan(epsilon_micro=EPSILON_RUN_MICRO) for _ in range(6)]
    for made in plans:
        stamp(offer.builder, made)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(offer.ask, plans))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [403] * 4
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} == {"privacy.spent"}
    assert len(offer.owner.node.store.find("grant")) == 2


def test_a_run_that_begins_when_its_room_was_given_away_is_refused_unseen(world: World) -> None:
    """Room is kept for a while only; a grant is no promise that there is budget for ever."""
    offer = Offer(world)
    late = offer.run(epsilon_micro=EPSILON_RUN_MICRO)
    offer.ahead_seconds = budget.RESERVE_SECONDS + 1
    for _ in range(2):
        offer.run(epsilon_micro=EPSILON_RUN_MICRO).round()
    answer = late.commit(offer.owner.account)
    assert (answer.status_code, answer.json()["code"]) == (403, "privacy.spent")
    assert offer.owner.node.store.uses(late.grants[offer.owner.account].id) == (0, 0)
    assert kept_runs.get_round(offer.owner.node, late.plan.run_id, 1, "given") is None


def test_a_new_version_of_the_same_rows_has_no_new_budget(world: World) -> None:
    offer = Offer(world)
    for _ in range(2):
        offer.run(epsilon_micro=EPSILON_RUN_MICRO).round()
    again: Asset = offer.owner.publish(make(24, seed=24))
    offer.builder.knows(offer.owner)
    made, _ = planned(offer.builder, [again], epsilon_micro=EPSILON_RUN_MICRO)
    stamp(offer.builder, made)
    answer = call(offer.builder, offer.owner, "/peer/grants", wish(again, made))
    assert (answer.status_code, answer.json()["code"]) == (403, "privacy.spent")


def test_a_grant_tells_of_the_runs_before_it(world: World) -> None:
    offer = Offer(world)
    first = offer.run()
    first.round()
    second = offer.run()
    account = offer.owner.account
    assert first.grants[account].earlier_runs == ()
    assert second.grants[account].earlier_runs == (first.plan.run_id,)


def test_other_owners_rows_may_not_be_made_up_either(offer: Offer, world: World) -> None:
    """Each owner vouches for its own line of the plan: without that owner's grant nothing starts."""
    other = world.party("other")
    other.publish(node_tables.make(32, seed=9))
    asset = other.node.store.find("asset")[0].document
    run = Played(
        offer.builder, [(offer.owner, offer.asset), (other, asset)], granted=False, epsilon_micro=1_000_000
    )
    made_up = tuple(
        PlannedOwner(one.account, one.asset, 1) if one.account == other.account else one
        for one in run.plan.owners
    )
    run.plan = run.with_plan(owners=made_up)
    stamp(offer.builder, run.plan)
    assert offer.ask(run.plan).status_code == 200, "this owner cannot know better"
    answer = call(offer.builder, other, "/peer/grants", wish(asset, run.plan))
    assert (answer.status_code, answer.json()["fields"]["field"]) == (403, "rows")

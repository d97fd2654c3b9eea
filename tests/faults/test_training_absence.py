"""Owners that are away: named with rounds and reason, in the claims too; a minority trains nothing."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hostile_owner import Hostile, says
from node_tables import make
from node_world import (
    EPSILON_RUN_MICRO,
    Party,
    World,
    begin,
    finished,
    order,
    require_sound,
    rounds_of,
    run_job,
    took_part,
)

from freehold.chain.errors import TransactionPending
from freehold.core.errors import NotAllowed, Unavailable
from freehold.core.ids import document_id
from freehold.features.gateway import serving
from freehold.features.privacy import budget
from freehold.features.training import training
from freehold.features.training.jobs import Jobs
from freehold.kernel import logbook
from freehold.kernel.evidence import proving

PRICE_UNITS = 1_000_000


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


@pytest.fixture
def absent(world: World, hostile: Hostile) -> Party:
    """An owner of fewer rows than the others together; `hostile` says when it is away."""
    made = world.party("absent", wrap=hostile.wrap)
    made.publish(make(30, seed=5), price_units=PRICE_UNITS)
    return made


@pytest.fixture
def there(world: World) -> list[Party]:
    return world.owners(2, price_units=PRICE_UNITS)


AWAY = says(b'{"title": "closed today", "code": "unavailable", "hint": ""}', 503)
REFUSAL = says(b'{"title": "not to you", "code": "not_allowed", "hint": ""}', 403)


def statements(builder: Party, run: str) -> dict[int, dict[str, Any]]:
    found = [e.document.body["statement"] for e in builder.node.store.find("claim", "training_round", run)]
    return {statement["number"]: statement for statement in found}


def shown_after_a_restart(builder: Party, job_id: str) -> dict[str, Any]:
    return Jobs(builder.node, builder.services.peers).get(job_id)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(AWAY, "unavailable"), (REFUSAL, "not_allowed"), (says(b"{}"), "document.invalid")],
    ids=["away", "refused", "nonsense"],
)
def test_an_owner_that_grants_nothing_is_left_out_of_the_run_and_named(
    world: World, hostile: Hostile, absent: Party, there: list[Party], answer: Any, code: str
) -> None:
    builder = world.party("builder")
    hostile.lies["/peer/grants"] = [answer] * 20
    before = absent.node.balance_units()
    job, _ = run_job(builder, [*there, absent], patience_seconds=1)
    hostile.lies.clear()
    assert job["step"] == "done"
    everybody = {owner.account for owner in there}
    assert set(job["grants"]) == everybody
    (start,) = builder.node.store.find("claim", "training_start", job["run"])
    assert set(start.document.body["statement"]["start"]["grants"]) == everybody
    for shown in (job, shown_after_a_restart(builder, job["id"])):
        (named,) = shown["absent"].items()
        assert (named[0], named[1]["rounds"], named[1]["code"]) == (absent.account, [], code)
    assert absent.node.balance_units() == before, "it is not paid"
    assert budget.overview(absent.node)[0]["run_count"] == 0
    (release,) = builder.node.store.find("claim", "release", job["model"])
    assert {item["account"] for item in release.document.body["statement"]["shares"]} <= everybody


def test_an_owner_that_cannot_be_reached_is_waited_for_and_then_left_out(
    world: World, absent: Party, there: list[Party]
) -> None:
    builder = world.party("builder")
    wanted = order(builder, [*there, absent], patience_seconds=1)
    absent.stop()
    absent._thread.join(10)
    job_id = builder.jobs.start(wanted)
    job = finished(builder, job_id)
    assert job["step"] == "done"
    assert (job["absent"][absent.account]["rounds"], job["absent"][absent.account]["code"]) == (
        [], "peer.unreachable",
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/peer/rounds/commit", "/peer/rounds/reveal"])
def test_an_owner_away_in_some_rounds_is_named_with_them_also_after_a_restart(
    world: World, hostile: Hostile, absent: Party, there: list[Party], path: str
) -> None:
    builder = world.party("builder")
    job_id = begin(builder, order(builder, [*there, absent], rounds=5))
    away = (2, 3)

    def until_round(told: dict[str, Any]) -> None:
        done = told.get("round", 0)
        hostile.lies[path] = [AWAY] * 5 if done + 1 in away and "waits" not in told else []

    job = training.Job(builder.node, builder.services.peers, job_id, until_round).run()

    assert job["step"] == "done"
    for shown in (job, shown_after_a_restart(builder, job_id)):
        named = shown["absent"][absent.account]
        assert (named["rounds"], named["code"]) == (list(away), "unavailable")
        assert "closed today" in named["why"]
        assert set(shown["absent"]) == {absent.account}
    everybody = {*(owner.account for owner in there), absent.account}
    present = took_part(builder.node, job["run"])
    assert present == [
        everybody if number not in away else everybody - {absent.account} for number in range(1, 6)
    ]
    said = statements(builder, job["run"])
    if path.endswith("commit"):
        assert {number: one["absent"] for number, one in said.items() if one["absent"]} == {
            number: {absent.account: "unavailable"} for number in away
        }
        assert not any(one["missing"] for one in said.values())
        assert absent.node.store.uses(job["grants"][absent.account])[0] == 6 - len(away)
    else:
        assert not any(one["absent"] for one in said.values())
        missing = {number: one["missing"] for number, one in said.items() if one["missing"]}
        assert missing == {3: [absent.account], 4: [absent.account]}, "the next round says who did not reveal"
        assert absent.node.store.uses(job["grants"][absent.account])[0] == 6, "what it committed to counts"
    for party in (*there, absent):
        assert not party.node.store.unsigned_receipts(builder.account)
        require_sound(party.node)
    require_sound(builder.node)


def test_the_last_rounds_unrevealed_stand_in_the_contribution(
    world: World, hostile: Hostile, absent: Party, there: list[Party]
) -> None:
    builder = world.party("builder")
    job_id = begin(builder, order(builder, [*there, absent], rounds=2))

    def before_last(told: dict[str, Any]) -> None:
        hostile.lies["/peer/rounds/reveal"] = [AWAY] if told.get("round") == 1 else []

    job = training.Job(builder.node, builder.services.peers, job_id, before_last).run()
    assert job["step"] == "done"
    (claim,) = builder.node.store.find("claim", "contribution", job["run"])
    assert claim.document.body["statement"]["missing"] == [absent.account]
    assert absent.account in job["agreements"], "it recomputes all the same"


@pytest.mark.parametrize("path", ["/peer/rounds/commit", "/peer/rounds/reveal"])
def test_a_minority_of_rows_trains_nothing_until_the_others_are_back(
    world: World, monkeypatch: pytest.MonkeyPatch, hostile: Hostile, path: str
) -> None:
    monkeypatch.setattr(training, "MAX_WAITS", 1)
    small, large = world.party("small"), world.party("large", wrap=hostile.wrap)
    small.publish(make(20, seed=1))
    large.publish(make(24, seed=2))
    builder = world.party("builder")
    job_id = begin(builder, order(builder, [small, large], rounds=3))

    def away(told: dict[str, Any]) -> None:
        if told.get("round") == 1:
            hostile.lies[path] = [AWAY] * 10

    job = training.Job(builder.node, builder.services.peers, job_id, away)
    with pytest.raises(training.NobodyAnswers) as stopped:
        job.run()
    assert isinstance(stopped.value, Unavailable), "it is tried again by itself"
    assert len(rounds_of(builder.node, job.job["run"])) == 2, "rounds 0 and 1"
    if path.endswith("commit"):
        assert set(statements(builder, job.job["run"])) == {0, 1}, "nothing is signed without a quorum"
    assert shown_after_a_restart(builder, job_id)["step"] == "rounds"
    hostile.lies.clear()
    done = training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()
    assert done["step"] == "done"
    assert took_part(builder.node, done["run"]) == [{small.account, large.account}] * 3
    assert len(builder.node.store.find("claim", "training_round", done["run"])) == 4


def test_too_few_owners_that_grant_leave_the_run_unbegun_and_unpaid(world: World, hostile: Hostile) -> None:
    large, small = world.party("large", wrap=hostile.wrap), world.party("small")
    large.publish(make(40, seed=1), price_units=PRICE_UNITS)
    small.publish(make(20, seed=2), price_units=PRICE_UNITS)
    builder = world.party("builder")
    before = builder.node.balance_units()
    hostile.lies["/peer/grants"] = [REFUSAL] * 5
    job_id = begin(builder, order(builder, [small, large], patience_seconds=1))
    with pytest.raises(NotAllowed, match="not to you"):
        training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()
    assert before - builder.node.balance_units() in (0, PRICE_UNITS), "at most whom it had asked before"
    assert not builder.node.store.find("claim", "training_start")


def test_trouble_of_the_builders_own_leaves_no_owner_out(
    world: World, there: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The purchase may be under way: an owner that is paid takes part."""
    builder = world.party("builder")
    job_id = begin(builder, order(builder, there, patience_seconds=1))
    before, sent = builder.node.balance_units(), builder.node.send

    def unsure(contract: str, function: str, *args: Any) -> int:
        gas = sent(contract, function, *args)
        if function == "buyWithAuthorization":
            raise TransactionPending("nobody says whether it was taken up")
        return gas

    with monkeypatch.context() as cut:
        cut.setattr(builder.node, "send", unsure)
        cut.setattr(training.Job, "rest", lambda *_: False)
        with pytest.raises(TransactionPending):
            training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()
    assert shown_after_a_restart(builder, job_id)["absent"] == {}
    job = training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()
    assert (job["step"], set(job["grants"])) == ("done", {owner.account for owner in there})
    assert before - builder.node.balance_units() == 2 * PRICE_UNITS


def test_an_owner_that_was_away_in_every_round_may_agree_all_the_same(
    world: World, hostile: Hostile, absent: Party, there: list[Party]
) -> None:
    builder = world.party("builder")
    hostile.lies["/peer/rounds/commit"] = [AWAY] * 3
    job, _ = run_job(builder, [*there, absent], rounds=2)
    assert job["absent"][absent.account]["rounds"] == [0, 1, 2]
    assert absent.account in job["agreements"]
    assert (job["silent"], budget.overview(absent.node)[0]["run_count"]) == ({}, 0)
    (release,) = builder.node.store.find("claim", "release", job["model"])
    shares = {item["account"] for item in release.document.body["statement"]["shares"]}
    assert shares == {owner.account for owner in there}, "who gave nothing has no share"


@pytest.mark.parametrize("moment", ["before the first round", "after round 1"])
def test_an_owner_restored_from_an_older_state_catches_up_by_rounds_sent_along(
    world: World, there: list[Party], moment: str
) -> None:
    """As after a disk was lost: its rounds come back with the builder's next request."""
    owner, builder = there[0], world.party("builder")
    job_id = begin(builder, order(builder, there, rounds=6))
    copy = sqlite3.connect(owner.home / "copy.sqlite", check_same_thread=False)
    done: set[str] = set()

    def lose(told: dict[str, Any]) -> None:
        first = told["step"] == "rounds" and "round" not in told
        if first if moment == "before the first round" else told.get("round") == 1:
            copy_rows(owner, copy, into=True)
            done.add("copied")
        if told.get("round") == 3 and "lost" not in done:
            copy_rows(owner, copy, into=False)
            done.add("lost")

    job = training.Job(builder.node, builder.services.peers, job_id, lose).run()
    copy.close()

    assert (done, job["step"], job["absent"]) == ({"copied", "lost"}, "done", {})
    assert took_part(builder.node, job["run"]) == [{one.account for one in there}] * 6
    grant = job["grants"][owner.account]
    assert owner.node.store.uses(grant)[0] == 7
    given = [e.document.body for e in builder.node.store.find("receipt", "train", grant)]
    assert sorted(receipt["sequence"] for receipt in given) == list(range(1, 8)), "no number is given twice"
    assert [receipt["epsilon_micro"] for receipt in given if receipt["epsilon_micro"]] == [EPSILON_RUN_MICRO]
    assert [row["run"] for row in budget.overview(owner.node)[0]["runs"]] == [job["run"]]
    assert owner.account in job["agreements"]
    require_sound(owner.node)


def copy_rows(party: Party, copy: sqlite3.Connection, *, into: bool) -> None:
    """Keep a copy of a node's rows, or put it back; what came after is forgotten."""
    with party.node.store.reading() as connection:
        assert isinstance(connection, sqlite3.Connection)
        if into:
            connection.backup(copy)
        else:
            copy.backup(connection)
    party.lender._running.clear()


def test_a_run_whose_charge_was_lost_with_an_owners_disk_is_charged_again(
    world: World, there: list[Party]
) -> None:
    """Also where nothing but its agreement is asked of it any more."""
    owner, builder = there[0], world.party("builder")
    job_id = begin(builder, order(builder, there, rounds=2))
    copy = sqlite3.connect(owner.home / "copy.sqlite", check_same_thread=False)

    def lose(told: dict[str, Any]) -> None:
        if told["step"] == "rounds" and "round" not in told:
            copy_rows(owner, copy, into=True)
        if told["step"] == "open":
            copy_rows(owner, copy, into=False)

    job = training.Job(builder.node, builder.services.peers, job_id, lose).run()
    copy.close()
    assert owner.account in job["agreements"]
    assert [row["run"] for row in budget.overview(owner.node)[0]["runs"]] == [job["run"]]


@pytest.mark.parametrize("fate", ["dead", pytest.param("another log", marks=pytest.mark.slow)])
def test_an_owner_that_is_gone_after_the_run_stops_no_sale(world: World, fate: str) -> None:
    owners = world.owners(3)
    builder, buyer = world.party("builder"), world.party("buyer")
    job, _ = run_job(builder, owners)
    model, gone = str(job["model"]), owners[0]
    serving.switch(builder.node, model, on=True)
    with builder.node.store.transaction() as tx:
        tx.delete(f"model_evidence:{model}")
    if fate == "dead":
        gone.stop()
    else:
        gone.node.send("LogAnchors", "anchor", 10_000, b"\7" * 32)
    buyer.knows(builder)
    answer = buyer.buyer.predict(model, [[1, 2, 3]])
    # asking does not make the seller pay for an anchor
    logbook.anchor(builder.node)
    bundle, report = proving.collected(buyer.services, document_id(answer["receipt"]["document"]))
    assert report.ok
    assert f"logs/{gone.account}.json" not in bundle.files


@pytest.mark.parametrize(
    "endpoint",
    ["http://[", *(pytest.param(one, marks=pytest.mark.slow) for one in ("http://\x00/", "no address"))],
)
def test_an_owner_that_names_an_impossible_address_is_away(world: World, endpoint: str) -> None:
    owners, builder = world.owners(3), world.party("builder")
    job_id = begin(builder, order(builder, owners, patience_seconds=1))
    document = builder.node.party_of(owners[0].account)
    lost = document.model_copy(update={"endpoints": (endpoint,), "created_at": document.created_at + 1})
    builder.node.accept_party(owners[0].node.seal(lost))
    job = training.Job(builder.node, builder.services.peers, job_id, lambda _: None)
    assert job.run()["step"] in ("done", "withheld")
    assert owners[0].account in builder.jobs.get(job_id)["absent"]

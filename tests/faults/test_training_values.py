"""Values stated wrongly, splits that were not agreed to, models that are no good: no pool, no share, no sale."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import node_tables
import numpy as np
import pytest
from hostile_owner import Hostile, says
from node_tables import Cells, make
from node_world import World, begin, finished, order, require_sound, run_job
from peer_calls import call
from played_builder import Played

from freehold.core.documents import Asset, Content
from freehold.core.errors import Conflict, FreeholdError, VerificationFailed
from freehold.core.ids import NO_HASH, hash_bytes
from freehold.features.gateway import serving
from freehold.features.gateway.buying import Buyer
from freehold.features.models import kept as models
from freehold.features.models.rules.model import model_hash
from freehold.features.models.rules.split import SplitTree
from freehold.features.training import runs, training
from freehold.features.training.checks.replaying import table_json
from freehold.features.training.rules import record
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.collecting import gathered


class Ended:
    """A run of two owners after its last round; nothing was opened yet."""

    def __init__(self, world: World) -> None:
        self.owners, self.builder = world.owners(2), world.party("builder")
        assets = [owner.node.store.find("asset")[0].document for owner in self.owners]
        self.run = Played(self.builder, list(zip(self.owners, assets, strict=True)))
        self.run.finish()
        self.honest = self.run.contribution()


@pytest.fixture(scope="module")
def ended(world: World) -> Ended:
    return Ended(world)


def moved(shares: list[int]) -> list[int]:
    return [shares[0] + 1, shares[1] - 1]


WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "shares moved": lambda old: {"shares_bps": moved(old["shares_bps"])},
    "shares swapped": lambda old: {"shares_bps": old["shares_bps"][::-1]},
    "values": lambda old: {"values": [old["values"][0], "1"]},
    "errors": lambda old: {"errors": [old["errors"][0], "1"]},
    "a better score": lambda old: {"scores": {**old["scores"], "correct": 40}},
    "a worse baseline": lambda old: {"scores": {**old["scores"], "majority_correct": 1}},
    "another model": lambda old: {"model": NO_HASH},
    "somebody missing": lambda old: {"missing": [old["accounts"][0]]},
    "an owner less": lambda old: {"accounts": old["accounts"][:1]},
    "a field more": lambda old: {"note": "x"},
    "numbers for texts": lambda old: {"values": [int(value) for value in old["values"]]},
}


@pytest.mark.parametrize("kind", WRONG)
def test_owners_do_not_agree_to_values_that_do_not_follow_and_keep_what_was_said(
    ended: Ended, kind: str
) -> None:
    owner, run = ended.owners[0], ended.run
    wrong = WRONG[kind](ended.honest)
    answer = run.agree(owner.account, {**ended.honest, **wrong})
    assert (answer.status_code, answer.json()["code"]) == (403, "training.wrong_contribution")
    assert answer.json()["fields"]["field"] == next(iter(wrong))
    dispute = runs.get(owner.node, run.plan.run_id, "disputed")
    assert dispute["field"] == next(iter(wrong))
    owner.node.check(owner.node.store.get(dispute["contribution"]))
    assert owner.node.store.find("claim", "agreement", run.plan.run_id) == []


def test_owners_do_not_agree_on_a_table_that_was_not_committed_to(ended: Ended) -> None:
    owner, run = ended.owners[0], ended.run
    other = replace(run.test, labels=1 - run.test.labels)
    for body, codes in (
        ({"test": table_json(other)}, {"training.wrong_contribution"}),
        ({"test": {**table_json(run.test), "columns": ["a", "b", "c"]}}, {"training.wrong_contribution"}),
        ({"opening": run.opening(salt="0x" + "11" * 32).to_json()}, {"training.wrong_contribution"}),
        ({"opening": run.opening(salt="zz").to_json()}, {"document.invalid"}),
        ({"opening": ended.owners[1].node.claim("test_opening", run.plan.run_id, run.opening().document.body["statement"]).to_json()}, {"document.invalid"}),
        ({"opening": run.opening(model=NO_HASH).to_json()}, {"training.wrong_contribution"}),
        ({"test": None}, None),
        ({"test": {"columns": 5}}, None),
        ({"contribution": run.claim("contribution", ended.honest, about=NO_HASH).to_json()}, {"document.invalid"}),
    ):  # fmt: skip
        answer = run.agree(owner.account, ended.honest, **body)
        assert 400 <= answer.status_code < 500, answer.text
        assert codes is None or answer.json()["code"] in codes
    assert owner.node.store.find("claim", "agreement", run.plan.run_id) == []


def test_a_run_that_is_not_over_is_not_agreed_to(ended: Ended, world: World) -> None:
    owner = ended.owners[0]
    run = Played(ended.builder, [(owner, ended.run.assets[owner.account])], epsilon_micro=100_000)
    run.round()
    answer = run.agree(owner.account, ended.honest)
    assert (answer.status_code, answer.json()["code"]) == (409, "training.rounds_missing")
    assert answer.json()["fields"]["number"] == 2


def test_what_follows_is_agreed_to_once(ended: Ended) -> None:
    owner, run = ended.owners[1], ended.run
    claim = run.claim("contribution", ended.honest).to_json()
    first = run.agree(owner.account, {}, contribution=claim)
    assert first.status_code == 200, first.text
    again = run.agree(owner.account, {}, contribution=claim, test=None, opening=None)
    assert again.json() == first.json()
    assert len(owner.node.store.find("claim", "agreement", run.plan.run_id)) == 1
    answer = run.agree(owner.account, {**ended.honest, "shares_bps": [5_000, 5_000]})
    assert answer.json()["code"] == "training.agreed_otherwise", "an owner signs one account of a run"
    require_sound(owner.node)


def test_an_owner_whose_updates_were_left_out_does_not_agree(ended: Ended) -> None:
    """The builder has seen what it leaves out: it could choose the rounds that suit it."""
    owner, other = ended.owners
    pairs = [(one, ended.run.assets[one.account]) for one in ended.owners]
    run = Played(ended.builder, pairs, epsilon_micro=100_000, rounds=6)
    while not run.running.is_done:
        run.show(*run.open_round(), hiding=owner.account if run.number in (2, 4) else "")
    answer = run.agree(owner.account, run.contribution())
    assert (answer.status_code, answer.json()["code"]) == (403, "training.wrong_contribution")
    assert answer.json()["fields"]["rounds"] == [2, 4]
    assert run.agree(other.account, run.contribution()).status_code == 200
    lost_once = Played(ended.builder, pairs, epsilon_micro=100_000, rounds=6)
    while not lost_once.running.is_done:
        lost_once.show(*lost_once.open_round(), hiding=owner.account if lost_once.number == 3 else "")
    assert lost_once.agree(owner.account, lost_once.contribution()).status_code == 200


# the release


def announced(ended: Ended, shares: list[tuple[str, int]], contribution: dict[str, Any]) -> dict[str, Any]:
    """A model with this split, on chain and in its release claim, as its builder would announce it."""
    builder, run = ended.builder.node, ended.run
    done = record.replay(run.plan, run.who, run.rounds)
    asset = Asset(
        asset_kind="model",
        name=secrets.token_hex(8),
        owner=builder.account,
        content=Content(
            commitment=model_hash(done.model, run.plan.scaling, run.plan.recipe.to_json(), run.plan.columns),
            media_type="application/vnd.freehold.logistic-v2",
            size_bytes=8,
        ),
        schema_={"columns": list(run.plan.columns), "label": run.plan.label, "run": run.plan.run_id},
        derived_from=tuple({"asset": one.asset, "role": "training-data"} for one in run.plan.owners),  # type: ignore[misc]
        terms=run.assets[run.plan.accounts[0]].terms.model_copy(update={"actions": ("infer",)}),
        created_at=builder.now(),
    )
    tree = SplitTree(shares)
    builder.send("Revenue", "open", hash_bytes(asset.id), builder.token, tree.root, 10_000)
    statement = {
        "run": run.plan.run_id,
        "shares": [{"account": account, "shares": share} for account, share in shares],
    }
    claims = [run.claim("contribution", contribution), builder.claim("release", asset.id, statement)]
    return {"asset": builder.seal(asset).to_json(), "claims": [claim.to_json() for claim in claims]}


def test_a_release_with_another_split_than_was_agreed_to_is_no_share(ended: Ended) -> None:
    owner, run = ended.owners[1], ended.run
    if not owner.node.store.find("claim", "agreement", run.plan.run_id):
        assert run.agree(owner.account, ended.honest).status_code == 200
    agreed = runs.get(owner.node, run.plan.run_id, "agreed")["contribution"]
    kept = owner.node.store.get(agreed).to_json()
    honest = list(zip(ended.honest["accounts"], ended.honest["shares_bps"], strict=True))
    other = [
        (account, share)
        for (account, _), share in zip(honest, moved(ended.honest["shares_bps"]), strict=True)
    ]
    lies = (
        announced(ended, other, ended.honest),
        announced(ended, other, {**ended.honest, "shares_bps": moved(ended.honest["shares_bps"])}),
        announced(ended, [(owner.account, 10_000)], ended.honest),
    )  # fmt: skip
    for body in lies:
        answer = call(ended.builder, owner, "/peer/releases", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "document.invalid")
    assert models.shares(owner.node) == []
    body = announced(ended, honest, ended.honest)
    body["claims"][0] = kept
    assert call(ended.builder, owner, "/peer/releases", body).status_code == 200
    (share,) = models.shares(owner.node)
    assert share.shares == dict(honest)[owner.account]


def test_no_share_is_taken_of_a_run_with_two_histories(world: World) -> None:
    ended = Ended(world)
    owner, run = ended.owners[1], ended.run
    last = run.records[-1]["claim"]["document"]["statement"]
    assert run.agree(owner.account, ended.honest).status_code == 200
    other = run.claim("training_round", {**last, "missing": [owner.account]})
    answer = run.reveal(owner.account, other, [], number=last["number"])
    assert (answer.status_code, answer.json()["code"]) == (409, "training.two_histories")
    shares = list(zip(ended.honest["accounts"], ended.honest["shares_bps"], strict=True))
    body = announced(ended, shares, ended.honest)
    body["claims"][0] = owner.node.store.get(
        runs.get(owner.node, run.plan.run_id, "agreed")["contribution"]
    ).to_json()
    refused = call(ended.builder, owner, "/peer/releases", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "document.invalid")
    assert "two accounts" in refused.json()["title"]


def test_no_pool_opens_before_a_quorum_of_rows_agreed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MAX_WAITS", 1)
    hostile = Hostile()
    small, large = world.party("small"), world.party("large", wrap=hostile.wrap)
    small.publish(make(24, seed=1))
    large.publish(make(40, seed=2))
    builder = world.party("builder")
    hostile.lies["/peer/agreements"] = [
        says(b'{"title": "no", "code": "training.wrong_contribution"}', 403)
    ] * 9
    job_id = begin(builder, order(builder, [small, large], rounds=2))
    job = training.Job(builder.node, builder.services.peers, job_id, lambda _: None)
    with pytest.raises(training.NobodyAnswers):
        job.run()
    assert job.job["step"] == "agree"
    assert builder.node.store.find("claim", "release") == []
    assert builder.node.store.find("asset", public=True) == []
    assert not world.chain.events("Revenue", "PoolOpened", opener=builder.account)
    hostile.lies.clear()
    done = training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()
    assert (done["step"], set(done["agreements"])) == ("done", {small.account, large.account})


# a model that is no good


def unlearnable(rows: int, seed: int) -> Cells:
    """Labels that have nothing to do with the columns."""
    draw = np.random.default_rng(seed)
    return Cells(make(rows, seed=seed).micro, tuple(draw.integers(0, 2, rows).tolist()))


@pytest.fixture
def lopsided(world: World) -> Path:
    """A test table where saying the commoner label is right nine times of ten, and hard to beat."""
    cells = make(40, seed=7)
    labels = tuple(int(place % 10 == 0) for place in range(40))
    return node_tables.write(world.home / "lopsided.csv", Cells(cells.micro, labels))


def test_a_model_no_better_than_the_commoner_label_is_held_back_until_its_builder_says_so(
    world: World, lopsided: Path
) -> None:
    owners, builder = [world.party("noise-0"), world.party("noise-1")], world.party("builder")
    for seed, owner in enumerate(owners):
        owner.publish(unlearnable(30, seed))
    jobs = builder.jobs
    job_id = jobs.start(order(builder, owners, test=lopsided))
    held = finished(builder, job_id)
    assert (held["step"], held["model"], held["error"]) == ("withheld", None, None)
    scores = held["scores"]
    assert scores["correct"] <= scores["majority_correct"] == 36
    assert builder.node.store.find("asset", public=True) == []
    jobs.begin()
    assert finished(builder, job_id)["step"] == "withheld", "a restart does not release it"
    jobs.release(job_id)
    done = finished(builder, job_id)
    assert done["step"] == "done"
    model = builder.node.asset(done["model"])
    assert model.schema_["metrics"]["correct"] == scores["correct"], "and it says how good it is"
    assert model.schema_["metrics"]["majority_correct"] == 36
    jobs.release(job_id)
    assert len(builder.node.store.find("claim", "release")) == 1


def test_a_model_below_what_the_plan_promised_is_not_released_at_all(world: World) -> None:
    owners, builder = world.owners(1), world.party("builder")
    jobs = builder.jobs
    job_id = jobs.start(order(builder, owners, least_correct_bps=10_000))
    assert finished(builder, job_id)["step"] == "withheld"
    with pytest.raises(Conflict, match="owners agreed"):
        jobs.release(job_id)
    good = jobs.start(order(builder, owners))
    assert finished(builder, good)["step"] == "done"
    with pytest.raises(Conflict, match="not held back"):
        jobs.release(good)


# before a model is paid


class Sale:
    """A model on sale whose builder may show anything as evidence."""

    def __init__(self, world: World) -> None:
        self.hostile = Hostile()
        self.owners = world.owners(2)
        self.builder = world.party("builder", wrap=self.hostile.wrap)
        self.world = world
        self.models = [self.train(), self.train()]

    def train(self) -> Asset:
        job, _ = run_job(self.builder, self.owners, rounds=2)
        model = self.builder.node.asset(job["model"])
        serving.switch(self.builder.node, model.id, on=True)
        return model

    def evidence(self, model: Asset) -> dict[str, Any]:
        return proving.give_model_evidence(self.builder.services, {"model": model.id})


@pytest.fixture(scope="module")
def sale(world: World) -> Sale:
    return Sale(world)


def test_nothing_is_paid_for_a_model_whose_evidence_does_not_hold(sale: Sale) -> None:
    buyer, model = sale.world.party("buyer"), sale.models[0]
    buyer.knows(sale.builder)
    before = buyer.node.balance_units()
    rows = [["1", "2", "3"]]
    honest = Bundle.from_json(sale.evidence(model))
    flipped = {
        "training/test.json": (b'"labels":[1,', b'"labels":[0,'),
        "training/rounds.json": (b'"update":[', b'"update":[1'),
        "chain.json": (b'"0xf9', b'"0xf8'),
        "manifest.json": (b'"0x', b'"0xa'),
    }
    lies: list[Any] = []
    for name, (old, new) in flipped.items():
        content = honest.files[name].replace(old, new, 1)
        assert content != honest.files[name]
        lies.append(Bundle({**honest.files, name: content}).to_json())
    lies += [sale.evidence(sale.models[1]), {}, {"files": {}}, []]
    for lie in lies:
        sale.hostile.lies["/peer/model-evidence"] = [says(json.dumps(lie).encode())]
        with pytest.raises(FreeholdError):
            buyer.buyer.predict(model.id, rows)
        assert buyer.channels() == []
        assert buyer.node.balance_units() == before
        assert not [e for e in sale.builder.node.store.find("grant") if e.document.holder == buyer.account]
    assert not sale.hostile.lies["/peer/model-evidence"]
    assert len(buyer.buyer.predict(model.id, rows)["outputs"]) == 1
    assert buyer.node.balance_units() < before
    sale.hostile.lies["/peer/model-evidence"] = [says(b"{}")]
    Buyer(buyer.node, buyer.services.peers).predict(model.id, rows)
    assert sale.hostile.lies.pop("/peer/model-evidence"), "it is checked before the first payment, once"


def test_nothing_is_paid_for_a_model_whose_pool_pays_another_split(world: World) -> None:
    """The builder opened the pool for itself; the rest of its evidence is true."""
    owners, builder, buyer = world.owners(2), world.party("builder"), world.party("buyer")
    job_id = begin(builder, order(builder, owners, rounds=2))
    sent = builder.node.send

    def greedy(contract: str, function: str, *args: Any) -> int:
        if (contract, function) == ("Revenue", "open"):
            model, token, _, total = args
            return sent(contract, function, model, token, SplitTree([(builder.account, 10_000)]).root, total)
        return sent(contract, function, *args)

    builder.node.send = greedy  # type: ignore[method-assign]
    job = training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()
    assert job["step"] == "done"
    model = builder.node.asset(job["model"])
    for owner in owners:
        assert models.share(owner.node, model.id) is None, "owners do not take it for a share"
    serving.switch(builder.node, model.id, on=True)
    buyer.knows(builder)
    before = buyer.node.balance_units()
    with pytest.raises(FreeholdError):
        buyer.buyer.predict(model.id, [["1", "2", "3"]])
    # also where its node shows the evidence in spite of what it says
    bundle, report = gathered(builder.node, builder.services.peers, model, None, may_anchor=True)
    assert not report.ok
    with builder.node.store.transaction() as tx:
        tx.set(f"model_evidence:{model.id}", bundle.to_json())
    with pytest.raises(VerificationFailed):
        buyer.buyer.predict(model.id, [["1", "2", "3"]])
    assert buyer.node.balance_units() == before
    assert buyer.channels() == []

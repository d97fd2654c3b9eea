"""Neutral parts in a run: a validator that keeps the test table, a judge that has an owner open its data."""

from typing import Any

import jsonschema
import pytest
from node_tables import LABEL, make, write
from node_world import World, begin, order, run_job
from peer_calls import call, introduce

from freehold.core.errors import Conflict, FreeholdError, NotAllowed
from freehold.features.data.rules.sources import AmbiguousCells
from freehold.features.data.rules.ways import Ways
from freehold.features.training import auditing, holding, lending, training
from freehold.kernel.words import claim_kinds


class Neutral:
    """A finished run whose test table a validator kept and whose owners name a judge."""

    def __init__(self, world: World) -> None:
        self.validator, self.judge = world.party("validator"), world.party("judge")
        self.owners = [world.party(f"owner-{i}") for i in range(3)]
        for i, owner in enumerate(self.owners):
            owner.publish(make(30, seed=20 + i), judges=[self.judge.account])
        self.builder = world.party("builder")
        self.builder.knows(*self.owners, self.validator, self.judge)
        self.judge.knows(self.builder, *self.owners)
        for owner in self.owners:
            owner.knows(self.judge)
        path = write(self.validator.home / "test.csv", make(40, seed=7))
        self.held = holding.hold(self.validator.node, path, LABEL, self.builder.account)
        path.unlink()
        self.job, _ = run_job(self.builder, self.owners, **self.wanted())
        self.judge.knows(self.builder)  # its catalogue holds the model by now

    def wanted(self) -> dict[str, Any]:
        return {
            "test": self.held["test"],
            "validator": self.validator.account,
            "judge": self.judge.account,
        }


@pytest.fixture(scope="module")
def neutral(world: World) -> Neutral:
    return Neutral(world)


def test_a_run_measured_by_a_validator_ends_with_a_release(neutral: Neutral) -> None:
    assert neutral.job["step"] == "done"
    (kept,) = holding.held(neutral.validator.node)
    assert kept["run"] == neutral.job["run"]
    model = neutral.builder.node.asset(neutral.job["model"])
    assert model.schema_["metrics"]["test_rows"] == 40


def test_the_builder_gets_no_row_of_the_test_before_the_run_is_over(world: World, neutral: Neutral) -> None:
    path = write(neutral.validator.home / "second.csv", make(40, seed=8))
    held = holding.hold(neutral.validator.node, path, LABEL, neutral.builder.account)
    wanted = {**neutral.wanted(), "test": held["test"]}
    owners = [world.party(f"more-{i}") for i in range(2)]
    for i, owner in enumerate(owners):
        owner.publish(make(30, seed=40 + i), judges=[neutral.judge.account])
    job_id = begin(neutral.builder, order(neutral.builder, owners, **wanted))
    job = training.Job(neutral.builder.node, neutral.builder.services.peers, job_id, lambda _: None)
    while job.job["step"] != "rounds":
        {"plan": job._fix, "grants": job._grants}[job.job["step"]]()
    builder, store = neutral.builder, neutral.builder.node.store
    body = {
        "plan": job.job["plan"],
        "start": store.get(job.job["start_claim"]).to_json(),
        "grants": [store.get(grant).to_json() for grant in job.job["grants"].values()],
        "rounds": [],
    }
    for sent in (body, {**body, "rounds": "all"}, {**body, "grants": []}, {**body, "start": None}, {}):
        early = call(builder, neutral.validator, "/peer/tests/open", sent)
        assert early.status_code in (401, 422), early.text
        assert "features" not in early.text
    assert [row["run"] for row in holding.held(neutral.validator.node) if row["test"] == held["test"]] == [
        None
    ]
    assert job.run()["step"] == "done"


def test_an_opened_test_measures_no_second_run(neutral: Neutral) -> None:
    with pytest.raises(FreeholdError) as known:
        begin(neutral.builder, order(neutral.builder, neutral.owners, **neutral.wanted()))
    assert known.value.fields["peer_code"] == holding.TestOpened.code


def test_a_judge_finds_honest_owners_honest(neutral: Neutral) -> None:
    for owner in neutral.owners:
        found = auditing.audit(neutral.judge.services, neutral.job["model"], owner.account)
        assert (found["owner"], found["holds"]) == (owner.account, True), found["detail"]
        assert neutral.judge.node.store.position(found["claim"]) is not None
        said = neutral.judge.node.store.get(found["claim"]).document
        jsonschema.validate(said.statement, claim_kinds()["audit"].schema)
    assert auditing.audit(neutral.judge.services, neutral.job["model"], None)["holds"]


@pytest.mark.parametrize("lie", ["another table", "another seed"])
def test_a_judge_finds_an_owner_that_opens_something_else(
    world: World, neutral: Neutral, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = neutral.owners[0]
    if lie == "another table":
        table, salt = auditing.open_table(
            neutral.owners[1].node, neutral.owners[1].node.store.find("asset")[0].document.id
        )
        monkeypatch.setattr(auditing, "open_table", lambda *_: (table, salt))
    else:
        monkeypatch.setattr(auditing, "noise_seed", lambda *_: bytes(32))
    found = auditing.audit(neutral.judge.services, neutral.job["model"], owner.account)
    assert not found["holds"]
    assert ("table" if lie == "another table" else "seed") in found["detail"]


def test_a_judge_finds_an_owner_that_invented_its_updates(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, honest, liar = world.party("judge"), world.party("honest"), world.party("liar")
    for party in (honest, liar):
        party.publish(make(30, seed=60), judges=[judge.account])
        judge.knows(party)
        party.knows(judge)
    builder, real = world.party("builder"), lending.record.updates.make
    builder.knows(honest, liar, judge)
    calls = {"liar": 0}

    def invented(z: Any, labels: Any, model: Any, noise: Any, seed: bytes) -> Any:
        made = real(z, labels, model, noise, seed)
        if seed in seeds:
            calls["liar"] += 1
            made = made + 1
        return made

    seeds: set[bytes] = set()
    plain_seed = lending.record.round_seed

    def marked(plan: Any, number: int, model: Any, seed: bytes) -> bytes:
        own = plain_seed(plan, number, model, seed)
        if seed == lending.noise_seed(liar.node, plan):
            seeds.add(own)
        return own

    monkeypatch.setattr(lending.record.updates, "make", invented)
    monkeypatch.setattr(lending.record, "round_seed", marked)
    job, _ = run_job(builder, [honest, liar], judge=judge.account)
    monkeypatch.undo()
    assert calls["liar"]
    judge.knows(builder)
    assert auditing.audit(judge.services, job["model"], honest.account)["holds"]
    found = auditing.audit(judge.services, job["model"], liar.account)
    assert not found["holds"]
    assert "did not train as the recipe says" in found["detail"]


def test_nobody_but_the_judge_named_gets_anything(world: World, neutral: Neutral) -> None:
    other, owner = world.party("other"), neutral.owners[0]
    introduce(other, owner)
    refused = call(other, owner, "/peer/audits", {"run": neutral.job["run"]})
    assert (refused.status_code, refused.json()["code"]) == (403, auditing.NotTheJudge.code)
    other.knows(neutral.builder)
    with pytest.raises(auditing.NotTheJudge):
        auditing.audit(other.services, neutral.job["model"], None)


def test_a_plan_names_no_judge_that_the_owner_did_not(world: World, neutral: Neutral) -> None:
    owner, crony, builder = world.party("owner"), world.party("crony"), world.party("builder")
    owner.publish(make(30, seed=3))
    builder.knows(crony)
    with pytest.raises(NotAllowed) as refused:
        run_job(builder, [owner], judge=crony.account)
    assert refused.value.fields["field"] == "judges" or refused.value.fields.get("peer_code")


def test_a_test_is_kept_for_one_builder_and_the_same_rows_once(world: World, neutral: Neutral) -> None:
    other, path = world.party("other-builder"), neutral.validator.home / "third.csv"
    held = holding.hold(neutral.validator.node, write(path, make(40, seed=9)), LABEL, neutral.builder.account)
    introduce(other, neutral.validator)
    refused = call(other, neutral.validator, "/peer/tests", {"test": held["test"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    with pytest.raises(Conflict):
        holding.hold(neutral.validator.node, path, LABEL, neutral.builder.account)


def test_a_test_whose_numbers_could_mean_two_things_is_kept_as_its_holder_says(world: World) -> None:
    holder, builder = world.party("holder"), world.party("some-builder")
    path = holder.home / "decimals.csv"
    path.write_text("a;label\n" + "\n".join(f"1,{100 + n};{n % 2}" for n in range(40)) + "\n")
    with pytest.raises(AmbiguousCells):
        holding.hold(holder.node, path, "label", builder.account)
    held = holding.hold(holder.node, path, "label", builder.account, ways=Ways.of(["decimal=comma"]))
    assert (held["rows"], held["positives"]) == (40, 20)

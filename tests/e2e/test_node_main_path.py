"""Publish, search, buy grants, train, release: what the parties end up with, on both sides and on chain."""

import pytest
from node_tables import make
from node_world import (
    EPSILON_RUN_MICRO,
    Party,
    World,
    finished,
    order,
    plan_of,
    require_sound,
    rounds_of,
)

from freehold.core.documents import Claim
from freehold.core.ids import hash_bytes, sha256_hex
from freehold.features.data import catalogue
from freehold.features.data.publishing import open_table
from freehold.features.grants import granting
from freehold.features.models import kept as models
from freehold.features.models import releasing, shown
from freehold.features.models.rules.split import SplitTree
from freehold.features.privacy import budget
from freehold.features.training import kept
from freehold.features.training.lending import noise_seed
from freehold.features.training.rules import record
from freehold.features.training.rules.record import Start

ROUNDS = 4
PRICE_UNITS = 5_000_000


class Trained:
    """One finished run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owners = world.owners(3, price_units=PRICE_UNITS)
        self.builder = world.party("builder")
        self.before = {party.account: party.node.balance_units() for party in (*self.owners, self.builder)}
        job_id = self.builder.jobs.start(order(self.builder, self.owners, rounds=ROUNDS))
        self.job = finished(self.builder, job_id)
        self.stored = kept.job(self.builder.node, job_id)

    @property
    def model(self):
        return self.builder.node.asset(self.job["model"])


@pytest.fixture(scope="module")
def trained(world: World) -> Trained:
    return Trained(world)


def test_the_run_ends_with_a_model_on_offer_that_names_its_sources(trained: Trained) -> None:
    assert (trained.job["step"], trained.job["error"], trained.job["absent"]) == ("done", None, {})
    assert {source.asset for source in trained.model.derived_from} == set(trained.stored["assets"])
    assert trained.model in [e.document for e in catalogue.offered(trained.builder.node)]
    assert trained.model.terms.actions == ("infer",)
    assert trained.model.schema_["metrics"]["correct"] > 20, "half of 40 rows would be guessing"


def test_each_grant_was_bought_in_exactly_one_transaction_and_the_owner_got_the_money(
    trained: Trained,
) -> None:
    builder = trained.builder
    bought = trained.world.chain.events("Market", "GrantBought", buyer=builder.account)
    assert sorted(e.args["seller"].lower() for e in bought) == sorted(o.account for o in trained.owners)
    assert len({e.tx_hash for e in bought}) == 3
    assert {"0x" + bytes(e.args["grant"]).hex() for e in bought} == set(trained.stored["grants"].values())
    for owner in trained.owners:
        assert owner.node.balance_units() == trained.before[owner.account] + PRICE_UNITS
    assert builder.node.balance_units() == trained.before[builder.account] - 3 * PRICE_UNITS


def test_shares_on_chain_equal_the_contribution_anyone_recomputes(trained: Trained) -> None:
    builder, job = trained.builder.node, trained.stored
    plan, start = plan_of(builder, job["run"]), Start(job["grants"])
    done = record.replay(plan, start, rounds_of(builder, job["run"]))
    worth = record.value(plan, start, done, open_table(builder, job["id"])[0])
    assert worth.accounts == plan.accounts
    (claim,) = builder.store.find("claim", "contribution", plan.run_id)
    said = claim.document.body["statement"]
    assert {name: said[name] for name in worth.statement()} == worth.statement()
    assert trained.model.content.commitment == said["model"]
    token_id = int.from_bytes(releasing.pool_of(trained.model), "big")
    for owner, share in zip(worth.accounts, worth.shares_bps, strict=True):
        assert builder.chain.read("ModelShares", "balanceOf", owner, token_id) == share
    assert sum(worth.shares_bps) == 10_000
    split = [(owner, share) for owner, share in zip(worth.accounts, worth.shares_bps, strict=True) if share]
    assert (
        builder.chain.read("Revenue", "poolOf", releasing.pool_of(trained.model))[1] == SplitTree(split).root
    )
    claim = next(e.document for e in builder.store.find("claim", "release", trained.model.id))
    assert isinstance(claim, Claim)
    assert releasing.shares_of(claim) == split


def test_every_owner_recomputed_the_values_and_signed_that_it_agrees(trained: Trained) -> None:
    builder, job = trained.builder.node, trained.stored
    assert (set(job["agreements"]), job["silent"]) == ({owner.account for owner in trained.owners}, {})
    for owner in trained.owners:
        agreement = owner.node.store.get(job["agreements"][owner.account])
        owner.node.check(agreement)
        assert agreement.document.body["statement"] == {"contribution": job["contribution"]}
        assert owner.node.store.position(agreement.document.id) is not None, "it stands in its own log"
    (release,) = builder.store.find("claim", "release", trained.model.id)
    statement = release.document.body["statement"]
    assert statement["agreements"] == sorted(job["agreements"].values())
    assert (statement["silent"], statement["earlier"]) == ([], [])


def test_every_round_can_be_replayed_on_the_owners_own_table_and_noise(trained: Trained) -> None:
    builder, job = trained.builder.node, trained.stored
    plan, rounds = plan_of(builder, job["run"]), rounds_of(builder, job["run"])
    assert [made.number for made in rounds] == list(range(ROUNDS + 1)), "rows are compared in round 0"
    for owner in trained.owners:
        asset_id = builder.grant(job["grants"][owner.account]).asset
        table, seed = open_table(owner.node, asset_id)[0], noise_seed(owner.node, plan)
        record.replay_owner(plan, Start(job["grants"]), rounds, owner.account, table, seed)
        receipts = owner.node.store.find("receipt", "train", job["grants"][owner.account])
        assert {e.document.body["evidence"]["seed"] for e in receipts} == {sha256_hex(seed)}


def test_the_run_took_its_whole_privacy_budget_once(trained: Trained) -> None:
    plan = plan_of(trained.builder.node, trained.job["run"])
    assert plan.epsilon_micro == EPSILON_RUN_MICRO
    for owner in trained.owners:
        (line,) = budget.overview(owner.node)
        assert [run["run"] for run in line["runs"]] == [plan.run_id]
        assert 0.99 * EPSILON_RUN_MICRO < line["spent_micro"] <= EPSILON_RUN_MICRO
        receipts = owner.node.store.find("receipt", "train", trained.stored["grants"][owner.account])
        charged = {e.document.body["sequence"]: e.document.body["epsilon_micro"] for e in receipts}
        assert charged == {1: EPSILON_RUN_MICRO} | dict.fromkeys(range(2, ROUNDS + 2), 0)


def test_the_plan_stood_on_chain_before_any_grant(trained: Trained) -> None:
    builder = trained.builder.node
    stamped = builder.chain.read("Timestamps", "stampedAt", hash_bytes(trained.job["run"]))
    assert stamped > 0
    for grant_id in trained.stored["grants"].values():
        grant = builder.grant(grant_id)
        assert grant.run == trained.job["run"]
        assert stamped <= grant.issued_at + 600


def test_owners_learn_of_their_shares_without_asking(trained: Trained) -> None:
    shares = dict(viewing_shares(trained.builder, trained.model.id))
    for owner in trained.owners:
        told = models.share(owner.node, trained.model.id)
        assert (told.shares if told else 0) == shares.get(owner.account, 0)


def viewing_shares(builder: Party, model_id: str) -> list[tuple[str, int]]:
    found = shown.model(builder.node, model_id)
    return [(item["account"], item["share_bps"]) for item in found["contribution"]]


def test_receipts_are_signed_by_both_and_identical_on_both_sides(trained: Trained) -> None:
    builder = trained.builder.node
    for owner in trained.owners:
        grant = trained.stored["grants"][owner.account]
        assert owner.node.store.uses(grant) == (ROUNDS + 1, 0)
        given = {e.document.id: e for e in owner.node.store.find("receipt", "train", grant)}
        assert len(given) == ROUNDS + 1
        assert not owner.node.store.unsigned_receipts(builder.account)
        for receipt_id, envelope in given.items():
            owner.node.check(envelope)
            assert builder.store.get(receipt_id).to_bytes() == envelope.to_bytes()


def test_logs_verify_and_the_test_and_the_plan_were_anchored_before_anybody_was_asked(
    trained: Trained,
) -> None:
    for party in (*trained.owners, trained.builder):
        require_sound(party.node)
    store, chain, run = trained.builder.node.store, trained.world.chain, trained.job["run"]
    anchors = chain.events("LogAnchors", "Anchored", account=trained.builder.account)
    plan = plan_of(trained.builder.node, run)
    (commitment,) = store.find("claim", "test_commitment", plan.test.commitment)
    places = [store.position(commitment.document.id)]
    for kind in ("training_plan", "training_start"):
        (claim,) = store.find("claim", kind, run)
        places.append(store.position(claim.document.id))
    places += [store.position(e.document.id) for e in store.find("claim", "training_round", run)]
    for kind, about in (("test_opening", run), ("contribution", run), ("release", trained.model.id)):
        (claim,) = store.find("claim", kind, about)
        places.append(store.position(claim.document.id))
    assert places == sorted(places)
    assert any(places[1] < event.args["size"] <= places[2] for event in anchors)


def test_a_grant_is_free_when_its_terms_say_so_and_costs_no_transaction(world: World) -> None:
    owner, holder = world.party("giver"), world.party("taker")
    asset = owner.publish(make(12, seed=3))
    holder.knows(owner)
    block = world.chain.block_number()
    grant = granting.obtain(holder.node, holder.services.peers, holder.node.asset(asset.id), "infer")
    assert world.chain.block_number() == block
    assert holder.node.store.position(grant.id) is not None
    assert hash_bytes(grant.nonce)

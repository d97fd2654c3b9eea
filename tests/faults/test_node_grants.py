"""A use is refused, counted and answered exactly as its grant says, whoever asks and how often."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hostile_owner import Hostile
from node_tables import make
from node_world import Party, World, require_sound
from peer_calls import call, granted, introduce, stamp, wish
from played_builder import Played

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Grant, Terms
from freehold.core.errors import FreeholdError, InvalidInput, InvalidSignature, NotAllowed
from freehold.core.ids import NO_HASH
from freehold.core.signing import Envelope, parse_envelope, seal, sign_digest
from freehold.features.data import offering
from freehold.features.grants import granting
from freehold.features.grants.granting import NotEnoughDollars
from freehold.features.grants.issuing import narrowed
from freehold.features.models.rules.split import SplitTree
from freehold.features.privacy import budget
from freehold.kernel import logbook
from freehold.kernel.rights.check import Offer
from freehold.vault.keystore import Keys

PRICE_UNITS = 2_000_000


class Shop:
    """An owner with a free and a priced table and a movable clock, and two who use them."""

    def __init__(self, world: World) -> None:
        self.ahead_seconds = 0
        self.owner = world.party("owner", clock=lambda: time.time() + self.ahead_seconds)
        self.free = self.owner.publish(make(20, seed=1))
        self.priced = self.owner.publish(make(20, seed=2), price_units=PRICE_UNITS)
        self.holder, self.stranger = world.party("holder"), world.party("stranger")
        for party in (self.holder, self.stranger):
            introduce(party, self.owner)
            party.knows(self.owner)

    def run(self, asset: Asset | None = None, **more: Any) -> Played:
        """A granted run over one table, not begun; it costs little."""
        return Played(self.holder, [(self.owner, asset or self.free)], epsilon_micro=100_000, **more)

    def spent(self) -> int:
        return sum(line["run_count"] for line in budget.overview(self.owner.node))


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.mark.parametrize("kind", ["expired", "foreign", "revoked", "unpaid"])
def test_a_grant_that_does_not_stand_opens_nothing(shop: Shop, kind: str) -> None:
    owner = shop.owner
    run = shop.run(shop.priced if kind == "unpaid" else shop.free)
    grant = run.grants[owner.account]
    if kind == "revoked":
        assert granting.revoke(owner.node, grant.id)["gas"] > 0
    if kind == "foreign":
        run.builder = shop.stranger
    size, spent = require_sound(owner.node), shop.spent()
    shop.ahead_seconds = 400 * 86_400 if kind == "expired" else 0

    answer = run.commit(owner.account)

    shop.ahead_seconds = 0
    assert answer.status_code == (402 if kind == "unpaid" else 403)
    assert answer.json()["code"] == f"grant.{kind}"
    assert answer.json()["fields"]["grant_id"] == grant.id
    assert owner.node.store.uses(grant.id) == (0, 0)
    assert require_sound(owner.node) == size, "a refusal is not logged as a use"
    assert shop.spent() == spent, "and costs no budget"


def test_a_revocation_stands_on_chain_and_twice_is_once(shop: Shop) -> None:
    node = shop.owner.node
    grant = granted(shop.holder, shop.owner, shop.free)
    first, again = granting.revoke(node, grant.id), granting.revoke(node, grant.id)
    assert node.chain.read("Revocations", "isRevoked", node.account, grant.revocation_index)
    assert (first["claim"], again["gas"]) == (again["claim"], 0)
    # who proves a use needs the revocation too, and its owner is not asked to pay for that
    shown = logbook.proofs(node, [grant.id], may_anchor=False)
    assert [parse_envelope(claim).document.subject() for claim in shown["revocations"]] == [grant.id]
    with pytest.raises(NotAllowed):
        granting.revoke(shop.holder.node, keep(shop.holder, grant, shop.owner))


def keep(party: Party, grant: Grant, owner: Party) -> str:
    with party.node.store.transaction() as tx:
        tx.put(owner.node.store.get(grant.id), logged=False)
    return grant.id


def test_twenty_threads_get_one_answer_that_was_counted_and_charged_once(shop: Shop) -> None:
    run, spent = shop.run(), shop.spent()
    grant = run.grants[shop.owner.account]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: run.commit(shop.owner.account), range(20)))
    assert {a.status_code for a in answers} == {200}
    assert len({canonical_bytes(a.json()) for a in answers}) == 1
    assert shop.owner.node.store.uses(grant.id) == (1, 0)
    assert shop.spent() == spent + 1
    require_sound(shop.owner.node)


@pytest.mark.parametrize("kind", ["infer", "train"])
def test_the_same_nonce_twice_is_one_grant_even_at_once(shop: Shop, kind: str) -> None:
    made = shop.run(granted=False).plan if kind == "train" else None
    if made:
        stamp(shop.holder, made)
    body = wish(shop.free, made)
    before = len(shop.owner.node.store.find("grant"))
    ready = threading.Barrier(12)

    def ask(_: int) -> str:
        ready.wait()
        return json.dumps(call(shop.holder, shop.owner, "/peer/grants", body).json()["grant"])

    with ThreadPoolExecutor(12) as pool:
        assert len(set(pool.map(ask, range(12)))) == 1
    assert len(shop.owner.node.store.find("grant")) == before + 1
    other = call(shop.holder, shop.owner, "/peer/grants", {**body, "asset": shop.priced.id})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_a_repeated_step_gets_the_same_answer_whatever_the_body_says_and_counts_once(shop: Shop) -> None:
    run, account = shop.run(), shop.owner.account
    first = run.commit(account)
    assert first.status_code == 200
    for other in ({}, {"rounds": [5]}, {"start": None}, {"rounds": "x", "countersigned": {"a": 1}}):
        assert run.commit(account, **other).json() == first.json()
    assert shop.owner.node.store.uses(run.grants[account].id) == (1, 0)
    claim, receipts = run.open_round()
    shown = run.reveal(account, claim, receipts)
    assert shown.status_code == 200
    assert run.reveal(account, claim, []).json() == shown.json()


def test_the_next_round_waits_for_the_holders_signature(shop: Shop) -> None:
    run, account = shop.run(), shop.owner.account
    receipt = run.commit(account).json()["receipt"]
    unsigned = call(shop.holder, shop.owner, "/peer/countersign", {"receipts": [receipt]})
    assert (unsigned.status_code, unsigned.json()["code"]) == (401, "signature.invalid")
    by_stranger = call(shop.stranger, shop.owner, "/peer/countersign", {"receipts": [receipt]})
    assert by_stranger.status_code == 422
    claim, receipts = run.open_round()
    shown = run.reveal(account, claim, [parse_envelope(receipt)])
    assert (shown.status_code, shown.json()["code"]) == (401, "signature.invalid")
    assert run.reveal(account, claim, receipts).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"max_uses": 101},
        {"purpose": "advertising"},
        {"action": "redistribute"},
        {"action": "steal"},
        {"action": ["train"]},
        {"purpose": {"$gt": ""}},
        {"expires_at": 2**53 - 1},
        {"max_uses": -1},
        {"max_uses": True},
        {"spend_cap_units": "many"},
        {"nonce": "0x00"},
        {"asset": "0x" + "00" * 32},
        {"action": "train"},
        {"action": "train", "plan": {}},
        {"action": "train", "plan": []},
    ],
    ids=str,
)
def test_no_grant_beyond_the_published_terms(shop: Shop, changes: dict[str, object]) -> None:
    before = require_sound(shop.owner.node)
    answer = call(shop.holder, shop.owner, "/peer/grants", wish(shop.free, **changes))
    assert answer.status_code in (403, 404, 422), answer.text
    assert answer.json()["code"] in (
        "not_allowed",
        "not_found",
        "input.invalid",
        "document.invalid",
        "training.record",
    )
    assert require_sound(shop.owner.node) == before


def test_a_wallet_without_dollars_buys_nothing_and_says_what_it_lacks(world: World, shop: Shop) -> None:
    poor = world.party("poor")
    poor.knows(shop.owner)
    poor.node.send("TestDollar", "transfer", shop.owner.account, poor.node.balance_units() - 1)
    with pytest.raises(NotEnoughDollars) as short:
        granting.obtain(poor.node, poor.services.peers, poor.node.asset(shop.priced.id), "infer")
    assert short.value.fields == {"price_units": PRICE_UNITS, "balance_units": 1}
    assert poor.account in short.value.hint
    assert poor.node.balance_units() == 1


CONFEDERATE = Keys.generate()
ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "dearer": ({"price_units": PRICE_UNITS + 1}, "price_units"),
    "for fewer uses": ({"max_uses": 1}, "max_uses"),
    "for more uses": ({"max_uses": 101}, "max_uses"),
    "for a shorter time": ({"expires_at": 2_000_000_000}, "expires_at"),
    "for another purpose": ({"purposes": ("advertising",)}, "purposes"),
    "for other actions": ({"actions": ("derive",)}, "actions"),
    "with a duty": ({"duties": ("attribute",)}, "duties"),
    "of another issuer": ({"issuer": CONFEDERATE.account}, ""),
    "of another holder": ({"holder": "0x" + "12" * 20}, ""),
    "on another asset": ({"asset": NO_HASH}, ""),
    "for a run": ({"run": NO_HASH}, ""),
    "for another request": ({"nonce": NO_HASH}, ""),
    "with another cap": ({"spend_cap_units": 1}, ""),
}


class Greedy:
    """An owner that answers with another grant than was asked for, a buyer, and the asset they talk about."""

    def __init__(self, world: World) -> None:
        self.hostile = Hostile()
        self.party, self.buyer = world.party("greedy", wrap=self.hostile.wrap), world.party("buyer")
        self.asset = self.party.publish(make(20, seed=4), price_units=PRICE_UNITS)
        self.buyer.knows(self.party)

    def answers(self, **changes: Any) -> None:
        """The next answer is the right grant but for these fields, signed and with a valid offer."""

        def lie(party: Party, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
            terms = narrowed(self.asset.terms, body, None)
            fields = {name: value for name, value in changes.items() if name in Terms.model_fields}
            values = {
                "issuer": party.account,
                "holder": self.buyer.account,
                "asset": self.asset.id,
                "terms": terms.model_copy(update=fields),
                "revocation_index": 0,
                "nonce": str(body["nonce"]),
                "issued_at": party.node.now(),
            }
            grant = Grant(
                **{**values, **{name: value for name, value in changes.items() if name not in fields}}
            )
            offer = Offer.of(grant).digest(party.node.chain_id, party.node.contract("Market"))
            signature = "0x" + sign_digest(party.node.keys.account_key, offer).hex()
            keys = CONFEDERATE if grant.issuer == CONFEDERATE.account else party.node.keys
            envelope = seal(grant, keys.account_key, party.node.domain)
            answer = {"grant": envelope.to_json(), "offer_signature": signature}
            return 200, {}, json.dumps(answer).encode()

        self.hostile.lies["/peer/grants"] = [lie]

    def obtained(self) -> Grant:
        node, peers = self.buyer.node, self.buyer.services.peers
        return granting.obtain(node, peers, node.asset(self.asset.id), "infer")


@pytest.fixture(scope="module")
def greedy(world: World) -> Greedy:
    return Greedy(world)


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_owner_that_grants_something_else_than_was_asked_for_is_not_paid(
    greedy: Greedy, kind: str
) -> None:
    changes, field = ANSWERS[kind]
    greedy.answers(**changes)
    before = greedy.buyer.node.balance_units()
    with pytest.raises(FreeholdError) as refused:
        greedy.obtained()
    assert refused.value.fields.get("field", "") in ("", field)
    assert isinstance(refused.value, InvalidInput | NotAllowed | InvalidSignature)
    assert greedy.buyer.node.balance_units() == before
    assert not greedy.buyer.node.store.find("grant")


def test_exactly_what_was_asked_for_is_paid(greedy: Greedy, world: World) -> None:
    other = Greedy(world)
    other.answers()
    before = other.buyer.node.balance_units()
    assert other.obtained().terms.price_units == PRICE_UNITS
    assert other.buyer.node.balance_units() == before - PRICE_UNITS


def test_a_retry_gets_its_grant_after_the_asset_was_taken_off_offer(shop: Shop) -> None:
    owner = shop.owner
    asset = owner.publish(make(20, seed=11))
    body = wish(asset)
    first = call(shop.holder, owner, "/peer/grants", body)
    assert first.status_code == 200
    with owner.node.store.transaction() as tx:
        offering.withdraw(tx, asset.id)
    again = call(shop.holder, owner, "/peer/grants", body)
    assert again.json()["grant"] == first.json()["grant"]
    assert call(shop.holder, owner, "/peer/grants", wish(asset)).status_code == 404


def test_a_stranger_cannot_revoke_anothers_grant(world: World, shop: Shop) -> None:
    """Whoever was granted a run can make a model in which the owner has a share, and announce it with any claims."""
    rival, run = world.party("rival"), shop.run()
    grant = run.grants[shop.owner.account]
    own = Played(rival, [(shop.owner, shop.free)], epsilon_micro=100_000).plan.run_id
    asset, release = model_shared_with(rival, shop.owner, own)
    revocation = rival.node.claim("revocation", grant.id, {"index": grant.revocation_index})
    body = {"asset": asset.to_json(), "claims": [release.to_json(), revocation.to_json()]}
    refused = call(rival, shop.owner, "/peer/releases", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "document.invalid")
    assert not shop.owner.node.store.has(revocation.document.id)
    with shop.owner.node.store.transaction() as tx:
        tx.put(revocation, logged=False)
    assert run.commit(shop.owner.account).status_code == 200, "only the issuer's word revokes"
    accepted = call(rival, shop.owner, "/peer/releases", {**body, "claims": [release.to_json()]})
    assert accepted.json() == {"accepted": asset.document.id}


@pytest.mark.parametrize("run_of", ["nobody", "another builder"])
def test_a_share_in_a_run_that_was_not_granted_to_the_sender_is_not_kept(
    world: World, shop: Shop, run_of: str
) -> None:
    rival = world.party("rival")
    introduce(rival, shop.owner)
    run = shop.run().plan.run_id if run_of == "another builder" else NO_HASH
    asset, release = model_shared_with(rival, shop.owner, run)
    body = {"asset": asset.to_json(), "claims": [release.to_json()]}
    refused = call(rival, shop.owner, "/peer/releases", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert not shop.owner.node.store.has(asset.document.id)


def model_shared_with(maker: Party, owner: Party, run: str) -> tuple[Envelope, Envelope]:
    node = maker.node
    terms = owner.node.store.find("asset")[0].document.body["terms"]
    asset = Asset.model_validate_json(
        canonical_bytes(
            {
                "type": "asset",
                "version": 1,
                "asset_kind": "model",
                "name": "trap",
                "owner": maker.account,
                "content": {"commitment": NO_HASH, "media_type": "x", "size_bytes": 1},
                "schema": {"run": run},
                "terms": terms,
                "created_at": node.now(),
            }
        )
    )
    tree = SplitTree([(owner.account, 10_000)])
    node.send("Revenue", "open", bytes.fromhex(asset.id[2:]), node.token, tree.root, 10_000)
    statement = {"shares": [{"account": owner.account, "shares": 10_000}]}
    return node.seal(asset), node.claim("release", asset.id, statement)

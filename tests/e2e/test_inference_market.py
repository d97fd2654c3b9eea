"""A model is served, bought by voucher, settled and claimed: every party ends with the units it should."""

import threading

import pytest
from inference_world import PRICE, Shop
from node_world import Party, World, require_sound

from freehold.core.ids import sha256_hex
from freehold.core.signing import parse_envelope
from freehold.features.data import catalogue
from freehold.features.earnings import earning
from freehold.features.gateway import serving
from freehold.features.gateway.rules.answer import output_hash, request_body
from freehold.features.payments import kept as channels_kept
from freehold.features.payments import settling
from freehold.features.payments.rules.errors import InvalidRequest


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def buyer(shop: Shop) -> Party:
    return shop.buyer()


def test_one_call_from_nothing_to_a_receipt_that_both_signed(shop: Shop, buyer: Party) -> None:
    before = buyer.node.balance_units()
    rows = shop.rows(3)
    answer = buyer.buyer.predict(shop.model.id, rows)
    assert len(answer["outputs"]) == 3
    assert all(
        0 <= item["probability_ppm"] <= 1_000_000 and item["label"] == (item["probability_ppm"] >= 500_000)
        for item in answer["outputs"]
    )
    envelope = parse_envelope(answer["receipt"])
    shop.builder.node.check(envelope)
    receipt = envelope.document.body
    assert receipt["output"] == output_hash(answer)
    assert receipt["evidence"]["request"] == sha256_hex(request_body(shop.model.id, rows))
    assert {line["account"]: line["delta_units"] for line in receipt["money"]} == {
        buyer.account: -PRICE,
        "0x" + shop.pool.hex(): PRICE,
    }
    (channel,) = buyer.channels()
    assert channel["promised_units"] == PRICE
    assert before - buyer.node.balance_units() == channel["deposited_units"] == 10 * PRICE
    assert buyer.node.store.position(envelope.document.id) is not None


def test_calls_from_many_threads_are_all_answered_and_each_is_paid_once(shop: Shop) -> None:
    buyer = shop.buyer("busy")
    answers: dict[int, dict] = {}

    def ask(start: int) -> None:
        for i in range(start, start + 5):
            answers[i] = buyer.buyer.predict(shop.model.id, shop.rows(1, i))

    threads = [threading.Thread(target=ask, args=(5 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(30))
    receipts = [parse_envelope(answer["receipt"]).document.body for answer in answers.values()]
    sums = sorted(receipt["evidence"]["cumulative_units"] for receipt in receipts)
    assert sums == [PRICE * (i + 1) for i in range(30)]
    for i, answer in answers.items():
        receipt = parse_envelope(answer["receipt"]).document.body
        assert receipt["evidence"]["request"] == sha256_hex(request_body(shop.model.id, shop.rows(1, i)))
    grant = receipts[0]["grant"]
    assert shop.builder.node.store.uses(grant) == (30, 30 * PRICE)
    buyer.services.countersigner.flush()
    assert not shop.builder.node.store.unsigned_receipts(buyer.account)
    for answer in answers.values():
        kept = shop.builder.node.store.get(parse_envelope(answer["receipt"]).document.id)
        assert kept.to_json() == answer["receipt"]
    require_sound(shop.builder.node)


def test_a_channel_that_runs_out_is_topped_up_not_replaced(shop: Shop) -> None:
    from freehold.features.gateway.buying import Buyer

    party = shop.buyer("frugal")
    frugal = Buyer(party.node, party.services.peers)
    for i in range(5):
        frugal.predict(shop.model.id, shop.rows(1, i), deposit_calls=2)
    (channel,) = party.channels()
    assert channel["promised_units"] == 5 * PRICE
    assert channel["deposited_units"] == 6 * PRICE


def test_the_spend_cap_stops_the_buyer_and_a_new_cap_lets_it_go_on(shop: Shop) -> None:
    from freehold.core.errors import NotAllowed

    party = shop.buyer("capped")
    buy = party.buyer.predict
    for i in range(2):
        buy(shop.model.id, shop.rows(1, i), spend_cap_units=2 * PRICE)
    with pytest.raises(NotAllowed) as stopped:
        buy(shop.model.id, shop.rows(1, 2))
    assert stopped.value.fields["peer_code"] == "grant.spend_cap"
    assert party.channels()[0]["promised_units"] == 2 * PRICE
    buy(shop.model.id, shop.rows(1, 2), spend_cap_units=3 * PRICE)
    assert party.channels()[0]["promised_units"] == 3 * PRICE


def test_a_bad_question_costs_nothing_and_is_never_sent(shop: Shop, buyer: Party) -> None:
    before = buyer.channels()
    for rows in ([["1"]], [], [["nan"] * shop.width], [[None] * shop.width], [[float("inf")] * shop.width]):
        with pytest.raises(InvalidRequest):
            buyer.buyer.predict(shop.model.id, rows)
    assert buyer.channels() == before


def test_numbers_and_their_text_get_the_same_answer(shop: Shop, buyer: Party) -> None:
    import numpy as np

    texts = [["0.1", "2", "-3.5"][: shop.width] + ["1"] * (shop.width - 3)]
    numbers = [[float(text) for text in row] for row in texts]
    answers = [
        buyer.buyer.predict(shop.model.id, rows)["outputs"] for rows in (texts, numbers, np.array(numbers))
    ]
    assert answers[0] == answers[1] == answers[2]


def test_settling_and_claiming_move_every_unit_once(shop: Shop) -> None:
    party = shop.buyer("last")
    for i in range(7):
        party.buyer.predict(shop.model.id, shop.rows(1, i))
    builder = shop.builder.node
    promised = sum(
        channel["promised_units"] for member in shop.world._parties for channel in member.channels()
    )
    row = next(item for item in earning.overview(builder)["models"] if item["asset"] == shop.model.id)
    assert row["own"]
    assert row["revenue_units"] + row["unsettled_units"] == promised
    channels = len(channels_kept.unsettled(builder))
    done = settling.settle(builder)
    assert (len(done["settled"]), done["failed"]) == (channels, [])
    assert shop.pool_units() == (promised, 0)
    assert settling.settle(builder) == {"settled": [], "failed": [], "units": 0, "gas": 0}

    before = {owner.account: owner.node.balance_units() for owner in shop.owners}
    paid = {}
    for owner in shop.owners:
        view = earning.overview(owner.node)
        if not view["models"]:
            continue
        paid[owner.account] = earning.claim(owner.node, shop.model.id)["units"]
        assert (
            paid[owner.account] == view["claimable_units"] == promised * view["models"][0]["shares"] // 10_000
        )
        assert owner.node.balance_units() == before[owner.account] + paid[owner.account]
        again = earning.overview(owner.node)
        assert (again["claimable_units"], again["claimed_units"]) == (0, paid[owner.account])
        assert earning.claim(owner.node) == {"claims": [], "units": 0, "gas": 0}
    assert sum(paid.values()) > 0
    assert shop.pool_units() == (promised, sum(paid.values()))
    held = earning.overview(builder)["models"][0]["held_units"]
    assert held == promised - sum(paid.values()) < len(shop.owners)


def test_an_owner_can_call_its_own_model_like_anyone(shop: Shop) -> None:
    answer = shop.builder.buyer.predict(shop.model.id, shop.rows(1, 77))
    kept = shop.builder.node.store.get(parse_envelope(answer["receipt"]).document.id)
    assert kept.is_complete
    require_sound(shop.builder.node)


def test_sold_grants_count_as_earnings(world: World) -> None:
    (owner,) = world.owners(1, price_units=7_000)
    buyer = world.party("reader")
    buyer.knows(owner)
    from freehold.features.grants.granting import obtain

    asset = next(
        item.document
        for item in catalogue.offered(owner.node)
        if item.document.body["asset_kind"] == "dataset"
    )
    assert earning.overview(owner.node)["sold_units"] == 0
    obtain(buyer.node, buyer.services.peers, asset, "infer")
    view = earning.overview(owner.node)
    assert (view["sold_units"], view["earned_units"]) == (7_000, 7_000)
    assert view["grants"][0]["holder"] == buyer.account


def test_a_closed_channel_gives_back_what_was_not_promised_and_the_next_call_opens_another(
    shop: Shop,
) -> None:
    party = shop.buyer("leaver")
    buyer = party.buyer
    buyer.predict(shop.model.id, shop.rows())
    settling.settle(shop.builder.node)
    channel = party.channels()[0]["channel"]
    assert party.close_channel(channel[:12])["status"] == "closing"
    assert party.close_channel(channel)["status"] == "closing", "a day must pass"
    buyer.predict(shop.model.id, shop.rows(1, 1))
    assert {item["status"] for item in party.channels()} == {"closing", "open"}
    shop.world.chain.rpc.call("evm_increaseTime", hex(86_401))
    shop.world.chain.rpc.call("evm_mine")
    before = party.node.balance_units()
    done = party.close_channel(channel)
    assert (done["status"], done["withdrawn_units"]) == ("closed", 9 * PRICE)
    assert party.node.balance_units() == before + 9 * PRICE
    assert party.close_channel(channel)["withdrawn_units"] == 0


def test_money_that_was_not_settled_in_time_is_reported_as_lost_once(shop: Shop) -> None:
    party = shop.buyer("quick")
    party.buyer.predict(shop.model.id, shop.rows())
    channel = party.channels()[0]["channel"]
    settling.settle(shop.builder.node)
    party.buyer.predict(shop.model.id, shop.rows(1, 1))
    party.close_channel(channel)
    shop.world.chain.rpc.call("evm_increaseTime", hex(86_401))
    shop.world.chain.rpc.call("evm_mine")
    assert party.close_channel(channel)["withdrawn_units"] == 9 * PRICE
    lost = settling.settle(shop.builder.node)["failed"]
    assert [(row["channel"], row["code"]) for row in lost] == [(channel, "channel.ended")]
    assert settling.settle(shop.builder.node)["failed"] == []


def test_models_on_offer_say_what_a_call_costs(shop: Shop) -> None:
    import httpx

    from freehold.core.errors import NotFound

    listed = httpx.get(f"{shop.builder.url}/v1/models", trust_env=False).json()["models"]
    assert [item["id"] for item in listed] == [shop.model.id]
    assert listed[0]["columns"] == list(shop.model.schema_["columns"])
    assert listed[0]["quote"]["price_units"] == PRICE
    serving.switch(shop.builder.node, shop.model.id, on=False)
    try:
        assert httpx.get(f"{shop.builder.url}/v1/models", trust_env=False).json()["models"] == []
        assert shop.post(shop.body()).status_code == 404
        other = shop.buyer("late")
        with pytest.raises(NotFound):
            other.buyer.predict(shop.model.id, shop.rows())
    finally:
        serving.switch(shop.builder.node, shop.model.id, on=True)

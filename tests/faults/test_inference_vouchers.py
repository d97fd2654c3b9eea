"""Vouchers that do not pay: forged, replayed, stale, foreign, uncovered; grants that no longer stand; crashes."""

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import node_tables
import pytest
from inference_world import NEVER, PRICE, Hand, Shop, open_channel
from node_world import Party, World, require_sound, run_job

from freehold.chain import deployments
from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.core.ids import hash_bytes
from freehold.core.signing import Domain, parse_envelope, receive_digest
from freehold.features.earnings import earning
from freehold.features.gateway import serving
from freehold.features.grants import granting
from freehold.features.grants.granting import obtain
from freehold.features.payments import kept, settling
from freehold.features.payments.rules.payment import Voucher, to_header
from freehold.features.payments.settling import accepted_voucher
from freehold.features.payments.spending import channel_id
from freehold.kernel import own
from freehold.kernel.http.bodies import SMALL_BODY_BYTES


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def payer(shop: Shop) -> Party:
    return shop.buyer()


@pytest.fixture(scope="module")
def other(shop: Shop) -> Party:
    return shop.buyer("other")


@pytest.fixture
def hand(shop: Shop, payer: Party) -> Hand:
    """A fresh grant and channel of the payer."""
    return Hand.open(shop, payer)


def refused(shop: Shop, header: str, body: bytes | None = None) -> tuple[int, str]:
    """Status and code of a refusal, after checking that nothing was charged or logged."""
    node = shop.builder.node
    before = _ledger(shop)
    response = shop.post(shop.body() if body is None else body, header)
    assert response.status_code >= 400, response.text
    assert _ledger(shop) == before
    problem = response.json()
    if response.status_code == 402:
        assert problem["fields"]["price_units"] == PRICE
        assert problem["fields"]["channels"] == node.contract("Channels")
    return response.status_code, problem["code"]


def _ledger(shop: Shop) -> tuple:
    node = shop.builder.node
    with node.store.reading() as connection:
        uses = connection.execute("SELECT sum(uses), sum(spent_units) FROM uses").fetchone()
    with node.store.log() as log:
        return uses, log.size(), node.store.rows("SELECT * FROM vouchers ORDER BY channel")


def test_unpaid_is_told_what_to_pay(shop: Shop) -> None:
    response = shop.post(shop.body())
    problem = response.json()
    assert (response.status_code, problem["code"]) == (402, "payment.missing")
    assert response.headers["content-type"] == "application/problem+json"
    quote = problem["fields"]
    assert (quote["price_units"], quote["model"]) == (PRICE, shop.model.id)
    assert quote["pool"] == "0x" + shop.pool.hex()
    assert {item["kind"] for item in quote["how"]} == {"voucher", "transfer"}


def test_a_retry_gets_the_same_bytes_and_is_charged_once(shop: Shop, hand: Hand) -> None:
    first = shop.post(shop.body(2), hand.voucher(PRICE))
    assert first.status_code == 200
    before = _ledger(shop)
    for _ in range(3):
        assert shop.post(shop.body(2), hand.voucher(PRICE)).content == first.content
    assert _ledger(shop) == before
    assert shop.builder.node.store.uses(hand.grant) == (1, PRICE)


def test_a_voucher_pays_for_one_question_only(shop: Shop, hand: Hand) -> None:
    assert shop.post(shop.body(1, 1), hand.voucher(PRICE)).status_code == 200
    assert refused(shop, hand.voucher(PRICE), shop.body(1, 2)) == (409, "payment.reused")
    place = hand.ask("/peer/calls", model=shop.model.id, rows=1)["accepted"]
    assert (place["cumulative_units"], place["signature"][2:]) == (PRICE, _signature(hand.voucher(PRICE)))


def test_a_settled_voucher_which_all_can_read_on_chain_tells_nobody_what_its_payer_asks(
    shop: Shop, hand: Hand, other: Party
) -> None:
    stranger = Hand(shop, other, hand.grant, hand.channel)
    paid = shop.post(shop.body(1, 1), hand.voucher(PRICE))
    settling.settle(shop.builder.node)
    newest = shop.post(shop.body(1, 2), hand.voucher(2 * PRICE))
    said = [shop.post(shop.body(1, start), hand.voucher(PRICE)) for start in (1, 2, 3)]
    assert {one.status_code for one in said} == {402}
    assert len({one.content for one in said}) == 1, "right or wrong, a guess is answered alike"
    assert not {"accepted", "expected_cumulative_units"} & set(said[0].json()["fields"])
    assert str(3 * PRICE) not in said[0].json()["title"]
    # its payer, who signs what it asks now, is told where the channel stands, and given what it bought
    bought = {"channel": "0x" + hand.channel.hex(), "cumulative_units": PRICE}
    bought["request"] = parse_envelope(paid.json()["receipt"]).document.evidence["request"]
    assert hand.ask("/peer/calls", model=shop.model.id, rows=1)["accepted"]["cumulative_units"] == 2 * PRICE
    assert hand.ask("/peer/answers", **bought) == paid.json()
    assert stranger.ask("/peer/calls", model=shop.model.id, rows=1)["accepted"]["cumulative_units"] == 0
    for one, asked in ((stranger, bought), (hand, {**bought, "cumulative_units": 2 * PRICE})):
        with pytest.raises(NotFound):
            one.ask("/peer/answers", **asked)
    # nor is a large question read for it
    large = shop.body(1_000, 5).replace(b" ", b"").ljust(SMALL_BODY_BYTES + 1)
    assert shop.post(large, hand.voucher(PRICE)).json()["code"] == "payment.stale"
    assert shop.post(shop.body(1, 2), hand.voucher(2 * PRICE)).content == newest.content


def test_only_the_next_sum_is_taken(shop: Shop, hand: Hand) -> None:
    for i in range(2):
        assert shop.post(shop.body(1, i), hand.voucher((i + 1) * PRICE)).status_code == 200
    for cumulative in (1, PRICE - 1, 2 * PRICE + 1, 3 * PRICE - 1, 3 * PRICE + 1, 4 * PRICE):
        assert refused(shop, hand.voucher(cumulative), shop.body(1, 9)) == (402, "payment.stale"), cumulative
    assert shop.post(shop.body(1, 9), hand.voucher(3 * PRICE)).status_code == 200


def test_forged_vouchers(shop: Shop, hand: Hand, other: Party) -> None:
    node = hand.party.node
    right = Domain("Freehold Channels", node.chain_id, node.contract("Channels"))
    forgeries = {
        "another key": hand.voucher(PRICE, key=other.node.keys.account_key),
        "another sum": hand.voucher(PRICE, signed=PRICE - 1),
        "another chain": hand.voucher(PRICE, domain=Domain(right.name, 1, right.contract)),
        "another contract": hand.voucher(
            PRICE, domain=Domain(right.name, right.chain_id, node.contract("Revenue"))
        ),
        "another domain": hand.voucher(PRICE, domain=Domain("Freehold", right.chain_id, right.contract)),
        "no signature": hand.voucher(PRICE, signature="0x" + "00" * 65),
        "short": hand.voucher(PRICE, signature="0x01"),
        "long": hand.voucher(PRICE, signature="0x" + "01" * 4096),
    }
    assert {name: refused(shop, header) for name, header in forgeries.items()} == dict.fromkeys(
        forgeries, (402, "payment.refused")
    )
    # the second valid form of a signature is refused, as the contract refuses it
    low = bytes.fromhex(_signature(hand.voucher(PRICE)))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = low[:32] + (order - int.from_bytes(low[32:64])).to_bytes(32, "big") + bytes([55 - low[64]])
    assert refused(shop, hand.voucher(PRICE, signature="0x" + high.hex())) == (402, "payment.refused")


def _signature(header: str) -> str:
    from freehold.features.payments.rules.payment import read_header

    return read_header(header).signature[2:]


def test_channels_that_are_not_this_payers_for_this_pool(shop: Shop, hand: Hand, other: Party) -> None:
    others = Hand.open(shop, other)
    unopened = Hand(shop, hand.party, hand.grant, b"\x07" * 32)
    assert refused(shop, unopened.voucher(PRICE)) == (402, "payment.refused")
    borrowed = Hand(shop, hand.party, hand.grant, others.channel)
    assert refused(shop, borrowed.voucher(PRICE)) == (402, "payment.refused")
    lent = Hand(shop, other, hand.grant, others.channel)
    assert refused(shop, lent.voucher(PRICE)) == (402, "payment.refused")
    node = shop.builder.node
    if not node.store.state("second_pool"):
        node.send("Revenue", "open", b"\x09" * 32, node.token, b"\x01" * 32, 10_000)
    from freehold.core.ids import keyed_id

    elsewhere = open_channel(hand.party, keyed_id(node.account, b"\x09" * 32), 10 * PRICE)
    assert refused(shop, Hand(shop, hand.party, hand.grant, elsewhere).voucher(PRICE)) == (
        402,
        "payment.refused",
    )


def test_an_answer_is_not_given_to_a_stranger_who_names_the_payers_channel(
    shop: Shop, hand: Hand, other: Party
) -> None:
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    stranger = Hand.open(shop, other)
    posing = Hand(shop, stranger.party, stranger.grant, hand.channel)
    assert refused(shop, posing.voucher(PRICE)) == (402, "payment.refused")


def test_a_deposit_is_a_limit(shop: Shop, payer: Party) -> None:
    hand = Hand.open(shop, payer, deposit=2 * PRICE - 1)
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    assert refused(shop, hand.voucher(2 * PRICE), shop.body(1, 1)) == (402, "payment.deposit")


def test_a_closing_channel_counts_from_the_next_call_but_a_paid_answer_stays(shop: Shop, hand: Hand) -> None:
    first = shop.post(shop.body(), hand.voucher(PRICE))
    hand.party.node.send("Channels", "requestClose", hand.channel)
    assert refused(shop, hand.voucher(2 * PRICE), shop.body(1, 1)) == (402, "payment.closing")
    assert shop.post(shop.body(), hand.voucher(PRICE)).content == first.content
    assert {row["channel"] for row in settling.settle(shop.builder.node)["settled"]} >= {
        "0x" + hand.channel.hex()
    }
    assert settling.read_channel(shop.builder.node, "0x" + hand.channel.hex()).settled_units == PRICE


@pytest.mark.parametrize("way", ["by its log", "on chain only"])
def test_a_revoked_grant_counts_from_the_next_call(shop: Shop, hand: Hand, way: str) -> None:
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    node = shop.builder.node
    if way == "by its log":
        granting.revoke(node, hand.grant)
    else:
        node.send("Revocations", "revoke", node.grant(hand.grant).revocation_index)
    assert refused(shop, hand.voucher(2 * PRICE), shop.body(1, 1)) == (403, "grant.revoked")


def test_an_expired_grant_is_refused(shop: Shop, payer: Party) -> None:
    party = payer
    wish = {
        "asset": shop.model.id,
        "nonce": "0x" + "ab" * 32,
        "action": "infer",
        "spend_cap_units": 10 * PRICE,
        "expires_at": int(time.time()) + 3,
    }
    given = party.services.peers.ask(shop.builder.account, "/peer/grants", wish)
    grant = parse_envelope(given["grant"]).document
    hand = Hand(shop, party, grant.id, open_channel(party, shop.pool, 10 * PRICE))
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    time.sleep(max(0.0, wish["expires_at"] - time.time()))
    assert refused(shop, hand.voucher(2 * PRICE), shop.body(1, 1)) == (403, "grant.expired")


def test_uses_and_spend_cap_of_a_grant_are_limits(shop: Shop, payer: Party) -> None:
    few = Hand.open(shop, payer, max_uses=1)
    assert shop.post(shop.body(), few.voucher(PRICE)).status_code == 200
    assert refused(shop, few.voucher(2 * PRICE), shop.body(1, 1)) == (403, "grant.used_up")
    cheap = Hand.open(shop, payer, cap=2 * PRICE - 1)
    assert shop.post(shop.body(), cheap.voucher(PRICE)).status_code == 200
    assert refused(shop, cheap.voucher(2 * PRICE), shop.body(1, 1)) == (403, "grant.spend_cap")


def test_a_grant_that_is_not_here_opens_nothing(shop: Shop, hand: Hand) -> None:
    unknown = hand.voucher(PRICE, grant="0x" + "cd" * 32)
    assert refused(shop, unknown) == (402, "payment.grant_unknown")
    not_a_grant = hand.voucher(PRICE, grant=shop.model.id)
    assert refused(shop, not_a_grant) == (402, "payment.grant_unknown")


def held(party: Party, seller: Party, asset: Asset) -> str:
    """A grant of the seller's for an asset, held by a payer who may use it."""
    party.knows(seller)
    return obtain(party.node, party.services.peers, asset, "infer", spend_cap_units=100 * PRICE).id


def test_a_grant_for_data_does_not_open_the_model(shop: Shop, hand: Hand) -> None:
    data = shop.builder.publish(node_tables.make(24, seed=41))
    grant = held(hand.party, shop.builder, data)
    assert shop.builder.node.grant(grant).holder == hand.party.account
    assert refused(shop, hand.voucher(PRICE, grant=grant)) == (403, "grant.foreign")


def test_a_grant_of_another_node_does_not_open_the_model(shop: Shop, hand: Hand) -> None:
    owner = shop.owners[0]
    (asset,) = (row.document for row in owner.node.store.find("asset", "dataset"))
    grant = held(hand.party, owner, asset)
    # a node keeps grants of others too: those of its runs, and what it was shown
    with shop.builder.node.store.transaction() as tx:
        tx.put(owner.node.store.get(grant), logged=False)
    assert refused(shop, hand.voucher(PRICE, grant=grant)) == (403, "grant.foreign")


def test_a_grant_for_another_model_at_the_same_price_does_not_buy_this_one(shop: Shop, hand: Hand) -> None:
    job, _ = run_job(shop.builder, shop.owners, rounds=2, name="second")
    second = shop.builder.node.asset(job["model"])
    assert second.terms.price_units == PRICE
    serving.switch(shop.builder.node, second.id, on=True)
    grant = held(hand.party, shop.builder, second)
    assert refused(shop, hand.voucher(PRICE, grant=grant)) == (403, "grant.foreign")


class Meeting:
    """Holds threads between a reading and the writing that follows from it, until so many are there.

    Where a lock keeps the others out nobody comes, and who waits goes on after a moment.
    """

    def __init__(self, threads: int, seconds: float = 2.0) -> None:
        self._barrier, self._seconds = threading.Barrier(threads), seconds
        self._here = threading.local()

    def after(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """`read`, and then the meeting, the first time a thread comes."""

        def reading(*args: Any) -> Any:
            found = read(*args)
            if not getattr(self._here, "was", False):
                self._here.was = True
                with contextlib.suppress(threading.BrokenBarrierError):
                    self._barrier.wait(self._seconds)
            return found

        return reading


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gives, all of them in threads of their own."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("same_grant", [True, False])
def test_one_sum_promised_to_many_at_once_buys_one_answer(shop: Shop, payer: Party, same_grant: bool) -> None:
    hand = Hand.open(shop, payer)
    more = Hand.open(shop, hand.party, cap=50 * PRICE).grant
    got: Counter[int] = Counter()
    barrier = threading.Barrier(12)

    def ask(i: int) -> None:
        grant = hand.grant if same_grant or i % 2 else more
        header = Hand(shop, hand.party, grant, hand.channel).voucher(PRICE)
        barrier.wait()
        got[shop.post(shop.body(1, i), header).status_code] += 1

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {200: 1, 409: 11}
    uses = [shop.builder.node.store.uses(grant)[0] for grant in (hand.grant, more)]
    assert sum(uses) == 1


def test_one_question_sent_many_times_at_once_is_answered_once(shop: Shop, hand: Hand) -> None:
    header, body = hand.voucher(PRICE), shop.body(2)
    answers = at_once(*[partial(shop.post, body, header)] * 8)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert shop.builder.node.store.uses(hand.grant) == (1, PRICE)
    require_sound(shop.builder.node)


def test_two_vouchers_of_one_channel_between_reading_and_keeping_are_one_answer(
    shop: Shop, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two grants, so that only the channel's own lock keeps one out while the other decides."""
    more = Hand(shop, hand.party, Hand.open(shop, hand.party).grant, hand.channel)
    monkeypatch.setattr(serving, "accepted_voucher", Meeting(2).after(serving.accepted_voucher))
    answers = at_once(
        lambda: shop.post(shop.body(1, 1), hand.voucher(PRICE)),
        lambda: shop.post(shop.body(1, 2), more.voucher(PRICE)),
    )
    second, first = sorted(answers, key=lambda answer: -answer.status_code)
    assert first.status_code == 200
    # without the lock the store alone would stop it
    assert (second.status_code, second.json()["code"]) == (409, "payment.reused")


def test_two_channels_cannot_stretch_one_grant(
    shop: Shop, payer: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have counted the uses so far before either counts its own."""
    hand = Hand.open(shop, payer, max_uses=1)
    second = Hand(shop, hand.party, hand.grant, open_channel(hand.party, shop.pool, 10 * PRICE))
    store = shop.builder.node.store
    monkeypatch.setattr(store, "uses", Meeting(2).after(store.uses))
    answers = at_once(
        *(partial(shop.post, shop.body(1, i), one.voucher(PRICE)) for i, one in enumerate((hand, second)))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    monkeypatch.undo()
    assert store.uses(hand.grant) == (1, PRICE)
    require_sound(shop.builder.node)


def test_a_voucher_that_arrives_while_the_one_before_is_settled_is_not_lost(
    shop: Shop, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = shop.builder.node
    settling.settle(node)
    assert shop.post(shop.body(1, 1), hand.voucher(PRICE)).status_code == 200
    arrived = []

    send = settling.keeper.send

    def sending(*args: Any) -> int:
        gas = send(*args)
        if not arrived:
            # mined, and not yet noted here
            arrived.append(shop.post(shop.body(1, 2), hand.voucher(2 * PRICE)))
        return gas

    monkeypatch.setattr(settling.keeper, "send", sending)
    channel = "0x" + hand.channel.hex()
    assert settling.settle(node)["units"] == PRICE
    assert arrived[0].status_code == 200
    assert settling.read_channel(node, channel).settled_units == PRICE
    assert settling.settle(node)["units"] == PRICE
    assert settling.read_channel(node, channel).settled_units == 2 * PRICE


def test_a_channel_that_ended_is_reported_once_and_not_tried_for_ever(shop: Shop, hand: Hand) -> None:
    node, channel = shop.builder.node, "0x" + hand.channel.hex()
    settling.settle(node)
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    hand.party.node.send("Channels", "requestClose", hand.channel)
    shop.world.chain.rpc.call("evm_increaseTime", hex(86_401))
    hand.party.node.send("Channels", "withdraw", hand.channel)
    first = settling.settle(node)
    assert [(row["channel"], row["code"]) for row in first["failed"]] == [(channel, "channel.ended")]
    assert settling.settle(node)["failed"] == []
    # receipts say that it was promised, so its seller has to find it where its money is
    (lost,) = [row for row in kept.lost(node) if row["channel"] == channel]
    assert (lost["model"], lost["units"]) == (shop.model.id, PRICE)
    assert channel not in [row["channel"] for row in settling.waiting(node)]
    assert earning.overview(node)["lost_units"] >= PRICE
    assert own.status(shop.builder.services)["lost_units"] >= PRICE


def test_malformed_questions_and_headers(shop: Shop, hand: Hand) -> None:
    model, good = shop.model.id, shop.rows()
    voucher = hand.voucher(PRICE)
    rows = ",".join(["1"] * shop.width)

    def raw(row: str) -> bytes:
        return f'{{"model": "{model}", "rows": [[{row}]]}}'.encode()

    bodies = [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{}",
        json.dumps({"model": model, "rows": []}).encode(),
        json.dumps({"model": model, "rows": good * 1_001}).encode(),
        json.dumps({"model": model, "rows": good, "more": 1}).encode(),
        json.dumps({"model": 7, "rows": good}).encode(),
        json.dumps({"model": model, "rows": [good[0] + ["1"]]}).encode(),
        json.dumps({"model": model, "rows": [good[0][:-1]]}).encode(),
        json.dumps({"model": model, "rows": [dict.fromkeys(good[0])]}).encode(),
        f'{{"model": "{model}", "model": "{model}", "rows": [[{rows}]]}}'.encode(),
        *(
            raw(rows[:-1] + cell)
            for cell in (
                "NaN", "Infinity", "-Infinity", "1e999", "1e40", "9" * 60, "9" * 70, "null", "true", "[1]",
                '"nan"', '"inf"', '"0x10"', '"1_0"', '" 1"', '""', '"1,5"', '"\\u0661"',
            )
        ),
        b'{"model": "' + model.encode() + b'", "rows": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ]  # fmt: skip
    for body in bodies:
        assert refused(shop, voucher, body) == (422, "inference.request"), body[:120]
    assert refused(shop, voucher, b" " * (8 * 1024 * 1024 + 1)) == (422, "inference.request")
    unknown = json.dumps({"model": "0x" + "00" * 32, "rows": good}).encode()
    assert refused(shop, voucher, unknown) == (404, "not_found")
    for header in ("x", "e30", "bnVsbA", voucher[:-3], voucher + "!", "A" * 13_000, voucher[::-1]):
        assert refused(shop, header) == (422, "payment.malformed"), header
    assert shop.post(shop.body(), voucher).status_code == 200


def test_a_crash_before_the_commit_leaves_nothing_and_the_retry_is_answered(
    shop: Shop, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as cut:
        # the last thing written in the transaction
        cut.setattr(serving, "keep_voucher", power_cut)
        assert refused(shop, hand.voucher(PRICE)) == (500, "internal.fault")
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    assert shop.builder.node.store.uses(hand.grant) == (1, PRICE)
    require_sound(shop.builder.node)


def test_a_gateway_that_forgot_its_vouchers_asks_for_nothing_twice(shop: Shop, hand: Hand) -> None:
    for i in range(2):
        shop.post(shop.body(1, i), hand.voucher((i + 1) * PRICE))
    node, channel = shop.builder.node, "0x" + hand.channel.hex()
    settling.settle(node)
    with node.store.transaction() as tx:
        tx.connection.execute("DELETE FROM vouchers WHERE channel = ?", (channel,))
    assert refused(shop, hand.voucher(5 * PRICE), shop.body(1, 5)) == (402, "payment.stale")
    assert shop.post(shop.body(1, 5), hand.voucher(3 * PRICE)).status_code == 200


def resign(node: Any, channel: str, signature: str) -> None:
    with node.store.transaction() as tx:
        tx.connection.execute("UPDATE vouchers SET signature = ? WHERE channel = ?", (signature, channel))


def test_settling_survives_a_channel_that_cannot_be_settled(shop: Shop, hand: Hand, payer: Party) -> None:
    node = shop.builder.node
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    broken = Hand.open(shop, payer)
    assert shop.post(shop.body(), broken.voucher(PRICE)).status_code == 200
    name = "0x" + broken.channel.hex()
    signature = str(accepted_voucher(node, name)["signature"])
    resign(node, name, "0x" + "00" * 65)
    before = shop.pool_units()[0]
    done = settling.settle(node)
    assert [row["channel"] for row in done["failed"]] == ["0x" + broken.channel.hex()]
    assert shop.pool_units()[0] == before + done["units"] >= before + PRICE
    resign(node, name, signature)
    # anybody may settle; the gateway then has nothing left to do and says so
    hand.party.node.send("Channels", "settle", broken.channel, PRICE, bytes.fromhex(signature[2:]))
    assert settling.settle(node) == {"settled": [], "failed": [], "units": 0, "gas": 0}


def test_a_contract_can_be_the_payer_where_the_seller_takes_contracts(
    shop: Shop, payer: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ERC-1271 account whose key-holder signs for it: grant, channel and vouchers in its name."""
    from contract_account import init_code

    party, node = payer, shop.builder.node
    monkeypatch.setattr(node, "settings", node.settings.with_overrides(contract_payers=True))
    code = init_code(party.account)
    party.node.chain.settled(
        party.node.chain.submit_data(party.node.keys.account_key, deployments.PROXY, bytes(32) + code)
    )
    from eth_hash.auto import keccak

    account = (
        "0x" + keccak(b"\xff" + bytes.fromhex(deployments.PROXY[2:]) + bytes(32) + keccak(code))[12:].hex()
    )
    node.send("TestDollar", "mint", account, 10 * PRICE)
    wish = {
        "asset": shop.model.id,
        "nonce": "0x" + "ef" * 32,
        "action": "infer",
        "spend_cap_units": 10 * PRICE,
    }
    grant = parse_envelope(granting.issue(node, account, wish)["grant"]).document
    salt = b"\x05" * 32
    channel = channel_id(account, shop.pool, salt)
    digest = receive_digest(
        node.token_domain, account, node.contract("Channels"), 5 * PRICE, (0, NEVER), channel
    )
    from freehold.core.signing import sign_digest

    signature = sign_digest(party.node.keys.account_key, digest)
    node.send("Channels", "openWithAuthorization", account, shop.pool, 5 * PRICE, salt, 0, NEVER, signature)
    hand = Hand(shop, party, grant.id, channel)
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    assert refused(shop, hand.voucher(2 * PRICE, key=node.keys.account_key), shop.body(1, 1)) == (
        402,
        "payment.refused",
    )
    assert settling.settle(node)["failed"] == []
    assert node.chain.read("Channels", "channelOf", channel)[3] == PRICE


def test_a_voucher_round_trips_through_its_header(hand: Hand) -> None:
    from freehold.features.payments.rules.payment import read_header

    header = hand.voucher(PRICE)
    voucher = read_header(header)
    assert isinstance(voucher, Voucher)
    assert to_header(voucher) == header
    assert hash_bytes(voucher.channel) == hand.channel

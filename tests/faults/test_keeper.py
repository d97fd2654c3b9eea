"""What a node sends by itself, while others try to make it pay: capped, counted, worth it, and one channel at a time."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from chain_proxy import ChainProxy
from hostile_signer import Hostile
from inference_world import PRICE, Hand, Shop
from node_world import Party, World

from freehold.chain.client import Chain
from freehold.chain.errors import TransactionPending
from freehold.chain.networks import Network
from freehold.chain.rpc import Rpc
from freehold.core.errors import FreeholdError
from freehold.core.times import DAY_SECONDS
from freehold.features.gateway import serving
from freehold.features.gateway.rationing import Ration
from freehold.features.payments import feature as upkeep
from freehold.features.payments import kept, settling, wire
from freehold.features.payments.rules.payment import read_header, signature_bytes, to_header
from freehold.features.payments.settling import ACT, settle
from freehold.kernel import logbook, own
from freehold.kernel.keeping import keeper, purse, subjects
from freehold.kernel.keeping.purse import GasDaySpent
from freehold.kernel.node import Node

CAP = purse.most_gas(ACT)


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def payer(shop: Shop) -> Party:
    return shop.buyer()


class Clock:
    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock(shop: Shop) -> Clock:
    return Clock()


@pytest.fixture
def node(shop: Shop, clock: Clock) -> Iterator[Node]:
    """The seller, which takes contract payers, with nothing to settle and nothing spent."""
    node = shop.builder.node
    settings = node.settings
    node.settings = settings.with_overrides(contract_payers=True)
    settle(node)
    _forget_all(node)
    node._clock = clock
    yield node
    node.settings, node._clock = settings, time.time
    _forget_all(node)


def _forget_all(node: Node) -> None:
    with node.store.transaction() as tx:
        tx.delete(purse.STATE)
        for name in node.store.states(subjects.PREFIX):
            tx.delete(name)
        tx.connection.execute("UPDATE vouchers SET settled = ?", (True,))


def nonce(node: Node) -> int:
    return int(node.chain.rpc.call("eth_getTransactionCount", node.account, "latest"), 16)


def honest(shop: Shop, payer: Party, calls: int = 1) -> Hand:
    hand = Hand.open(shop, payer)
    for i in range(calls):
        assert shop.post(shop.body(1, i), hand.voucher((i + 1) * PRICE)).status_code == 200
    return hand


def hostile(shop: Shop, payer: Party, **how: Any) -> Hostile:
    """A hostile channel with a paid call, switched over."""
    made = Hostile.open(shop, payer, **how)
    assert shop.post(shop.body(), made.hand.voucher(PRICE)).status_code == 200
    made.switch()
    return made


def settled_units(node: Node, hand: Hand) -> int:
    return int(node.chain.read("Channels", "channelOf", hand.channel)[3])


def test_a_signer_that_burns_gas_in_a_block_does_so_once_and_delays_nobody(
    shop: Shop, payer: Party, node: Node, clock: Clock
) -> None:
    bad, good, later = hostile(shop, payer), honest(shop, payer), Hand.open(shop, payer)
    before = nonce(node)
    done = settle(node, by_itself=True)
    assert [row["channel"] for row in done["failed"]] == [bad.channel]
    assert settled_units(node, good) == PRICE
    spent = purse.day(node).used
    assert 0 < spent - done["gas"] <= CAP
    assert shop.post(shop.body(), later.voucher(PRICE)).status_code == 200
    for _ in range(30):
        clock.ahead += 7_200
        settle(node, by_itself=True)
        assert settled_units(node, later) == PRICE
    assert nonce(node) == before + 3, "an honest settlement twice, and one that failed"
    row = next(row for row in settling.waiting(node) if row["channel"] == bad.channel)
    assert row["state"] == "quarantined"
    assert own.status(shop.builder.services)["quarantined"] == [f"{ACT}:{bad.channel}"]
    # also for all by hand it stays where it is, until it is named
    assert [row["code"] for row in settling.settle(node)["failed"]] == ["gas.quarantined"]
    assert nonce(node) == before + 3
    with pytest.raises(FreeholdError):
        settling.retry(node, bad.channel)
    assert nonce(node) == before + 4
    assert subjects.known(node, ACT, bad.channel).state == "quarantined"


def test_a_signer_that_takes_millions_in_the_trial_is_not_sent_and_backs_off(
    shop: Shop, payer: Party, node: Node, clock: Clock
) -> None:
    bad = hostile(shop, payer, greedy=True)
    before, pauses = nonce(node), []
    for _ in range(9):
        settle(node, by_itself=True)
        known = subjects.known(node, ACT, bad.channel)
        assert known.state == "refused"
        pauses.append(known.next_at - node.now())
        # not before its time
        settle(node, by_itself=True)
        assert subjects.known(node, ACT, bad.channel).failures == known.failures
        clock.ahead += pauses[-1] + 1
    assert nonce(node) == before
    assert pauses[:4] == pytest.approx([60, 120, 240, 480], abs=2)
    assert max(pauses) <= subjects.LONGEST_PAUSE_SECONDS
    assert purse.day(node).used == 0


def test_a_trial_runs_with_no_more_gas_than_the_cap(shop: Shop, payer: Party, node: Node) -> None:
    hostile(shop, payer, greedy=True)
    with ChainProxy(shop.world.rpc_url) as proxy, Rpc(proxy.url) as rpc:
        direct, node.chain = node.chain, Chain(rpc)
        try:
            settle(node, by_itself=True)
        finally:
            node.chain = direct
    asked = [one["params"][0] for one in proxy.seen if one["method"] == "eth_estimateGas"]
    assert [int(one["gas"], 16) for one in asked] == [CAP]


def test_the_days_gas_is_a_ceiling_and_a_part_of_it_is_kept_for_deadlines(
    shop: Shop, payer: Party, node: Node, clock: Clock
) -> None:
    node.settings = node.settings.with_overrides(gas_per_day=600_000)
    hands, more = [honest(shop, payer) for _ in range(8)], Hand.open(shop, payer)
    closing = hands[0]
    before = nonce(node)
    done = settle(node, by_itself=True)
    assert done["failed"][-1]["code"] == GasDaySpent.code
    first = nonce(node) - before
    assert 0 < first < 8
    day = purse.day(node)
    assert day.used == done["gas"] <= 450_000
    assert day.spent
    with pytest.raises(GasDaySpent):
        upkeep._settle(node)
    assert nonce(node) == before + first
    assert own.status(shop.builder.services)["gas"]["spent"]
    # somebody takes its money back in a day: that is what the rest is kept for
    left = [hand for hand in hands if settled_units(node, hand) == 0]
    closing = left[-1]
    closing.party.node.send("Channels", "requestClose", closing.channel)
    settle(node, by_itself=True)
    assert settled_units(node, closing) == PRICE
    assert nonce(node) == before + first + 1
    assert purse.day(node).used <= 600_000
    # what the owner orders is counted and not stopped
    assert settling.settle(node)["failed"] == []
    assert purse.day(node).by_hand > 0
    # a clock set back gives nothing back; a day later there is room again
    used = purse.day(node).used
    clock.ahead = -200_000
    assert purse.day(node).used == used
    assert purse.day(node).spent
    clock.ahead = 2 * DAY_SECONDS
    assert shop.post(shop.body(), more.voucher(PRICE)).status_code == 200
    settle(node, by_itself=True)
    assert settled_units(node, more) == PRICE


def test_gas_is_counted_before_it_is_sent_and_stays_counted_if_nobody_saw_what_came_of_it(
    shop: Shop, payer: Party, node: Node
) -> None:
    honest(shop, payer)
    counted: list[int] = []

    def rule(request: dict[str, Any]) -> Any:
        if request["method"] == "eth_sendRawTransaction":
            counted.append(purse.day(node).used)
        return None

    with ChainProxy(shop.world.rpc_url) as proxy, Rpc(proxy.url) as rpc:
        proxy.rule = rule
        direct, node.chain = node.chain, Chain(rpc)
        try:
            done = settle(node, by_itself=True)
        finally:
            node.chain = direct
    assert done["gas"] <= counted[0] <= CAP
    assert purse.day(node).used == done["gas"]
    held = purse.reserve(node, ACT, 100_000, pressing=False, by_hand=False)
    # the process dies here
    assert purse.day(node).used == done["gas"] + 100_000
    purse.spend(node, held, 0)
    assert purse.day(node).used == done["gas"]


def test_two_that_want_the_last_of_the_day_do_not_both_get_it(node: Node) -> None:
    node.settings = node.settings.with_overrides(gas_per_day=400_000)
    barrier, got = threading.Barrier(8), []

    def take() -> None:
        barrier.wait()
        try:
            got.append(purse.reserve(node, ACT, 100_000, pressing=True, by_hand=False))
        except GasDaySpent:
            got.append(None)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(one is not None for one in got) == 4
    assert purse.day(node).used == 400_000


def rate(node: Node, times: float) -> int:
    """`micro_per_eth` at which one call pays a settlement so many times."""
    return int(PRICE / times * 10**18 // (purse.USUAL_GAS[ACT] * node.chain.fee_wei()))


def owe(node: Node, shop: Shop, hand: Hand, units: int) -> None:
    """A voucher that was accepted, of as much as many calls cost."""
    with node.store.transaction() as tx:
        kept.keep_voucher(tx, read_header(hand.voucher(units)), shop.model.id)


def close(hand: Hand) -> None:
    hand.party.node.send("Channels", "requestClose", hand.channel)


def test_the_last_of_the_day_goes_to_the_largest_debt_that_closes(
    shop: Shop, payer: Party, node: Node
) -> None:
    small = [honest(shop, payer) for _ in range(2)]
    large = honest(shop, payer, calls=3)
    for hand in (*small, large):
        close(hand)
        time.sleep(1)
    node.settings = node.settings.with_overrides(gas_per_day=200_000)
    settle(node, by_itself=True)
    assert [settled_units(node, hand) for hand in (*small, large)] == [0, 0, 3 * PRICE]


def test_small_closing_channels_do_not_use_up_what_a_large_debt_needs(
    shop: Shop, payer: Party, node: Node
) -> None:
    node.settings = node.settings.with_overrides(gas_per_day=240_000, micro_per_eth=rate(node, 1.5))
    small = [honest(shop, payer) for _ in range(3)]
    for hand in small:
        close(hand)
    settle(node, by_itself=True)
    assert GasDaySpent.code in [row["code"] for row in settle(node, by_itself=True)["failed"]]
    large = Hand.open(shop, payer, deposit=60 * PRICE)
    owe(node, shop, large, 60 * PRICE)
    # whose own code says in a block whether it pays stays below the one ceiling
    bad = Hostile.open(shop, payer, deposit=60 * PRICE)
    owe(node, shop, bad.hand, 60 * PRICE)
    before = nonce(node)
    done = settle(node, by_itself=True)
    assert settled_units(node, large) == 60 * PRICE
    assert nonce(node) == before + 1
    assert {row["channel"]: row["code"] for row in done["failed"]}[bad.channel] == GasDaySpent.code


def test_a_ceiling_more_for_every_so_many_times_its_cost_but_not_without_end() -> None:
    assert [purse.ceilings(10, worth) for worth in (0, 399, 400, 1_000, 10**9)] == [1, 1, 2, 5, 10]
    assert purse.ceilings(0, 10**9) == 1, "where no rate is known, nothing is worth many times its gas"


def test_an_endpoint_that_errs_is_not_held_against_a_channel(
    shop: Shop, payer: Party, node: Node, clock: Clock
) -> None:
    hand = honest(shop, payer)
    with ChainProxy(shop.world.rpc_url) as proxy, Rpc(proxy.url) as rpc:
        proxy.rule = lambda request: (
            {"error": {"code": -32000, "message": "header not found"}}
            if request["method"] == "eth_estimateGas"
            else None
        )
        direct, node.chain = node.chain, Chain(rpc)
        try:
            for _ in range(3):
                settle(node, by_itself=True)
                clock.ahead += 61
        finally:
            node.chain = direct
    known = subjects.known(node, ACT, "0x" + hand.channel.hex())
    assert (known.failures, known.code) == (0, "chain.rpc")
    settle(node, by_itself=True)
    assert settled_units(node, hand) == PRICE


def test_a_closing_channel_that_was_refused_before_is_reached_on_a_full_day(
    shop: Shop, payer: Party, node: Node, clock: Clock
) -> None:
    node.settings = node.settings.with_overrides(gas_per_day=440_000)
    victim, others = honest(shop, payer), [honest(shop, payer, calls=2) for _ in range(4)]
    subjects.note_refused(node, ACT, "0x" + victim.channel.hex(), FreeholdError("refused once"))
    settle(node, by_itself=True)
    left = [hand for hand in others if not settled_units(node, hand)]
    assert left, "the day is spent"
    close(victim)
    clock.ahead += 61
    settle(node, by_itself=True)
    assert settled_units(node, victim) == PRICE
    assert not [hand for hand in left if settled_units(node, hand)]


@pytest.mark.parametrize("times", [0.9, 1.05, 1.9])
def test_a_closing_channel_is_settled_where_it_brings_just_more_than_it_costs(
    shop: Shop, payer: Party, node: Node, times: float
) -> None:
    hand = honest(shop, payer)
    close(hand)
    node.settings = node.settings.with_overrides(micro_per_eth=rate(node, times))
    settle(node, by_itself=True)
    assert settled_units(node, hand) == (PRICE if times > 1 else 0)


def settle_unseen(shop: Shop, node: Node, before_send: Callable[[], object] = lambda: None) -> list[Any]:
    """A pass in which nobody hears of a receipt; the record of each channel when one was first asked for."""
    records: list[Any] = []

    def rule(request: dict[str, Any]) -> Any:
        if request["method"] == "eth_sendRawTransaction":
            before_send()
        if request["method"] == "eth_getTransactionReceipt":
            records.append(subjects.every(node, ACT))
            return {"result": None}
        return None

    class Hasty(Network):
        wait_seconds = 0.3

    hasty = Hasty(*(getattr(node.chain.network, one.name) for one in fields(Network)))
    with ChainProxy(shop.world.rpc_url) as proxy, Rpc(proxy.url) as rpc:
        proxy.rule = rule
        direct, node.chain = node.chain, Chain(rpc, profile=hasty)
        try:
            done = settle(node, by_itself=True)
        finally:
            node.chain = direct
    assert {row["code"] for row in done["failed"]} == {TransactionPending.code}
    return records


def test_a_failure_that_is_heard_of_late_is_the_last_too(shop: Shop, payer: Party, node: Node) -> None:
    bad, good = hostile(shop, payer), honest(shop, payer)
    before = nonce(node)
    records = settle_unseen(shop, node)
    # also a process that is killed while it waits leaves word of what it sent
    assert next(iter(records[0].values())).tx_hash
    assert nonce(node) == before + 2
    held = purse.day(node).used
    done = settle(node, by_itself=True)
    assert [row["channel"] for row in done["failed"]] == [bad.channel]
    assert subjects.known(node, ACT, bad.channel).state == "quarantined"
    assert settled_units(node, good) == PRICE
    assert subjects.every(node, ACT).keys() == {bad.channel}
    assert nonce(node) == before + 2, "no other was sent"
    assert purse.day(node).used < held, "what was held is corrected to what it took"
    used = purse.day(node).used
    settle(node, by_itself=True)
    assert purse.day(node).used == used


def test_what_was_settled_by_others_meanwhile_is_no_failure_though_it_is_heard_of_late(
    shop: Shop, payer: Party, node: Node
) -> None:
    hand = honest(shop, payer)
    voucher = read_header(hand.voucher(PRICE))
    settle_unseen(
        shop,
        node,
        lambda: payer.node.send(
            "Channels", "settle", hand.channel, PRICE, signature_bytes(voucher.signature)
        ),
    )
    assert shop.post(shop.body(1, 1), hand.voucher(2 * PRICE)).status_code == 200
    assert settle(node, by_itself=True)["failed"] == []
    assert settled_units(node, hand) == 2 * PRICE


def test_dust_waits_until_it_is_worth_its_gas_or_has_a_deadline(
    shop: Shop, payer: Party, node: Node, clock: Clock
) -> None:
    fee = node.chain.fee_wei()
    # a settlement costs a little more than half of one call here
    node.settings = node.settings.with_overrides(micro_per_eth=PRICE * 11 // 20 * 10**18 // (79_000 * fee))
    dust, before = honest(shop, payer), nonce(node)
    settle(node, by_itself=True)
    assert subjects.known(node, ACT, "0x" + dust.channel.hex()).state == "waiting"
    assert nonce(node) == before
    closing = honest(shop, payer)
    closing.party.node.send("Channels", "requestClose", closing.channel)
    settle(node, by_itself=True)
    assert (settled_units(node, dust), settled_units(node, closing)) == (0, PRICE)
    # after a day of waiting a lower margin is enough
    clock.ahead = purse.PATIENCE_SECONDS + 1
    settle(node, by_itself=True)
    assert settled_units(node, dust) == 0, "fees of more than half are too much for it"
    node.settings = node.settings.with_overrides(micro_per_eth=PRICE // 4 * 10**18 // (79_000 * fee))
    clock.ahead += subjects.LOOK_AGAIN_SECONDS + 1
    settle(node, by_itself=True)
    assert settled_units(node, dust) == PRICE


def test_many_calls_make_a_waiting_channel_due_at_once(shop: Shop, payer: Party, node: Node) -> None:
    fee = node.chain.fee_wei()
    node.settings = node.settings.with_overrides(micro_per_eth=PRICE // 10 * 10**18 // (79_000 * fee))
    hand = honest(shop, payer)
    settle(node, by_itself=True)
    assert settled_units(node, hand) == 0
    for i in range(1, 4):
        assert shop.post(shop.body(1, i), hand.voucher((i + 1) * PRICE)).status_code == 200
    settle(node, by_itself=True)
    assert settled_units(node, hand) == 4 * PRICE


@pytest.mark.parametrize("way", ["voucher", "transfer"])
def test_accounts_with_code_are_refused_unless_the_seller_takes_them(
    shop: Shop, payer: Party, node: Node, way: str
) -> None:
    bad = Hostile.open(shop, payer)
    node.settings = node.settings.with_overrides(contract_payers=False)
    if way == "voucher":
        header = bad.hand.voucher(PRICE)
    else:
        payer.node.send("TestDollar", "mint", bad.account, PRICE)
        header = to_header(shop.deposit(payer, payer=bad.account))
    answer = shop.post(shop.body(), header)
    assert (answer.status_code, answer.json()["code"]) == (402, "payment.contract_payer")
    assert "contract_payers" in answer.json()["hint"]
    node.settings = node.settings.with_overrides(contract_payers=True)
    assert shop.post(shop.body(), header).status_code == 200


def test_a_key_that_delegates_to_code_is_refused_from_its_next_call(
    shop: Shop, payer: Party, node: Node
) -> None:
    from eth_account import Account
    from eth_utils import to_checksum_address

    node.settings = node.settings.with_overrides(contract_payers=False)
    delegating = shop.buyer(f"delegating-{secrets.token_hex(2)}")
    hand = honest(shop, delegating)
    key = delegating.node.keys.account_key
    chain, account = delegating.node.chain, delegating.account
    count = int(chain.rpc.call("eth_getTransactionCount", account, "latest"), 16)
    target = "0x" + "00" * 12 + "f0" * 8
    allowed = Account.sign_authorization({"chainId": 31337, "address": target, "nonce": count + 1}, key)
    raw = Account.sign_transaction(
        {
            "chainId": 31337, "nonce": count, "gas": 100_000, "to": to_checksum_address(account), "value": 0, "data": b"",
            "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "authorizationList": [allowed], "type": 4,
        },
        key,
    ).raw_transaction  # fmt: skip
    assert chain.wait(chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex().removeprefix("0x"))).status
    assert chain.code(account)[:3] == bytes.fromhex("ef0100")
    answer = shop.post(shop.body(1, 7), hand.voucher(2 * PRICE))
    assert answer.json()["code"] == "payment.contract_payer"
    # what its key signed before counts all the same, at its usual cost
    assert settle(node, by_itself=True)["gas"] <= purse.USUAL_GAS[ACT] * 11 // 10
    assert settled_units(node, hand) == PRICE


def test_a_transfer_whose_signer_burns_gas_costs_its_cap_once(shop: Shop, payer: Party, node: Node) -> None:
    bad = Hostile.open(shop, payer)
    payer.node.send("TestDollar", "mint", bad.account, 10 * PRICE)
    bad.switch()
    before = nonce(node)
    for _ in range(4):
        answer = shop.post(shop.body(), to_header(shop.deposit(payer, payer=bad.account)))
        assert answer.status_code == 402
    assert nonce(node) == before + 1
    assert purse.day(node).used <= purse.most_gas("Revenue.depositWithAuthorization")


def test_a_transfer_that_does_not_pay_for_its_gas_is_refused_before_it_is_sent(
    shop: Shop, payer: Party, node: Node
) -> None:
    fee = node.chain.fee_wei()
    node.settings = node.settings.with_overrides(micro_per_eth=PRICE * 10**18 // (79_000 * fee))
    before = nonce(node)
    transfer = to_header(shop.deposit(payer))
    refused = shop.post(shop.body(), transfer)
    assert (refused.status_code, nonce(node)) == (402, before)
    assert not node.store.states("transfer:")
    node.settings = node.settings.with_overrides(micro_per_eth=0)
    assert shop.post(shop.body(), transfer).status_code == 200


def test_a_transfer_waits_for_another_day_when_the_gas_is_spent(shop: Shop, payer: Party, node: Node) -> None:
    node.settings = node.settings.with_overrides(gas_per_day=1)
    transfer, before = to_header(shop.deposit(payer)), nonce(node)
    refused = shop.post(shop.body(), transfer)
    assert (refused.status_code, refused.json()["code"]) == (503, "gas.day_spent")
    node.settings = node.settings.with_overrides(gas_per_day=0)
    assert shop.post(shop.body(), transfer).status_code == 200
    assert nonce(node) == before + 1


def test_a_transfer_that_was_refused_takes_nothing_of_its_buyers_ration(
    shop: Shop, payer: Party, node: Node
) -> None:
    serving.switch(node, shop.model.id, on=True, ration=Ration(calls=1))
    other = shop.buyer("rationed")
    try:
        node.settings = node.settings.with_overrides(gas_per_day=1)
        for _ in range(2):
            assert shop.post(shop.body(), to_header(shop.deposit(other))).status_code == 503
        node.settings = node.settings.with_overrides(gas_per_day=0)
        assert shop.post(shop.body(), to_header(shop.deposit(other))).status_code == 200
        assert shop.post(shop.body(), to_header(shop.deposit(other))).json()["code"] == "answers.ration"
    finally:
        serving.switch(node, shop.model.id, on=True, ration=Ration())


def test_anchors_by_itself_count_and_stop_with_the_day(shop: Shop, node: Node) -> None:
    with node.store.transaction() as tx:
        tx.put(node.claim("audit", "0x" + secrets.token_hex(32), {"owner": node.account}))
    done = logbook.anchor(node, by_itself=True)
    assert purse.day(node).acts == {"LogAnchors.anchor": done["gas"]}
    node.settings = node.settings.with_overrides(gas_per_day=1)
    with node.store.transaction() as tx:
        tx.put(node.claim("audit", "0x" + secrets.token_hex(32), {"owner": node.account}))
    with pytest.raises(GasDaySpent):
        logbook.anchor(node, by_itself=True)
    assert logbook.anchor(node)["gas"] > 0


def test_every_act_that_is_sent_by_itself_has_a_cost_close_to_the_measured_one() -> None:
    import json
    from pathlib import Path

    measured: dict[str, int] = {}
    table = json.loads((Path(__file__).resolve().parents[2] / "bench" / "gas.json").read_text())
    for name, row in table.items():
        act = name.split(",")[0]
        measured[act] = max(measured.get(act, 0), row["gas"])
    for act, usual in purse.USUAL_GAS.items():
        assert measured[act] <= usual <= measured[act] * 1.05, act


def test_a_channel_is_settled_by_name_over_the_control_api(shop: Shop, payer: Party, node: Node) -> None:
    import httpx
    from node_world import TOKEN

    hand = honest(shop, payer)
    with httpx.Client(
        base_url=shop.builder.url, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False
    ) as client:
        listed = client.get("/api/channels").json()
        assert [row["state"] for row in listed["unsettled"]] == ["due"]
        done = client.post(f"/api/channels/0x{hand.channel.hex()}/retry").json()
        assert wire.Retried.model_validate(done).units == PRICE
        assert client.get("/api/channels").json()["unsettled"] == []
        assert client.get("/api/channels").json()["gas"]["by_hand"] == done["gas"]


def test_an_errand_of_an_unknown_cost_is_not_sent(node: Node) -> None:
    before = nonce(node)
    with pytest.raises(KeyError):
        keeper.send(node, keeper.Errand("TestDollar", "mint", (node.account, 1), subject="x"))
    assert nonce(node) == before

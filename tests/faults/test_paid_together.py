"""Paid calls that are kept by one commit, and what has to wait: locks, the chain, a model not yet read."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
from inference_world import PRICE, Hand, Shop
from node_world import Party, World, require_sound

from freehold.chain.endpoint import Endpoint
from freehold.features.gateway import serving
from freehold.features.grants.granting import obtain
from freehold.features.payments.chain_facts import MAX_AGE_SECONDS, ChainFacts
from freehold.kernel.anchored_head import LogForked

CALLERS = 8
MANY = 10_000 * PRICE


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world, owners=1)


@pytest.fixture(scope="module")
def payer(shop: Shop) -> Party:
    return shop.buyer()


@pytest.fixture
def hand(shop: Shop, payer: Party) -> Hand:
    """A fresh grant and channel, paid from once: so the chain tells the seller of changes."""
    made = Hand.open(shop, payer, deposit=100 * PRICE)
    time.sleep(1)  # before a node that was lost is listened to again
    assert shop.post(shop.body(), made.voucher(PRICE)).status_code == 200
    return made


class Watched:
    """In which way calls are done, and what the chain is asked while the database is held."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.together: list[bool] = []
        self.asked_inside: list[Any] = []
        store = shop.builder.node.store
        (mine,) = shop.builder.node.chain.rpc._endpoints
        accepted, post = serving.accepted_voucher, Endpoint.post

        def accepting(*given: Any) -> Any:
            self.together.append(store.is_together)
            return accepted(*given)

        def posting(endpoint: Endpoint, body: Any, *given: Any) -> Any:
            if endpoint is mine and store._lock._is_owned():  # type: ignore[attr-defined]
                self.asked_inside.append(body)
            return post(endpoint, body, *given)

        monkeypatch.setattr(serving, "accepted_voucher", accepting)
        monkeypatch.setattr(Endpoint, "post", posting)


@pytest.fixture
def watched(shop: Shop, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    made = Watched(shop, monkeypatch)
    yield made
    assert made.asked_inside == []
    require_sound(shop.builder.node)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def test_calls_go_together_and_the_chain_is_asked_outside_alone(
    shop: Shop, payer: Party, hand: Hand, watched: Watched
) -> None:
    hands = [hand, *(Hand.open(shop, payer, deposit=100 * PRICE) for _ in range(CALLERS - 1))]

    def pay(number: int) -> None:
        for count in range(20):
            first = PRICE if hands[number] is hand else 0
            header = hands[number].voucher(first + (count + 1) * PRICE)
            answer = shop.post(shop.body(1, 100 * number + count), header)
            assert answer.status_code == 200, answer.text

    at_once(*(partial(pay, number) for number in range(CALLERS)))
    assert sum(watched.together) > len(watched.together) / 2
    assert {shop.builder.node.store.uses(one.grant) for one in hands[1:]} == {(20, 20 * PRICE)}


def test_a_grant_that_is_bought_on_chain_is_looked_up_outside(
    shop: Shop, payer: Party, hand: Hand, watched: Watched
) -> None:
    """Whoever holds any priced grant may name it in a voucher: whether it was bought is asked of the chain."""
    asset = shop.builder.sell("for sale", price_units=5)
    payer.knows(shop.builder)
    priced = obtain(payer.node, payer.services.peers, asset, "infer")
    # the first reads what else the chain says of them
    for _ in range(3):
        answer = shop.post(shop.body(1, 1), hand.voucher(2 * PRICE, grant=priced.id))
        assert (answer.status_code, answer.json()["code"]) == (403, "grant.foreign")
    assert shop.post(shop.body(1, 1), hand.voucher(2 * PRICE)).status_code == 200


@pytest.mark.parametrize("name", ["channel", "grant"])
def test_whoever_has_its_turn_and_wants_the_database_is_not_waited_for_inside(
    shop: Shop, hand: Hand, watched: Watched, name: str
) -> None:
    node = shop.builder.node
    names = {"channel": f"channel:{hand.party.account}:0x{hand.channel.hex()}", "grant": hand.grant}
    has_it, goes_on, wrote = threading.Event(), threading.Event(), threading.Event()

    def holding() -> None:
        with node.exclusive(names[name]):
            has_it.set()
            assert goes_on.wait(30)
            with node.store.transaction() as tx:
                tx.set("toy", 1)
            wrote.set()

    thread = threading.Thread(target=holding)
    thread.start()
    assert has_it.wait(10)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(shop.post, shop.body(1, 1), hand.voucher(2 * PRICE))
        time.sleep(0.3)
        assert not waiting.done()
        began = time.monotonic()
        assert node.store.state("toy", 0) in (0, 1)
        assert time.monotonic() - began < 1, "it waits and holds no database"
        goes_on.set()
        assert wrote.wait(10)
        assert waiting.result(30).status_code == 200
    thread.join(10)
    assert watched.together == [False]


def test_a_model_is_read_outside(shop: Shop, hand: Hand, watched: Watched) -> None:
    shop.builder.gateway._load.cache_clear()
    assert shop.post(shop.body(1, 1), hand.voucher(2 * PRICE)).status_code == 200
    assert shop.post(shop.body(1, 2), hand.voucher(3 * PRICE)).status_code == 200
    assert watched.together == [False, True]


def test_a_comparison_that_is_due_is_made_before_the_database_is_taken(
    shop: Shop, hand: Hand, watched: Watched
) -> None:
    continuity = shop.builder.node.continuity
    for count in range(1, 6):
        continuity._next = float("-inf")
        assert shop.post(shop.body(1, count), hand.voucher((count + 1) * PRICE)).status_code == 200
        assert continuity._next > time.monotonic() - 5
    assert watched.together == [True] * 5


def test_a_comparison_that_gets_due_meanwhile_is_made_outside(
    shop: Shop, hand: Hand, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    continuity, accepted = shop.builder.node.continuity, serving.accepted_voucher

    def slowly(*given: Any) -> Any:
        continuity._next = float("-inf")
        return accepted(*given)

    monkeypatch.setattr(serving, "accepted_voucher", slowly)
    assert shop.post(shop.body(1, 1), hand.voucher(2 * PRICE)).status_code == 200
    assert watched.together == [True, False]
    assert shop.builder.node.store.uses(hand.grant) == (2, 2 * PRICE)


def test_a_node_that_writes_no_more_still_gives_what_was_paid(
    shop: Shop, hand: Hand, watched: Watched
) -> None:
    paid = shop.post(shop.body(), hand.voucher(PRICE))
    assert paid.status_code == 200
    continuity = shop.builder.node.continuity
    continuity.stopped = LogForked("another log is anchored", hint="Stop.")
    try:
        again = shop.post(shop.body(), hand.voucher(PRICE))
        refused = shop.post(shop.body(1, 1), hand.voucher(2 * PRICE))
    finally:
        continuity.stopped = None
    assert again.content == paid.content
    assert (refused.status_code, refused.json()["code"]) == (409, LogForked.code)
    assert shop.builder.node.store.uses(hand.grant) == (1, PRICE)


def test_a_part_that_breaks_takes_no_other_with_it(
    shop: Shop, payer: Party, hand: Hand, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One caller's call fails in the database each time; the others' calls of that moment are answered."""
    broken, fine = Hand.open(shop, payer), [Hand.open(shop, payer) for _ in range(CALLERS)]
    keep = serving.keep_voucher

    def failing(tx: Any, voucher: Any, model: str) -> None:
        keep(tx, voucher, model)
        if voucher.channel == "0x" + broken.channel.hex():
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(serving, "keep_voucher", failing)
    with shop.builder.node.store.reading():
        pool = ThreadPoolExecutor(CALLERS + 1)
        calls = [
            pool.submit(shop.post, shop.body(1, number), one.voucher(PRICE))
            for number, one in enumerate([broken, *fine])
        ]
        time.sleep(0.5)
    bad, *good = (one.result(30) for one in calls)
    pool.shutdown()
    assert (bad.status_code, bad.json()["code"]) == (503, "store.failed")
    assert {one.status_code for one in good} == {200}
    store = shop.builder.node.store
    assert {store.uses(one.grant) for one in fine} == {(1, PRICE)}
    assert store.uses(broken.grant) == (0, 0)
    monkeypatch.undo()
    assert shop.post(shop.body(1, 0), broken.voucher(PRICE)).status_code == 200
    assert store.uses(broken.grant) == (1, PRICE)


def test_nobody_is_told_before_the_commit_and_none_of_a_commit_that_fails(
    shop: Shop, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = shop.builder.node
    database: Any = node.store._database
    at_commit, goes_on, fails = threading.Event(), threading.Event(), threading.Event()
    count = database._commits.count

    def counting(connection: Any) -> int:
        if threading.current_thread().name == "together":
            at_commit.set()
            assert goes_on.wait(30)
        if fails.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        return int(count(connection))

    monkeypatch.setattr(database._commits, "count", counting)
    with ThreadPoolExecutor(1) as pool:
        for failing in (True, False):
            at_commit.clear()
            goes_on.clear()
            if failing:
                fails.set()
            call = pool.submit(shop.post, shop.body(1, 1), hand.voucher(2 * PRICE))
            assert at_commit.wait(10)
            time.sleep(0.2)
            assert not call.done()
            goes_on.set()
            if failing:
                told = call.result(30)
                assert (told.status_code, told.json()["code"]) == (503, "store.failed")
                assert "retry" in told.json()["hint"]
                assert node.store.uses(hand.grant) == (1, PRICE)
                # one that was answered is answered, though nothing can be kept
                assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
                fails.clear()
            else:
                assert call.result(30).status_code == 200
    assert node.store.uses(hand.grant) == (2, 2 * PRICE)
    require_sound(node)


def test_a_height_is_never_taken_for_a_count_of_changes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are small numbers, and what was kept under the one must not be found under the other."""
    node, facts = shop.builder.node, ChainFacts(shop.builder.node)
    height = node.chain.block_number()
    monkeypatch.setattr(node.chain.rpc, "mark", lambda: (height, int(time.monotonic() // MAX_AGE_SECONDS)))
    told = facts.moment()
    monkeypatch.setattr(node.chain.rpc, "mark", lambda: None)
    assert facts.moment() != told


def test_after_a_block_the_chain_is_asked_once_for_all_who_pay(
    shop: Shop, hand: Hand, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = [hand, *(Hand.open(shop, shop.buyer(f"payer {number}")) for number in range(3))]
    sent = [2, 1, 1, 1]

    def pay(number: int) -> int:
        answer = shop.post(shop.body(), hands[number].voucher(sent[number] * PRICE))
        sent[number] += 1
        return answer.status_code

    assert [pay(number) for number in range(4)] == [200] * 4
    asked: list[Any] = []
    (mine,) = shop.builder.node.chain.rpc._endpoints
    post = Endpoint.post

    def posting(endpoint: Endpoint, body: Any, *given: Any) -> Any:
        said = body if isinstance(body, list) else [body]
        if endpoint is mine and any(one["method"] in ("eth_call", "eth_getCode") for one in said):
            asked.append(said)
        return post(endpoint, body, *given)

    shop.world.chain.rpc.call("evm_mine")
    monkeypatch.setattr(Endpoint, "post", posting)
    watched.together.clear()
    assert [pay(number) for number in range(4)] == [200] * 4
    # whether a signature needs a look at the log's anchor is another question, asked at most once a second
    of_payers = [said for said in asked if len(said) > 1 or said[0]["method"] == "eth_getCode"]
    assert 1 <= len(of_payers) <= 2, [
        (len(one), one[0]["method"], str(one[0]["params"])[:60]) for one in asked
    ] + watched.together
    assert all(watched.together), "none was kept by itself"


def test_a_stop_answers_or_refuses_what_is_under_way(world: World) -> None:
    shop = Shop(world, owners=1)
    hands = [Hand.open(shop, shop.buyer(f"buyer {number}"), deposit=MANY, cap=MANY) for number in range(4)]
    told: list[list[bytes]] = [[] for _ in hands]
    other: list[Any] = []

    def pay(number: int) -> None:
        while True:
            sent = len(told[number]) + 1
            try:
                answer = shop.post(shop.body(1, sent), hands[number].voucher(sent * PRICE))
            except httpx.TransportError:
                return
            if answer.status_code != 200:
                other.append((answer.status_code, answer.json()["code"]))
                return
            told[number].append(answer.content)

    threads = [threading.Thread(target=pay, args=(number,)) for number in range(len(hands))]
    for one in threads:
        one.start()
    time.sleep(1.5)
    node, home = shop.builder.node, shop.builder.home
    shop.builder.close()
    for one in threads:
        one.join(30)
        assert not one.is_alive()
    world._parties.remove(shop.builder)
    assert all(status in (502, 503) for status, _ in other), other
    with sqlite3.connect(home / "node.sqlite") as kept:
        for hand, answers in zip(hands, told, strict=True):
            assert len(answers) > 5
            uses = kept.execute(
                "SELECT uses, spent_units FROM uses WHERE grant_id = ?", (hand.grant,)
            ).fetchone()
            assert uses[0] in (len(answers), len(answers) + 1), (
                "what was answered, and at most one on its way"
            )
            assert uses[1] == uses[0] * PRICE
            known = {bytes(row[0]) for row in kept.execute("SELECT answer FROM answers")}
            assert set(answers) <= known
    assert node.account

"""Heads come first: whoever is answered what shows a block finds each subscriber told of it, by the kernel's word."""

import subprocess
import sys
import threading
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from chain_side import DEV, SINK, Side
from raw_socket import RawSocket

from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.transaction import Transaction

BLOCKS, SUBSCRIBERS, READERS = 2_000, 4, 2
BUFFER_BYTES = 4_096


@contextmanager
def served(home):
    """The URL of a chain in a process of its own, whose order no lock of this interpreter makes."""
    command = [sys.executable, "-m", "freehold.chain.embedded", "--home", str(home), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture
def node(tmp_path):
    with EmbeddedNode(tmp_path) as running:
        yield running


@pytest.fixture
def side(node):
    with closing(Side(node.url)) as made:
        yield made


@pytest.fixture
def subscriber(node):
    with RawSocket(node.url) as made:
        made.subscribed_first()
        assert heights([made.next()]) == [0]
        yield made


def heights(told):
    """Of the heads among messages."""
    return [int(one["params"]["result"]["number"], 16) for one in told if "params" in one]


def height(side):
    return int(side.ask("eth_blockNumber"), 16)


def reading(url, ended, seen):
    """Ask how high the chain is, again and again: each time one's own subscription knows of that block already."""
    with RawSocket(url) as own, closing(Side(url)) as side:
        own.subscribed_first()
        known = heights([own.next()])
        while not ended.is_set():
            asked = height(side)
            known = [*known, *heights(own.now())][-1:]
            seen.append(asked <= known[0])


def test_each_subscriber_has_the_head_when_anybody_is_answered(tmp_path):
    ended, seen = threading.Event(), []
    with served(tmp_path) as url, ExitStack() as stack:
        side = stack.enter_context(closing(Side(url)))
        raws = [
            Transaction(31337, nonce, bytes.fromhex(SINK[2:]), b"", 21_000, 100, 1).sign(DEV_KEY).hex()
            for nonce in range(BLOCKS // 2)
        ]
        subscribers = [stack.enter_context(RawSocket(url)) for _ in range(SUBSCRIBERS)]
        for one in subscribers:
            one.subscribed_first()
            assert heights([one.next()]) == [0]
        readers = [threading.Thread(target=reading, args=(url, ended, seen)) for _ in range(READERS)]
        for one in readers:
            one.start()
        try:
            for number in range(1, BLOCKS + 1):
                if number % 2:
                    side.ask("evm_mine")
                else:
                    side.ask("eth_sendRawTransaction", "0x" + raws[number // 2 - 1])
                for one in subscribers:
                    assert heights(one.now()) == [number]
        finally:
            ended.set()
            for one in readers:
                one.join()
    assert len(seen) > BLOCKS
    assert all(seen)


@pytest.mark.parametrize("by_socket", [False, True], ids=["http", "websocket"])
def test_an_answer_found_between_the_commit_and_its_news_waits_for_them(node, side, subscriber, by_socket):
    """The receipt is in the database, and the ledger has not said so yet: a reader may find it."""
    ledger, is_kept, may_go_on = node._ledger, threading.Event(), threading.Event()
    add_block = ledger.store.add_block

    def slowly(*given):
        add_block(*given)
        is_kept.set()
        assert may_go_on.wait(60)

    ledger.store.add_block = slowly
    raw = side.sign(value=1)
    tx_hash = side.ask("web3_sha3", raw)
    answered, told = threading.Event(), []

    def read():
        if by_socket:
            with RawSocket(node.url) as link:
                link.send({"id": 1, "method": "eth_getTransactionReceipt", "params": [tx_hash]})
                told.append(link.next()["result"])
        else:
            with closing(Side(node.url)) as other:
                told.append(other.ask("eth_getTransactionReceipt", tx_hash))
        answered.set()

    with closing(Side(node.url)) as sender:
        threads = [
            threading.Thread(target=one) for one in (lambda: sender.ask("eth_sendRawTransaction", raw), read)
        ]
        threads[0].start()
        assert is_kept.wait(60)
        threads[1].start()
        assert not answered.wait(0.3)
        assert subscriber.now() == []
        may_go_on.set()
        assert answered.wait(60)
        assert heights(subscriber.now()) == [1]
        assert told[0]["blockNumber"] == "0x1"
        for one in threads:
            one.join()


def test_nobody_waits_where_nobody_asked_to_be_first(node, side):
    ledger = node._ledger
    with RawSocket(node.url) as ordinary:
        ordinary.send({"id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        assert "result" in ordinary.next()
        ledger.changes += 1  # one that begins and is not made yet
        assert height(side) == 0


def test_a_rewind_and_a_step_of_the_clock_are_told_by_the_head_again(side, subscriber):
    snapshot = side.ask("evm_snapshot")
    assert subscriber.now() == []
    side.ask("evm_mine")
    assert heights(subscriber.now()) == [1]
    assert side.ask("evm_revert", snapshot) is True
    assert heights(subscriber.now()) == [0]
    for method, params in (("evm_increaseTime", [5]), ("evm_setNextBlockTimestamp", ["0x7fffffff"])):
        side.ask(method, *params)
        assert heights(subscriber.now()) == [0], method
    side.ask("anvil_setBalance", SINK, "0x64")
    assert heights(subscriber.now()) == [1]
    side.ask("anvil_mine", 3)
    assert heights(subscriber.now()) == [2, 3, 4]
    side.ask("eth_sendTransaction", {"from": DEV.address, "to": SINK})
    assert heights(subscriber.now()) == [5]


def test_a_refused_block_leaves_nobody_waiting(node, side, subscriber):
    def full(*_):
        raise OSError("no space left")

    ledger, add_block = node._ledger, node._ledger.store.add_block
    ledger.store.add_block = full
    assert "error" in side.answer("evm_mine")
    ledger.store.add_block = add_block
    assert height(side) == 0
    assert heights(subscriber.now()) == [0]
    side.ask("evm_mine")
    assert heights(subscriber.now()) == [1]


def test_no_head_falls_between_the_subscription_and_its_name(tmp_path):
    ended = threading.Event()
    with served(tmp_path) as url:

        def mining():
            with closing(Side(url)) as side:
                while not ended.is_set():
                    side.ask("evm_mine")

        miner = threading.Thread(target=mining)
        miner.start()
        try:
            for _ in range(100):
                with RawSocket(url) as one:
                    name = one.subscribed_first()
                    told = [one.next() for _ in range(4)]
                    assert {each["params"]["subscription"] for each in told} == {name}
                    first, *others = heights(told)
                    # the present one may be told twice: when it was named, and when it was news
                    assert others in ([first + at for at in (1, 2, 3)], [first + at for at in (0, 1, 2)])
        finally:
            ended.set()
            miner.join()


def test_a_subscriber_with_no_room_left_is_ended_and_not_left_behind(node, side):
    with RawSocket(node.url, kept=BUFFER_BYTES) as deaf, RawSocket(node.url) as other:
        for one in (deaf, other):
            one.subscribed_first()
            assert heights([one.next()]) == [0]
        mined, first = 0, node._application._heads.first
        while len(first) == 2:
            side.ask("anvil_mine", 50)
            mined += 50
            assert heights(other.now())[-1] == mined
        told = []
        while not deaf.is_ended:
            told += heights(deaf.now())
        assert told == list(range(1, len(told) + 1))
        assert len(told) < mined


def test_what_was_subscribed_before_is_told_first_too_and_ends_as_it_did(side, node):
    with RawSocket(node.url) as one:
        one.send({"id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        name = one.next()["result"]
        one.send({"id": 2, "method": "freehold_headsFirst"})
        assert one.next()["result"].startswith("127.0.0.1:")
        assert heights([one.next()]) == [0]
        side.ask("evm_mine")
        assert heights(one.now()) == [1]
        one.send({"id": 3, "method": "eth_unsubscribe", "params": [name]})
        assert one.next()["result"] is True
        side.ask("evm_mine")
        assert one.now() == []


def test_only_a_websocket_can_ask_for_it(side):
    assert side.fault("freehold_headsFirst")["code"] == -32601


def test_it_takes_no_parameters(node):
    with RawSocket(node.url) as one:
        one.send({"id": 1, "method": "freehold_headsFirst", "params": [True]})
        assert one.next()["error"]["code"] == -32602

"""Heads come first: whoever is answered what shows a block finds each subscriber told of it, in its buffer."""

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from chain_side import DEV, SINK, Side
from heads_first import Subscriber
from raw_socket import RawSocket

from freehold.chain.embedded import DEV_KEY, EmbeddedNode, heads
from freehold.chain.transaction import Transaction

BLOCKS, SUBSCRIBERS, READERS = 2_000, 4, 2


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


def subscribed(side):
    return closing(Subscriber(side.ask("freehold_headsFirst")))


@pytest.fixture
def subscriber(side):
    with subscribed(side) as made:
        yield made


def height(side):
    return int(side.ask("eth_blockNumber"), 16)


def reading(url, ended, seen):
    """Ask how high the chain is, twice, again and again: one's own subscription knows of what came between."""
    with closing(Side(url)) as side, subscribed(side) as own:
        while not ended.is_set():
            own.now()
            before = height(side)
            after = height(side)
            seen.append(after - before <= own.now())


def test_each_subscriber_has_the_head_when_anybody_is_answered(tmp_path):
    ended, seen = threading.Event(), []
    with served(tmp_path) as url, ExitStack() as stack:
        side = stack.enter_context(closing(Side(url)))
        raws = [
            Transaction(31337, nonce, bytes.fromhex(SINK[2:]), b"", 21_000, 100, 1).sign(DEV_KEY).hex()
            for nonce in range(BLOCKS // 2)
        ]
        subscribers = [stack.enter_context(subscribed(side)) for _ in range(SUBSCRIBERS)]
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
                    assert one.now() == 1
            side.ask("anvil_mine", 100)
            assert [one.now() for one in subscribers] == [100] * SUBSCRIBERS
        finally:
            ended.set()
            for one in readers:
                one.join()
    assert len(seen) > BLOCKS // 10
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
        assert subscriber.now() == 0
        may_go_on.set()
        assert answered.wait(60)
        assert subscriber.now() == 1
        assert told[0]["blockNumber"] == "0x1"
        for one in threads:
            one.join()


def test_nobody_waits_where_nobody_subscribed(node, side):
    ledger = node._ledger
    with RawSocket(node.url) as ordinary:
        ordinary.send({"id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        assert "result" in ordinary.next()
        ledger.changes += 1  # one that begins and is not made yet
        assert height(side) == 0


def test_a_rewind_and_a_step_of_the_clock_are_told_too(side, subscriber):
    snapshot = side.ask("evm_snapshot")
    assert subscriber.now() == 0
    side.ask("evm_mine")
    assert subscriber.now() == 1
    assert side.ask("evm_revert", snapshot) is True
    assert subscriber.now() == 1
    for method, params in (("evm_increaseTime", [5]), ("evm_setNextBlockTimestamp", ["0x7fffffff"])):
        side.ask(method, *params)
        assert subscriber.now() == 1, method
    side.ask("anvil_setBalance", SINK, "0x64")
    assert subscriber.now() == 1
    side.ask("anvil_mine", 3)
    assert subscriber.now() == 3
    side.ask("eth_sendTransaction", {"from": DEV.address, "to": SINK})
    assert subscriber.now() == 1


def test_a_refused_block_leaves_nobody_waiting(node, side, subscriber):
    def full(*_):
        raise OSError("no space left")

    ledger, add_block = node._ledger, node._ledger.store.add_block
    ledger.store.add_block = full
    assert "error" in side.answer("evm_mine")
    ledger.store.add_block = add_block
    assert height(side) == 0
    assert subscriber.now() == 1
    side.ask("evm_mine")
    assert subscriber.now() == 1


def test_no_block_falls_between_the_welcome_and_the_first_news(tmp_path):
    ended = threading.Event()
    with served(tmp_path) as url, closing(Side(url)) as asking:

        def mining():
            with closing(Side(url)) as side:
                while not ended.is_set():
                    side.ask("evm_mine")

        miner = threading.Thread(target=mining)
        miner.start()
        try:
            for _ in range(100):
                with subscribed(asking) as one:
                    before = height(asking)
                    told = one.now()
                    after = height(asking)
                    assert told + one.now() >= after - before
        finally:
            ended.set()
            miner.join()


def test_a_subscriber_that_does_not_read_is_ended_and_holds_up_nobody(side):
    with closing(Subscriber(side.ask("freehold_headsFirst"))) as deaf, subscribed(side) as other:
        for _ in range(40):
            side.ask("anvil_mine", 50)
            assert other.now() == 50
        told = deaf.now()
        assert deaf.is_ended
        assert told < 40 * 50


def test_a_subscriber_that_says_something_is_ended(side, subscriber):
    subscriber.send(b"x")
    for _ in range(200):
        height(side)
        subscriber.now()
        if subscriber.is_ended:
            break
    assert subscriber.is_ended


def test_there_is_room_for_so_many_and_for_others_once_they_go(side):
    address = side.ask("freehold_headsFirst")
    with ExitStack() as stack:
        for _ in range(heads.MOST_SUBSCRIBERS):
            stack.enter_context(closing(Subscriber(address)))
        with pytest.raises(ConnectionError):
            Subscriber(address)
    for _ in range(200):
        height(side)
    with closing(Subscriber(address)):
        pass


def test_where_no_descriptor_is_left_the_chain_goes_on_and_takes_subscribers_later(side, monkeypatch, caplog):
    address, accept, refused = side.ask("freehold_headsFirst"), socket.socket.accept, []

    def full(one):
        if one.family != socket.AF_UNIX:
            return accept(one)
        refused.append(one)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(heads, "AGAIN_SECONDS", 0.2)
    with monkeypatch.context() as exhausted, ThreadPoolExecutor() as pool:
        exhausted.setattr(socket.socket, "accept", full)
        coming = pool.submit(Subscriber, address)
        time.sleep(0.5)
        assert 1 <= len(refused) <= 4
        side.ask("anvil_mine", 1)
        exhausted.undo()
        with closing(coming.result(5)) as one:
            side.ask("anvil_mine", 1)
            assert one.now() == 1
    assert caplog.records == []


def test_it_ends_for_subscribers_of_which_a_forked_process_has_a_copy(tmp_path):
    with EmbeddedNode(tmp_path) as node, closing(Side(node.url)) as side:
        one = Subscriber(side.ask("freehold_headsFirst"))
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        one.now()
        assert one.is_ended
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)
        one.close()


def test_it_ends_with_the_chain(tmp_path):
    with served(tmp_path) as url, closing(Side(url)) as side:
        one = Subscriber(side.ask("freehold_headsFirst"))
    for _ in range(100):
        one.now()
        if one.is_ended:
            break
        time.sleep(0.05)
    assert one.is_ended
    one.close()


def test_the_address_is_said_by_any_connection_and_takes_no_parameters(node, side):
    address = side.ask("freehold_headsFirst")
    with RawSocket(node.url) as one:
        one.send({"id": 1, "method": "freehold_headsFirst"})
        assert one.next()["result"] == address
    assert side.fault("freehold_headsFirst", True)["code"] == -32602

"""What the local chain does to be quick, and what none of it may change."""

import json
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from chain_side import DEV, SINK, Side, calldata

from freehold.chain.embedded import EmbeddedNode
from freehold.chain.embedded.budget import Budget, OutOfTime, limited
from freehold.chain.embedded.turns import Caller, Places

ENDLESS = {"code": "0x5b5f56"}


@pytest.fixture
def node(tmp_path):
    with EmbeddedNode(tmp_path) as running:
        yield running


@pytest.fixture
def side(node):
    with closing(Side(node.url)) as made:
        yield made


def test_a_budget_is_of_work_and_not_of_time():
    budget = Budget(0.05)
    time.sleep(0.1)
    assert not budget.is_spent
    budget.check()
    until = time.thread_time() + 0.06
    while time.thread_time() < until:
        pass
    assert budget.is_spent
    assert budget.left == 0
    with pytest.raises(OutOfTime):
        budget.check()


def test_who_may_not_wait_gets_a_free_place_and_stands_in_no_line():
    places, caller = Places(1), Caller()
    with limited(1, may_wait=False):
        with places.take(caller), pytest.raises(OutOfTime), places.take(Caller()):
            pass
        with places.take(caller):
            pass


def test_the_same_call_is_answered_anew_in_each_block(side):
    dollar = side.deploy("TestDollar")
    asked = {"to": dollar, "data": calldata("TestDollar", "balanceOf", SINK)}

    def balance(*more):
        return int(side.ask("eth_call", asked, *more), 16)

    assert [balance(), balance("latest")] == [0, 0]
    snapshot = side.ask("evm_snapshot")
    side.send(to=dollar, data=calldata("TestDollar", "mint", SINK, 5))
    assert [balance(), balance(), balance("0x1"), balance("pending")] == [5, 5, 0, 5]
    word = "0x" + "00" * 31
    supposed = {dollar: {"code": "0x5f5460005260206000f3", "stateDiff": {word + "00": word + "07"}}}
    assert [balance("latest", supposed), balance()] == [7, 5]
    assert side.ask("evm_revert", snapshot) is True
    side.nonces[DEV.address] -= 1
    assert [balance(), balance()] == [0, 0]
    side.send(to=dollar, data=calldata("TestDollar", "mint", SINK, 6))
    assert [balance(), balance("0x1"), balance("0x2")] == [6, 0, 6]


def test_the_block_of_a_call_is_part_of_what_it_depends_on(side):
    # returns NUMBER and TIMESTAMP; the number of a supposed block differs, and a block's own time does
    code = "0x43600052426020526040" + "6000f3"
    seen = []
    for time_ in (2_000_000_000, 2_000_000_005):
        side.ask("evm_mine", time_)
        told = [side.ask("eth_call", {"data": code}) for _ in range(2)]
        assert told[0] == told[1]
        seen.append((int(told[0][2:66], 16), int(told[0][66:], 16)))
        supposed = side.ask("eth_call", {"data": code}, "latest", None, {"number": "0x63"})
        assert int(supposed[2:66], 16) == 0x63
    assert seen == [(1, 2_000_000_000), (2, 2_000_000_005)]


def test_calls_that_fail_are_run_each_time(side):
    for _ in range(2):
        assert side.fault("eth_call", {"data": "0x60006000fd"})["code"] == 3


def test_a_filter_that_is_being_polled_holds_up_nobody_else(node, side):
    polled = side.ask("eth_newFilter", {})
    found = node._application._dispatcher.methods.logs._filters[int(polled, 16)]
    told = []
    with found.turn, closing(Side(node.url)) as other:
        waiting = threading.Thread(target=lambda: told.append(side.ask("eth_getFilterChanges", polled)))
        waiting.start()
        time.sleep(0.1)
        for _ in range(5):
            assert other.ask("eth_blockNumber") == "0x0"
        assert told == []
    waiting.join(20)
    assert told == [[]]


def test_a_call_that_takes_long_leaves_the_loop_to_others(node, side):
    """What the first moment does not end goes to a thread, and its connection's next requests at once."""
    told = []

    def ask():
        with closing(Side(node.url)) as other:
            told.append(other.fault("eth_call", {"to": SINK}, "latest", {SINK: ENDLESS})["code"])

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for one in asking:
        one.start()
    longest = 0.0
    while any(one.is_alive() for one in asking):
        begun = time.perf_counter()
        assert side.ask("eth_chainId") == "0x7a69"
        longest = max(longest, time.perf_counter() - begun)
    assert len(told) == 3
    assert set(told) <= {-32005, -32000}
    assert longest < 1.5


def test_many_logs_are_the_same_as_those_of_each_receipt(side):
    dollar = side.deploy("TestDollar")
    receipts = [
        side.send(to=dollar, data=calldata("TestDollar", "mint", SINK, number)) for number in range(1, 6)
    ]
    anonymous = side.send(to=None, data="0x" + "6005600460036002600161" + "beef" + "6000a4" + "60006000a0")
    logs = side.ask("eth_getLogs", {"fromBlock": "0x0"})
    assert logs == [log for one in [*receipts, anonymous] for log in one["logs"]]
    assert [len(one["topics"]) for one in logs[-2:]] == [4, 0]
    assert side.ask("eth_getLogs", {"fromBlock": "0x0", "address": SINK}) == []
    assert json.dumps(logs) == json.dumps(
        side.ask("eth_getFilterLogs", side.ask("eth_newFilter", {"fromBlock": "0x0"}))
    )

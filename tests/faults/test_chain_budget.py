"""No question, however large, computes for longer than its budget; nor does who asks much keep others from asking."""

import gc
import threading
import time

import pytest

from freehold.chain.embedded import budget, turns
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.machine import MOST_LOGS
from freehold.chain.embedded.methods import Methods
from freehold.chain.embedded.turns import Caller, Places
from freehold.chain.embedded.wire import BRIEF, LONG

DEV = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
SINK = "0x" + "11" * 20
SECONDS = 0.1
"""The budget of a question here."""
TOLERANCE = 1.0
"""Seconds; what the largest questions took before was 5 to 20 times the whole budget of 2 s."""
LOGGING = "0x5b5f5fa05a620186a0105f5700"
"""LOG0 for as long as 100,000 gas are left."""


def address(number):
    return f"0x{0x1000000 + number:040x}"


SLOTS = {hex(slot): "0x1" for slot in range(9_950)}
SUPPOSED = {address(number): {"stateDiff": SLOTS} for number in range(24)}
LISTED = [{"address": SINK, "storageKeys": [hex(slot) for slot in range(1_000)]}] * 240
CALLER_TRACER = {"tracer": "callTracer"}
# by method: the largest parameters, with HASH, BLOCK and FILTER for those of a block full of logs
LARGEST = {
    "debug_traceCall": [{"to": SINK}, "latest", {**CALLER_TRACER, "stateOverrides": SUPPOSED}],
    "debug_traceTransaction": ["HASH", {**CALLER_TRACER, "tracerConfig": {"withLog": True}}],
    "eth_call": [{"to": SINK, "accessList": LISTED}, "latest", SUPPOSED],
    "eth_createAccessList": [{"to": SINK}, "latest", SUPPOSED],
    "eth_estimateGas": [{"to": SINK}, "latest", SUPPOSED],
    "eth_feeHistory": ["0x400", "latest", list(range(100))],
    "eth_getBlockByHash": ["BLOCK_HASH", True],
    "eth_getBlockByNumber": ["BLOCK", True],
    "eth_getBlockReceipts": ["BLOCK"],
    "eth_getFilterChanges": ["FILTER"],
    "eth_getFilterLogs": ["FILTER"],
    "eth_getLogs": [{"fromBlock": "BLOCK", "toBlock": "BLOCK"}],
    "eth_getProof": [SINK, [hex(slot) for slot in range(1_024)], "latest"],
    "eth_getTransactionReceipt": ["HASH"],
    "eth_simulateV1": [{"blockStateCalls": [{"stateOverrides": SUPPOSED}]}],
    "txpool_content": [],
    "txpool_contentFrom": [DEV],
    "txpool_inspect": [],
}


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A chain with a block full of logs, and how questions name it."""
    ledger = Ledger(tmp_path_factory.mktemp("chain"))
    methods = Methods(ledger)
    named = {"FILTER": methods.call("eth_newFilter", [{"fromBlock": "earliest"}])}
    # 385 gas each
    named["HASH"] = methods.call(
        "eth_sendTransaction", [{"from": DEV, "data": LOGGING, "gas": hex(4_000_000)}]
    )
    receipt = methods.call("eth_getTransactionReceipt", [named["HASH"]])
    assert MOST_LOGS * 0.9 < len(receipt["logs"]) <= MOST_LOGS
    named |= {"BLOCK": receipt["blockNumber"], "BLOCK_HASH": receipt["blockHash"]}
    yield methods, named
    ledger.close()


def _filled(parameters, named):
    if isinstance(parameters, dict):
        return {name: _filled(value, named) for name, value in parameters.items()}
    return named.get(parameters, parameters) if isinstance(parameters, str) else parameters


def test_the_largest_question_of_every_method_that_may_be_long_is_here(full):
    methods, _ = full
    assert set(LARGEST) == {name for name in methods.names() if methods.turn(name) == LONG}
    assert methods.turn("eth_blockNumber") == BRIEF


@pytest.mark.parametrize("name", sorted(LARGEST))
def test_the_largest_question_ends_with_its_budget(full, name):
    methods, named = full
    parameters = [_filled(one, named) for one in LARGEST[name]]
    # looking through what other tests left in this process is no cost of the question
    gc.disable()
    start = time.thread_time()
    try:
        with budget.limited(SECONDS):
            methods.call(name, parameters)
    except budget.OutOfTime:
        pass
    finally:
        took = time.thread_time() - start
        gc.enable()
    assert took < SECONDS + TOLERANCE


def test_no_trial_of_an_estimate_sees_what_another_one_wrote(full):
    methods, _ = full
    # stops where its slot is empty, and writes it; else it fails
    supposed = {SINK: {"code": "0x5f54600a5760015f55005bfe", "stateDiff": {"0x1": "0x1"}}}
    assert int(methods.call("eth_estimateGas", [{"to": SINK}, "latest", supposed]), 16) < 50_000


# -- turns


def test_newcomers_do_not_keep_who_waits_from_ever_getting_a_place(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 60)
    places, got = Places(1, 12), []
    costly = Caller()
    costly.pay(1.0)

    def wait(name, caller):
        try:
            with places.take(caller):
                got.append(name)
        except Fault:
            got.append(f"{name} refused")

    threads = []

    def come(name, caller):
        threads.append(threading.Thread(target=wait, args=(name, caller)))
        threads[-1].start()
        deadline = time.monotonic() + 30
        while len(places._line) + len(got) < len(threads) and time.monotonic() < deadline:
            time.sleep(0.001)

    with places.take(Caller()):
        come("patient", costly)
        for number in range(16):
            come(f"newcomer {number}", Caller())
    for one in threads:
        one.join()
    served = [name for name in got if not name.endswith("refused")]
    assert "patient" in served[:4]
    assert len(served) == 12

"""What the local chain does at the edges of its methods: refused halfway, rewound meanwhile, supposed of a precompile."""

import asyncio
import hashlib

import pytest

from freehold.chain.embedded import sending
from freehold.chain.embedded.edge import Threads
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import Methods

SINK = "0x" + "11" * 20
HASHES = "0x" + "00" * 19 + "02"
"""SHA-256."""
FORTY_TWO = {"code": "0x602a60005260206000f3"}


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture
def methods(ledger):
    return Methods(ledger)


@pytest.fixture
def ask(methods):
    return lambda name, *params: methods.call(name, list(params))


def test_blocks_that_are_refused_leave_the_clock_alone(ask):
    with pytest.raises(Fault, match="at most 1000 blocks"):
        ask("evm_mine", {"timestamp": 2**33, "blocks": 1_001})
    ask("evm_mine")
    assert int(ask("eth_getBlockByNumber", "latest")["timestamp"], 16) < 2**33


def test_an_interval_beyond_the_calendar_is_told_as_that(ask):
    with pytest.raises(Fault, match="beyond the calendar"):
        ask("anvil_mine", 1, hex(2**41))
    assert ask("eth_blockNumber") == "0x0"


def test_code_that_is_supposed_runs_although_a_precompile_has_the_address(ask):
    real = "0x" + hashlib.sha256(b"").hexdigest()
    assert ask("eth_call", {"to": HASHES}) == real
    assert ask("eth_call", {"to": HASHES}, "latest", {HASHES: {"balance": "0x1"}}) == real
    assert int(ask("eth_call", {"to": HASHES}, "latest", {HASHES: FORTY_TWO}), 16) == 42
    # a contract that calls it
    calls = {"code": "0x6020600060006000600060025af15060206000f3"}
    assert ask("eth_call", {"to": SINK}, "latest", {SINK: calls}) == real
    assert int(ask("eth_call", {"to": SINK}, "latest", {SINK: calls, HASHES: FORTY_TWO}), 16) == 42
    block = {"calls": [{"to": HASHES}]}
    told = ask(
        "eth_simulateV1",
        {"blockStateCalls": [block, {**block, "stateOverrides": {HASHES: FORTY_TWO}}, block]},
    )
    first, *later = [int(one["calls"][0]["returnData"], 16) for one in told]
    assert (first, later) == (int(real, 16), [42, 42])
    assert ask("eth_call", {"to": HASHES}) == real


@pytest.mark.parametrize("name", ["number", "time", "gasLimit", "baseFeePerGas"])
def test_a_supposed_block_of_numbers_that_none_has_is_refused(ask, name):
    assert ask("eth_call", {"to": SINK}, "latest", None, {name: hex(2**64 - 1)}) == "0x"
    with pytest.raises(Fault, match=f"{name} is below 2\\^64"):
        ask("eth_call", {"to": SINK}, "latest", None, {name: hex(2**64)})


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas", "eth_createAccessList"])
def test_a_sender_of_the_last_nonce_is_told_so(ask, method):
    with pytest.raises(Fault, match="nonce has max value"):
        ask(method, {"from": SINK, "to": HASHES}, "latest", {SINK: {"nonce": hex(2**64 - 1)}})


def test_who_is_impersonated_already_may_be_asked_for_again(ask, monkeypatch):
    monkeypatch.setattr(sending, "_MOST_IMPERSONATED", 1)
    for _ in range(2):
        ask("anvil_impersonateAccount", SINK)
    with pytest.raises(Fault, match="at most 1"):
        ask("anvil_impersonateAccount", HASHES)


@pytest.mark.parametrize(
    "kind", ["eth_newBlockFilter", "eth_newFilter", "eth_newPendingTransactionFilter", "heads"]
)
def test_what_is_rewound_while_it_is_told_is_told_anew(ask, methods, ledger, monkeypatch, kind):
    """Also where the chain goes back to just what was told before."""
    mine = ask("evm_snapshot")
    if kind == "heads":
        heard = methods.logs.install("newHeads")
    else:
        heard = ask(kind, *([{}] if kind == "eth_newFilter" else []))
    ask("anvil_mine", 3)
    read = methods.logs._news

    def interrupted(*given):
        monkeypatch.undo()
        assert ask("evm_revert", mine)
        return read(*given)

    monkeypatch.setattr(methods.logs, "_news", interrupted)
    ask("eth_getFilterChanges", heard)
    dev = ask("eth_accounts")[0]
    # a contract of one log, so that each kind has something to tell
    ask("eth_sendTransaction", {"from": dev, "data": "0x5f5fa000"})
    told = ask("eth_getFilterChanges", heard)
    assert len(told) == 1


@pytest.mark.parametrize("error", [StopIteration, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_whatever_a_thread_meets_is_told_and_ends_neither_it_nor_the_loop(error):
    threads = Threads()

    def raising():
        raise error

    async def asked():
        with pytest.raises(RuntimeError, match=error.__name__):
            await asyncio.wait_for(threads.run(raising), 10)
        return await asyncio.wait_for(threads.run(lambda: 7), 10)

    assert asyncio.run(asked()) == 7
    threads.close()

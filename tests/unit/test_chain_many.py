"""Much at once: transactions of one client, blocks on demand, and more logs than one answer holds."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from freehold.chain.embedded import DEV_KEY, logs, machine
from freehold.chain.embedded import ledger as blocks
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.machine import Call
from freehold.chain.embedded.messages import signed
from freehold.chain.embedded.methods import Methods
from freehold.chain.embedded.wire import show

DEV = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
SINK, PERSON = "0x" + "11" * 20, "0x" + "33" * 20
MANY = 40
FEES = {"max_fee_per_gas": 100, "max_priority_fee_per_gas": 1}


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ask(ledger):
    methods = Methods(ledger)

    def asked(name, *params):
        return methods.call(name, list(params))

    return asked


def at_once(work, items):
    """What each of the items came to, be it a fault, with all of them under way together."""

    def done(item):
        try:
            return work(item)
        except Fault as fault:
            return fault

    with ThreadPoolExecutor(len(items)) as threads:
        return list(threads.map(done, items))


def emitting(count):
    """Initcode that makes so many logs."""
    return "0x" + "5f5fa0" * count + "00"


# -- sending


@pytest.mark.parametrize("sender", [DEV, PERSON])
def test_one_clients_transactions_sent_at_once_are_all_mined_in_the_order_of_their_nonces(ask, sender):
    ask("anvil_autoImpersonateAccount", True)
    ask("anvil_setBalance", PERSON, hex(10**18))
    fields = {"from": sender, "to": SINK, "gas": "0x5208"}
    receipts = [
        ask("eth_getTransactionReceipt", one)
        for one in at_once(lambda one: ask("eth_sendTransaction", one), [fields] * MANY)
    ]
    assert {one["status"] for one in receipts} == {"0x1"}
    assert ask("eth_getTransactionCount", sender) == hex(MANY)


def test_one_that_is_refused_keeps_none_after_it_waiting(ask):
    fields = {"from": DEV, "to": SINK, "gas": "0x5208"}
    asked = [{**fields, "value": hex(10**40 if index % 3 == 0 else 1)} for index in range(30)]
    told = at_once(lambda one: ask("eth_sendTransaction", one), asked)
    refused = [one for one in told if isinstance(one, Fault)]
    assert len(refused) == 10
    assert all("insufficient funds" in one.message for one in refused)
    assert ask("eth_getTransactionCount", DEV) == hex(20)
    assert ask("txpool_status")["queued"] == "0x0"


def test_balances_set_at_once_are_all_set(ask):
    people = [f"0x{0xAAAA + index:040x}" for index in range(MANY)]
    assert at_once(lambda one: ask("anvil_setBalance", one, "0x1"), people) == [None] * MANY
    assert {ask("eth_getBalance", one) for one in people} == {"0x1"}


def test_who_mines_many_blocks_lets_others_write_between_them(ask, ledger):
    mining = threading.Thread(target=ask, args=("evm_mine", {"blocks": 1_000}))
    mining.start()
    while ledger.head.block_number < 5:
        time.sleep(0.001)
    ask("anvil_setBalance", PERSON, "0x1")
    receipt = ask("eth_getTransactionReceipt", ask("eth_sendTransaction", {"from": DEV, "to": SINK}))
    assert int(receipt["blockNumber"], 16) < 900
    assert mining.is_alive()
    mining.join()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"gasPrice": "0x0"}, "max fee per gas less than block base fee"),
        ({"maxFeePerGas": "0x0", "maxPriorityFeePerGas": "0x0"}, "max fee per gas less than block base fee"),
        ({"maxFeePerGas": "0x0"}, "max fee per gas less than block base fee"),
        ({"maxFeePerGas": "0x9", "maxPriorityFeePerGas": "0xa"}, "max priority fee per gas higher than"),
        ({"gas": hex(30_000_001)}, "exceeds block gas limit: have 30000001"),
        ({"gas": hex(10**20)}, "exceeds block gas limit"),
        ({"chainId": "0x1", "gas": "0x5208"}, "invalid chain id"),
        ({"type": "0x3"}, "transaction type not valid"),
        ({"type": "0x4"}, "EIP-7702 transaction with empty auth list"),
        ({"nonce": hex(2**64)}, "nonce has max value"),
    ],
)
def test_what_cannot_be_sent_as_asked_is_not_sent_otherwise(ask, fields, told):
    with pytest.raises(Fault, match=told):
        ask("eth_sendTransaction", {"from": DEV, "to": SINK, **fields})
    assert ask("eth_getTransactionCount", DEV) == "0x0"


@pytest.mark.parametrize(
    ("fields", "tip", "most"),
    [
        ({}, 1, None),
        ({"maxPriorityFeePerGas": hex(5 * 10**9)}, 5 * 10**9, None),
        ({"maxPriorityFeePerGas": "0x0"}, 0, None),
        ({"maxFeePerGas": "0x64"}, 1, 100),
        ({"gasPrice": "0x64"}, 100, 100),
    ],
)
def test_fees_are_filled_in_where_they_are_left_out_and_only_there(ask, fields, tip, most):
    sent = ask("eth_getTransactionByHash", ask("eth_sendTransaction", {"from": DEV, "to": SINK, **fields}))
    assert int(sent["maxPriorityFeePerGas"], 16) == tip
    assert most is None or int(sent["maxFeePerGas"], 16) == most


# -- logs


def test_a_filter_tells_of_as_many_whole_blocks_as_fit_and_goes_on_from_there(ask, monkeypatch):
    monkeypatch.setattr(logs, "MOST_LOGS", 5)
    polled = ask("eth_newFilter", {})
    for count in (2, 2, 2, 9, 1):
        ask("eth_sendTransaction", {"from": DEV, "data": emitting(count)})
    told = [ask("eth_getFilterChanges", polled) for _ in range(5)]
    # a block of nine is more than an answer holds, and told whole
    assert [len(one) for one in told] == [4, 2, 9, 1, 0]
    numbers = [int(one["blockNumber"], 16) for page in told for one in page]
    assert numbers == [1] * 2 + [2] * 2 + [3] * 2 + [4] * 9 + [5]
    assert len(ask("eth_getLogs", {"fromBlock": "0x4", "toBlock": "0x4"})) == 9
    with pytest.raises(Fault, match="query returned more than 5 results"):
        ask("eth_getLogs", {"fromBlock": "0x3", "toBlock": "0x4"})


@pytest.mark.parametrize("full", [False, True])
def test_so_does_a_filter_of_transactions(ask, monkeypatch, full):
    monkeypatch.setattr(logs, "MOST_LOGS", 2)
    polled = ask("eth_newPendingTransactionFilter", full)
    for _ in range(5):
        ask("eth_sendTransaction", {"from": DEV, "to": SINK})
    assert [len(ask("eth_getFilterChanges", polled)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_transaction_of_too_many_logs_is_refused_whole_and_a_block_of_many_is_full(
    ask, ledger, monkeypatch
):
    for module in (machine, blocks):
        monkeypatch.setattr(module, "MOST_LOGS", 5)
    with pytest.raises(Fault, match="at most 5 logs"):
        ask("eth_sendTransaction", {"from": DEV, "data": emitting(6)})
    dev = bytes.fromhex(DEV[2:])
    assert ask("eth_getTransactionCount", DEV) == "0x0"
    sent = [
        ledger.offer(
            signed(Call(dev, b"", bytes.fromhex(emitting(3)[2:]), gas=100_000, **FEES), nonce, DEV_KEY)
        )
        for nonce in range(6)
    ]
    hashes = [show(ledger.settle(one)) for one in sent]
    receipts = [ask("eth_getTransactionReceipt", one) for one in hashes]
    assert [int(one["blockNumber"], 16) for one in receipts] == [1, 1, 2, 2, 3, 3]


# -- words


@pytest.mark.parametrize("name", ["eth_call", "eth_estimateGas", "eth_simulateV1"])
def test_no_answer_names_a_class(ask, name):
    pairing = {"to": "0x" + "00" * 19 + "08", "data": "0x01"}
    with_blocks = [{"blockStateCalls": [{"calls": [pairing]}]}]
    try:
        told = str(ask(name, *(with_blocks if name == "eth_simulateV1" else [pairing])))
    except Fault as fault:
        told = fault.message
    assert "invalid input to a precompile" in told
    assert "Error" not in told


@pytest.mark.parametrize(
    "raw", ["0x", "0x00", "0x05c0", "0x7f", "0x02", "0x02ff", "0xc0", "0x01c101", "0x04c0"]
)
def test_bytes_that_are_no_transaction_are_refused_in_words(ask, raw):
    with pytest.raises(Fault) as refused:
        ask("eth_sendRawTransaction", raw)
    assert not set("(<>)'") & set(refused.value.message)
    assert "Error" not in refused.value.message


@pytest.mark.parametrize(
    "empty",
    [{"withdrawals": []}, {"difficulty": "0x0"}, {"beaconRoot": "0x" + "00" * 32}, {"blobBaseFee": "0x1"}],
)
def test_block_overrides_that_say_what_holds_anyway_are_taken(ask, empty):
    assert ask("eth_simulateV1", {"blockStateCalls": [{"blockOverrides": empty}]})
    assert ask("eth_call", {"to": SINK}, "latest", {}, empty) == "0x"


@pytest.mark.parametrize(
    "other",
    [{"withdrawals": [{}]}, {"difficulty": "0x1"}, {"beaconRoot": "0x" + "01" * 32}, {"blobBaseFee": "0x2"}],
)
def test_and_no_others(ask, other):
    with pytest.raises(Fault, match=f"{next(iter(other))} is not supported"):
        ask("eth_call", {"to": SINK}, "latest", {}, other)

"""`eth_simulateV1`: each block on what the one before left, nothing kept, and refused where a block would refuse."""

import pytest
from eth_account import Account
from eth_utils import keccak

from freehold.chain.embedded import DEV_KEY, simulation
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import Methods

DEV = Account.from_key(DEV_KEY).address.lower()
POOR, SINK, CODE = "0x" + "c0" * 20, "0x" + "c1" * 20, "0x" + "c2" * 20
TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
ETHER = "0x" + "ee" * 20
COUNTER = "0x60005460010160005560005460005260206000f3"
"""Adds one to slot 0 and returns it."""
REVERTS = "0x60016000526020" + "6000fd"


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture
def methods(ledger):
    return Methods(ledger)


@pytest.fixture
def simulate(methods):
    def asked(*blocks, at="latest", **options):
        return methods.call("eth_simulateV1", [{"blockStateCalls": list(blocks), **options}, at])

    return asked


def padded(address):
    return "0x" + address[2:].rjust(64, "0")


def test_calls_see_what_those_before_them_did_and_nothing_is_kept(simulate, methods, ledger):
    written = dict(ledger.store.nodes.waiting)
    call = {"from": DEV, "to": CODE}
    first, second = simulate(
        {"stateOverrides": {CODE: {"code": COUNTER}}, "calls": [call, call]}, {"calls": [call]}
    )
    assert [int(one["returnData"], 16) for one in first["calls"] + second["calls"]] == [1, 2, 3]
    assert all(one["status"] == "0x1" for one in first["calls"])
    assert int(first["gasUsed"], 16) == sum(int(one["gasUsed"], 16) for one in first["calls"])
    assert methods.call("eth_blockNumber", []) == "0x0"
    assert methods.call("eth_getCode", [CODE]) == "0x"
    assert methods.call("eth_getTransactionCount", [DEV]) == "0x0"
    assert ledger.store.nodes.waiting == written


def test_blocks_follow_one_another(simulate, methods):
    head = methods.call("eth_getBlockByNumber", ["latest"])
    told = simulate({}, {"blockOverrides": {"number": "0x4", "time": "0x7fffffff"}}, {})
    assert [int(one["number"], 16) for one in told] == [1, 2, 3, 4, 5]
    assert [one["parentHash"] for one in told] == [head["hash"], *(one["hash"] for one in told[:-1])]
    times = [int(one["timestamp"], 16) for one in told]
    assert times == [
        *(int(head["timestamp"], 16) + 12 * step for step in (1, 2, 3)),
        0x7FFFFFFF,
        0x7FFFFFFF + 12,
    ]
    assert all(one["baseFeePerGas"] == "0x0" for one in told)
    (valid,) = simulate({}, validation=True)
    assert valid["baseFeePerGas"] == "0x7"


def test_overrides_of_a_block_are_what_its_code_sees(simulate):
    # number, time, coinbase, prevrandao, gas limit, base fee
    code = "0x" + "".join(
        f"{opcode:02x}60{32 * at:02x}52" for at, opcode in enumerate(b"\x43\x42\x41\x44\x45\x48")
    )
    code += "60c06000f3"
    said = {
        "number": "0x9",
        "time": "0x7fffffff",
        "feeRecipient": SINK,
        "prevRandao": "0x" + "05" * 32,
        "gasLimit": "0x100000",
        "baseFeePerGas": "0xb",
    }
    *_, block = simulate(
        {"blockOverrides": said, "stateOverrides": {CODE: {"code": code}}, "calls": [{"to": CODE}]}
    )
    words = bytes.fromhex(block["calls"][0]["returnData"][2:])
    seen = [int.from_bytes(words[at : at + 32], "big") for at in range(0, 192, 32)]
    assert seen == [int(one, 16) for one in said.values()]
    assert (block["miner"], block["mixHash"], block["number"]) == (SINK, said["prevRandao"], "0x9")


def test_a_block_knows_the_hashes_of_those_before_it(simulate, methods):
    methods.call("anvil_mine", [2])
    real = methods.call("eth_getBlockByNumber", ["0x1"])["hash"]
    code = {CODE: {"code": "0x6000354060005260206000f3"}}
    asked = [{"to": CODE, "input": f"0x{number:064x}"} for number in (1, 3, 4)]
    first, second = simulate({}, {"stateOverrides": code, "calls": asked})
    assert [one["returnData"] for one in second["calls"]] == [real, first["hash"], "0x" + "00" * 32]
    # on an older block, the newer ones are not there
    (only,) = simulate({"stateOverrides": code, "calls": asked[:2]}, at="0x1")
    assert (only["number"], only["calls"][1]["returnData"]) == ("0x2", "0x" + "00" * 32)


def test_what_moves_ether_is_told_as_a_transfer_where_asked(simulate):
    # sends 5 on, and destroys itself in favour of its caller
    code = "0x60006000600060006005" + "73" + SINK[2:] + "5af1" + "50" + "33ff"
    block = {
        "stateOverrides": {CODE: {"code": code}, POOR: {"balance": "0x100"}},
        "calls": [{"from": POOR, "to": CODE, "value": "0x9"}, {"from": POOR, "to": SINK, "value": "0x1"}],
    }
    (plain,) = simulate(block)
    assert [one["logs"] for one in plain["calls"]] == [[], []]
    (told,) = simulate(block, traceTransfers=True)
    logs = [log for one in told["calls"] for log in one["logs"]]
    expected = [(POOR, CODE, 9), (CODE, SINK, 5), (CODE, POOR, 4), (POOR, SINK, 1)]
    assert [(log["topics"], int(log["data"], 16)) for log in logs] == [
        ([TRANSFER, padded(sender), padded(recipient)], value) for sender, recipient, value in expected
    ]
    assert {log["address"] for log in logs} == {ETHER}
    assert [log["logIndex"] for log in logs] == ["0x0", "0x1", "0x2", "0x3"]
    assert [log["transactionHash"] for log in logs] == [told["transactions"][0]] * 3 + [
        told["transactions"][1]
    ]
    assert {log["blockHash"] for log in logs} == {told["hash"]}
    assert told["logsBloom"] != plain["logsBloom"]


def test_what_is_reverted_moved_nothing(simulate):
    block = {
        "stateOverrides": {CODE: {"code": REVERTS}},
        "calls": [{"from": DEV, "to": CODE, "value": "0x9"}, {"from": DEV, "to": CODE, "gas": "0x5300"}],
    }
    (told,) = simulate(block, traceTransfers=True)
    reverted, _ = told["calls"]
    assert (reverted["status"], reverted["logs"], reverted["returnData"]) == ("0x0", [], "0x")
    assert (reverted["error"]["code"], reverted["error"]["data"]) == (3, f"0x{1:064x}")
    assert reverted["error"]["message"] == "execution reverted"
    endless = {"stateOverrides": {CODE: {"code": "0x5b600056"}}, "calls": [{"to": CODE, "gas": "0x6000"}]}
    (told,) = simulate(endless)
    assert (told["calls"][0]["status"], told["calls"][0]["error"]["code"]) == ("0x0", -32015)


def test_whole_transactions_are_told_where_asked(simulate):
    calls = [
        {"from": DEV, "to": SINK, "value": "0x3", "input": "0x01"},
        {"from": DEV, "to": None, "input": "0x00", "maxFeePerGas": "0x9"},
    ]
    (told,) = simulate({"calls": calls}, returnFullTransactions=True)
    first, second = told["transactions"]
    assert (first["from"], first["to"], first["value"], first["input"]) == (DEV, SINK, "0x3", "0x01")
    assert (first["nonce"], second["nonce"], second["to"]) == ("0x0", "0x1", None)
    assert (second["blockHash"], second["transactionIndex"]) == (told["hash"], "0x1")
    (short,) = simulate({"calls": calls})
    assert short["transactions"] == [first["hash"], second["hash"]]
    assert short["hash"] == told["hash"]


FEES = {"maxFeePerGas": "0x9", "maxPriorityFeePerGas": "0x1"}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"nonce": "0x1", **FEES}, -38011),
        ({}, -38012),
        ({"gas": "0x5000", **FEES}, -38013),
        ({"value": hex(10**30), **FEES}, -38014),
        ({"gas": "0x1c9c381", **FEES}, None),
        ({"from": CODE, **FEES}, -38024),
        ({"to": None, "input": "0x" + "00" * 49_153, **FEES}, -38025),
    ],
)
def test_validation_refuses_what_a_block_would(simulate, call, code):
    block = {
        "stateOverrides": {CODE: {"code": "0x00", "balance": hex(10**20)}},
        "calls": [{"from": DEV, "to": SINK, **call}],
    }
    if code is None:
        assert simulate(block, validation=True)
        return
    with pytest.raises(Fault) as refused:
        simulate(block, validation=True)
    assert refused.value.code == code


def test_without_validation_a_call_is_free_and_anybodys(simulate):
    block = {
        "stateOverrides": {CODE: {"code": "0x00"}},
        "calls": [{"from": CODE, "to": SINK}, {"from": DEV, "to": SINK, "nonce": "0x7"}],
    }
    (told,) = simulate(block)
    assert [one["status"] for one in told["calls"]] == ["0x1", "0x1"]


def test_nonces_and_balances_go_on_under_validation(simulate):
    call = {"from": POOR, "to": SINK, "value": "0x1", "gas": "0x5208", **FEES}
    blocks = [
        {"stateOverrides": {POOR: {"balance": hex(21_000 * 9 * 2 + 2)}}, "calls": [{**call, "nonce": "0x0"}]},
        {"calls": [{**call, "nonce": "0x1"}]},
    ]
    assert all(one["calls"][0]["status"] == "0x1" for one in simulate(*blocks, validation=True))
    with pytest.raises(Fault) as refused:
        simulate(*blocks, blocks[1], validation=True)
    assert refused.value.code == -38010
    with pytest.raises(Fault) as refused:
        simulate(*blocks, {"calls": [{**call, "value": "0xffffffff"}]}, validation=True)
    assert refused.value.code == -38014


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        ([{"blockOverrides": {"number": "0x0"}}], -38020),
        ([{"blockOverrides": {"number": "0x3"}}, {"blockOverrides": {"number": "0x3"}}], -38020),
        ([{"blockOverrides": {"time": "0x1"}}], -38021),
        ([{"blockOverrides": {"number": "0x101"}}], -38026),
        ([{}] * 257, -38026),
        ([{"blockOverrides": {"gasLimit": "0x6000"}, "calls": [{"gas": "0x6001"}]}], -38015),
        ([], -32602),
        ([{"blocks": []}], -32602),
        ([{"calls": {}}], -32602),
        ([{"blockOverrides": {"withdrawals": [{}]}}], -32602),
        ([{"stateOverrides": {SINK: {"movePrecompileToAddress": CODE}}}], -32602),
    ],
)
def test_what_makes_no_chain_is_refused(simulate, blocks, code):
    with pytest.raises(Fault) as refused:
        simulate(*blocks)
    assert refused.value.code == code


def test_an_answer_has_an_end(simulate, monkeypatch):
    monkeypatch.setattr(simulation, "_MOST_BYTES", 10_000)
    with pytest.raises(Fault, match="larger than") as refused:
        simulate({"stateOverrides": {CODE: {"code": "0x6110006000f3"}}, "calls": [{"to": CODE}] * 3})
    assert refused.value.code == -32005


def test_what_is_simulated_is_what_is_mined(simulate, methods):
    """A block of the chain, simulated before with the same clock and fees, has the same state and receipts."""
    raw = Account.sign_transaction(
        {
            "chainId": 31337, "nonce": 0, "gas": 100_000, "data": "0x6001600055", "value": 3,
            "maxFeePerGas": 9, "maxPriorityFeePerGas": 1,
        },
        DEV_KEY,
    ).raw_transaction  # fmt: skip
    methods.call("eth_sendRawTransaction", ["0x" + bytes(raw).hex()])
    real = methods.call("eth_getBlockByNumber", ["latest"])
    call = {"from": DEV, "input": "0x6001600055", "value": "0x3", "gas": hex(100_000), **FEES}
    block = {"calls": [call], "blockOverrides": {"time": real["timestamp"], "prevRandao": real["mixHash"]}}
    (told,) = simulate(block, at="0x0", validation=True)
    for name in ("stateRoot", "receiptsRoot", "gasUsed", "logsBloom", "parentHash", "baseFeePerGas"):
        assert told[name] == real[name]

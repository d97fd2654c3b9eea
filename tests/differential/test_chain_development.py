"""Simulation, impersonation and what waits, asked of the local chain and of the reference node in the same words."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils import keccak

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from anvil import ABSENT, Anvil, binary
from chain_side import DEV, SINK, Side, calldata

from freehold.chain.embedded import EmbeddedNode

NEEDS_ANVIL = pytest.mark.skipif(binary() is None, reason=ABSENT)
TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
PERSON, OTHER, CODE = "0x" + "33" * 20, "0x" + "44" * 20, "0x" + "c2" * 20
ETHER = hex(10**18)


@pytest.fixture(scope="module", params=["embedded", pytest.param("anvil", marks=NEEDS_ANVIL)])
def side(request, tmp_path_factory) -> Iterator[Side]:
    with ExitStack() as stack:
        home = tmp_path_factory.mktemp("development")
        node = stack.enter_context(EmbeddedNode(home) if request.param == "embedded" else Anvil())
        made = Side(node.url)
        stack.callback(made.close)
        made.dollar = made.deploy("TestDollar")
        yield made


def mined(side, sent):
    """The receipt; the reference node may answer before it has one."""
    for _ in range(1_000):
        receipt = side.ask("eth_getTransactionReceipt", sent)
        if receipt is not None:
            return receipt
    raise AssertionError("the transaction was not mined")


def told_of_queue(side, count):
    """Whether so many wait and nothing else, at once here, soon on the reference node."""
    return any(side.ask("txpool_status") == {"pending": "0x0", "queued": count} for _ in range(1_000))


def padded(address):
    return "0x" + address[2:].lower().rjust(64, "0")


# -- impersonation


@pytest.mark.parametrize("family", ["anvil", "hardhat"])
def test_an_account_is_spoken_for_from_then_until_then(side, family):
    before = side.balance(OTHER)
    side.ask("anvil_setBalance", PERSON, ETHER)
    side.fault("eth_sendTransaction", {"from": PERSON, "to": OTHER, "value": "0x5"})
    side.ask(f"{family}_impersonateAccount", PERSON)
    assert PERSON in side.ask("eth_accounts")
    sent = side.ask("eth_sendTransaction", {"from": PERSON, "to": OTHER, "value": "0x5"})
    receipt = mined(side, sent)
    assert (receipt["status"], receipt["from"], receipt["gasUsed"]) == ("0x1", PERSON, "0x5208")
    assert side.balance(OTHER) == before + 5
    shown = side.ask("eth_getTransactionByHash", sent)
    assert (shown["from"], shown["to"], shown["hash"]) == (PERSON, OTHER, sent)
    side.ask(f"{family}_stopImpersonatingAccount", PERSON)
    side.fault("eth_sendTransaction", {"from": PERSON, "to": OTHER, "value": "0x5"})


def test_a_contract_acts_by_its_own_balance(side):
    side.ask("anvil_setBalance", side.dollar, ETHER)
    side.ask("anvil_impersonateAccount", side.dollar)
    data = calldata("TestDollar", "mint", OTHER, 3)
    sent = side.ask("eth_sendTransaction", {"from": side.dollar, "to": side.dollar, "input": data})
    receipt = mined(side, sent)
    assert (receipt["status"], receipt["from"]) == ("0x1", side.dollar)
    assert receipt["logs"][0]["topics"] == [TRANSFER, padded("0x00"), padded(OTHER)]
    side.ask("anvil_stopImpersonatingAccount", side.dollar)


def test_the_development_account_is_spoken_for(side):
    assert DEV.address.lower() in side.ask("eth_accounts")
    sent = side.ask("eth_sendTransaction", {"from": DEV.address, "to": OTHER, "value": "0x1"})
    side.nonces[DEV.address] += 1
    raw = side.ask("eth_getTransactionByHash", sent)
    assert (raw["from"], int(raw["s"], 16) > 0) == (DEV.address.lower(), True)


# -- simulation


def simulated(side, *blocks, **options):
    return side.ask("eth_simulateV1", {"blockStateCalls": list(blocks), **options}, "latest")


def told(block):
    """What both tell alike of calls: all but hashes, which hold roots that the reference node leaves out."""
    return [
        (
            call["status"],
            call["gasUsed"],
            [(log["address"], log["topics"], log["data"], log["logIndex"]) for log in call["logs"]],
        )
        for call in block["calls"]
    ]


def test_calls_of_a_simulation_cost_and_log_what_transactions_do(side):
    mint = {
        "from": DEV.address,
        "to": side.dollar,
        "input": calldata("TestDollar", "mint", DEV.address, 9),
    }
    move = {"from": DEV.address, "to": side.dollar, "input": calldata("TestDollar", "transfer", OTHER, 4)}
    (block,) = simulated(side, {"calls": [mint, move]})
    first, second = told(block)
    assert (first[0], second[0]) == ("0x1", "0x1")
    snapshot = side.ask("evm_snapshot")
    receipts = [side.send(to=side.dollar, data=one["input"]) for one in (mint, move)]
    side.ask("evm_revert", snapshot)
    side.nonces[DEV.address] -= 2
    assert [first[1], second[1]] == [one["gasUsed"] for one in receipts]
    assert [[log[1] for log in one[2]] for one in (first, second)] == [
        [log["topics"] for log in one["logs"]] for one in receipts
    ]
    assert int(block["gasUsed"], 16) == sum(int(one["gasUsed"], 16) for one in receipts)


def test_both_tell_the_same_of_the_same_blocks():
    if binary() is None:
        pytest.skip(ABSENT)
    forwards = "0x60006000600060006005" + "73" + SINK[2:] + "5af1" + "00"
    counts = "0x60005460010160005560005460005260206000f3"
    blocks = [
        {
            "stateOverrides": {CODE: {"code": forwards}, PERSON: {"balance": "0x3e8"}},
            "calls": [
                {"from": PERSON, "to": CODE, "value": "0x9"},
                {"from": PERSON, "to": OTHER, "value": "0x1", "input": "0x010002"},
                {"from": DEV.address, "to": CODE, "gas": "0x7000"},
            ],
        },
        {
            "stateOverrides": {
                OTHER: {"code": counts, "stateDiff": {"0x" + "00" * 32: "0x" + "00" * 31 + "07"}}
            },
            "calls": [
                {"to": OTHER},
                {"to": OTHER},
                {"to": OTHER, "accessList": [{"address": CODE, "storageKeys": []}]},
            ],
        },
        {"stateOverrides": {OTHER: {"code": "0x60016000526020" + "6000fd"}}, "calls": [{"to": OTHER}]},
    ]
    answers = []
    with ExitStack() as stack:
        import tempfile

        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for node in (EmbeddedNode(home), Anvil()):
            one = Side(stack.enter_context(node).url)
            stack.callback(one.close)
            answers.append(simulated(one, *blocks, traceTransfers=True))
    ours, theirs = answers
    assert [told(one) for one in ours] == [told(one) for one in theirs]
    assert [one["gasUsed"] for one in ours] == [one["gasUsed"] for one in theirs]
    # the reference node counts from the head itself
    assert [int(one["number"], 16) for one in ours] == [1, 2, 3]


# -- what waits, and who waits


def test_what_lacks_an_earlier_nonce_waits(side):
    person = Account.from_key(b"\7" * 32)
    side.ask("anvil_setBalance", person.address, ETHER)
    late = side.ask("eth_sendRawTransaction", side.sign(account=person, nonce=2))
    assert told_of_queue(side, "0x1")
    content = side.ask("txpool_content")
    (sender,) = content["queued"]
    assert (sender.lower(), content["pending"]) == (person.address.lower(), {})
    (told_of,) = content["queued"][sender].items()
    assert (told_of[0], told_of[1]["hash"], told_of[1]["blockHash"]) == ("2", late, None)
    for nonce in (0, 1):
        side.ask("eth_sendRawTransaction", side.sign(account=person, nonce=nonce))
    assert told_of_queue(side, "0x0")


def test_a_receipt_is_the_answer_to_who_waits(side):
    receipt = side.ask("eth_sendRawTransactionSync", side.sign(value=3))
    side.nonces[DEV.address] += 1
    assert receipt["status"] == "0x1"
    assert receipt == side.ask("eth_getTransactionReceipt", receipt["transactionHash"])
    assert "nonce too low" in side.fault("eth_sendRawTransactionSync", side.sign(nonce=0))["message"].lower()


# -- delegations in calls


def test_a_call_delegates_as_a_transaction_would(side):
    person = Account.from_key(b"\x0b" * 32)
    keeper = side.send(to=None, data="0x600580600b6000396000f3" + "3360005500")["contractAddress"]
    made = person.sign_authorization({"chainId": 31337, "address": keeper, "nonce": 0})
    listed = {
        "chainId": "0x7a69",
        "address": keeper,
        "nonce": "0x0",
        "yParity": hex(made.y_parity),
        "r": hex(made.r),
        "s": hex(made.s),
    }
    call = {"from": DEV.address, "to": person.address, "authorizationList": [listed]}
    plain = int(side.ask("eth_estimateGas", {"from": DEV.address, "to": person.address}), 16)
    gas = int(side.ask("eth_estimateGas", call), 16)
    assert plain == 21_000
    assert gas > 46_000 + 20_000
    (block,) = simulated(side, {"calls": [{**call, "gas": hex(gas)}]})
    assert block["calls"][0]["status"] == "0x1"
    listing = side.ask("eth_createAccessList", call)
    assert {one["address"] for one in listing["accessList"]} == {person.address.lower()}
    receipt = side.send(to=person.address, gas=gas, authorizationList=[made])
    assert (receipt["status"], receipt["gasUsed"]) == ("0x1", block["calls"][0]["gasUsed"])
    assert side.ask("eth_getCode", person.address, "latest") == "0xef0100" + keeper[2:]

"""What clients rely on, asked of the local chain and of the reference node in the same words."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import rlp
from eth_account import Account
from eth_utils import keccak

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from anvil import ABSENT, Anvil, binary
from chain_side import DEV, SINK, Side, calldata

from freehold.chain import proof
from freehold.chain.embedded import EmbeddedNode
from freehold.chain.rpc import Rpc

NEEDS_ANVIL = pytest.mark.skipif(binary() is None, reason=ABSENT)
TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
OTHER = "0x" + "22" * 20
NOWHERE = "0x" + "00" * 20


def word(value):
    number = int(value, 16) if isinstance(value, str) else value
    return f"0x{number:064x}"


@pytest.fixture(scope="module", params=["embedded", pytest.param("anvil", marks=NEEDS_ANVIL)])
def side(request, tmp_path_factory) -> Iterator[Side]:
    with ExitStack() as stack:
        home = tmp_path_factory.mktemp("conformance")
        node = stack.enter_context(EmbeddedNode(home) if request.param == "embedded" else Anvil())
        made = Side(node.url)
        stack.callback(made.close)
        yield made


@pytest.fixture(scope="module")
def dollar(side):
    return side.deploy("TestDollar")


def mint(side, dollar, to, amount, **more):
    return side.send(to=dollar, data=calldata("TestDollar", "mint", to, amount), **more)


def held(side, dollar, account, *rest):
    asked = {"to": dollar, "data": calldata("TestDollar", "balanceOf", account)}
    return int(side.ask("eth_call", asked, *(rest or ("latest",))), 16)


# -- transactions


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("0x0", {"gasPrice": 1_000}),
        ("0x1", {"gasPrice": 1_000, "accessList": [{"address": SINK, "storageKeys": [word(1)]}]}),
        ("0x2", {"maxFeePerGas": 1_000, "maxPriorityFeePerGas": 3}),
    ],
)
def test_every_kind_of_transaction_is_mined_and_shown(side, kind, fields):
    before, paid = side.balance(DEV.address), side.balance(SINK)
    receipt = side.send(to=SINK, value=5, **fields)
    sent = side.ask("eth_getTransactionByHash", receipt["transactionHash"])
    assert receipt["type"] == sent["type"] == kind
    assert receipt["status"] == "0x1"
    assert receipt["contractAddress"] is None
    base_fee = int(side.ask("eth_getBlockByNumber", receipt["blockNumber"], False)["baseFeePerGas"], 16)
    price = 1_000 if "gasPrice" in fields else base_fee + 3
    assert int(receipt["effectiveGasPrice"], 16) == int(sent["gasPrice"], 16) == price
    assert before - side.balance(DEV.address) == 5 + price * int(receipt["gasUsed"], 16)
    assert side.balance(SINK) - paid == 5
    assert int(sent["value"], 16) == 5
    assert sent["blockHash"] == receipt["blockHash"]
    assert sent["from"] == receipt["from"] == DEV.address.lower()
    assert ("accessList" in sent) is (kind != "0x0")
    assert ("maxFeePerGas" in sent) is (kind == "0x2")


def test_a_deployment_names_its_contract_and_a_failed_call_keeps_its_fee(side, dollar):
    created = keccak(rlp.encode([bytes.fromhex(DEV.address[2:]), side.nonces[DEV.address]]))[12:].hex()
    receipt = side.send(to=None, data="0x600160005260016000f3")
    assert receipt["contractAddress"] == "0x" + created
    assert receipt["to"] is None
    assert side.ask("eth_getCode", "0x" + created, "latest") == "0x00"
    before = side.balance(DEV.address)
    failed = side.send(to=dollar, data=calldata("TestDollar", "transfer", SINK, 10**12))
    assert failed["status"] == "0x0"
    assert failed["logs"] == []
    cost = int(failed["gasUsed"], 16) * int(failed["effectiveGasPrice"], 16)
    assert before - side.balance(DEV.address) == cost > 0


def test_a_nonce_gap_waits_until_it_is_filled(side):
    account = Account.from_key(b"\x21" * 32)
    side.send(to=account.address, value=10**18)
    late = side.ask("eth_sendRawTransaction", side.sign(account=account, nonce=1))
    assert side.ask("eth_getTransactionReceipt", late) is None
    assert side.ask("eth_getTransactionByHash", late)["blockNumber"] is None
    side.send(account=account, nonce=0)
    for _ in range(1_000):
        if side.ask("eth_getTransactionReceipt", late) is not None:
            break
    assert int(side.ask("eth_getTransactionCount", account.address, "latest"), 16) == 2


# -- calls


def test_a_call_sees_the_state_of_its_block(side, dollar):
    first = mint(side, dollar, OTHER, 7)
    mint(side, dollar, OTHER, 5)
    assert held(side, dollar, OTHER) == 12
    assert held(side, dollar, OTHER, first["blockNumber"]) == 7
    assert held(side, dollar, OTHER, {"blockHash": first["blockHash"]}) == 7
    assert held(side, dollar, OTHER, {"blockNumber": first["blockNumber"]}) == 7


def test_a_revert_carries_the_contracts_error(side, dollar):
    asked = {"from": DEV.address, "to": dollar, "data": calldata("TestDollar", "transfer", SINK, 10**12)}
    wanted = "0x" + keccak(text="ERC20InsufficientBalance(address,uint256,uint256)")[:4].hex()
    wanted += word(DEV.address)[2:] + word(0)[2:] + word(10**12)[2:]
    for method in ("eth_call", "eth_estimateGas"):
        error = side.fault(method, asked)
        assert error["code"] == 3
        assert error["data"] == wanted
        assert error["message"].startswith("execution reverted")


def test_a_reason_string_is_told(side):
    # revert with Error("no"), as initcode
    text = "08c379a0" + word(32)[2:] + word(2)[2:] + "6e6f".ljust(64, "0")
    code = "0x6064600c60003960646000fd" + text
    error = side.fault("eth_call", {"data": code}, "latest")
    assert error["message"].startswith("execution reverted: ")
    assert "no" in error["message"]
    assert error["data"] == "0x" + text


def test_state_overrides_hold_for_one_call(side, dollar):
    slot = word(keccak(bytes.fromhex(word(OTHER)[2:]) + bytes(32)).hex())
    before = held(side, dollar, OTHER)
    assert held(side, dollar, OTHER, "latest", {dollar: {"stateDiff": {slot: word(999)}}}) == 999
    assert held(side, dollar, OTHER, "latest", {dollar: {"state": {word(77): word(1)}}}) == 0
    assert held(side, dollar, SINK, "latest", {dollar: {"code": "0x602a60005260206000f3"}}) == 42
    spend = {"from": "0x" + "33" * 20, "to": SINK, "value": hex(10**18)}
    assert side.ask("eth_call", spend, "latest", {spend["from"]: {"balance": hex(10**19)}}) == "0x"
    assert side.fault("eth_call", spend, "latest")
    assert held(side, dollar, OTHER) == before


def test_an_estimate_suffices_and_is_close(side, dollar):
    for fields in (
        {"to": SINK, "value": 1, "data": "0x"},
        {"to": dollar, "data": calldata("TestDollar", "mint", "0x" + "44" * 20, 9)},
        {"to": None, "data": "0x602a60005260206000f3"},
    ):
        message = {"from": DEV.address, **{k: hex(v) if k == "value" else v for k, v in fields.items() if v}}
        estimate = int(side.ask("eth_estimateGas", message), 16)
        receipt = side.send(**fields, gas=estimate)
        assert receipt["status"] == "0x1"
        assert int(receipt["gasUsed"], 16) <= estimate <= int(receipt["gasUsed"], 16) * 1.02


def test_an_access_list_names_what_a_call_touches(side, dollar):
    asked = {"from": DEV.address, "to": dollar, "data": calldata("TestDollar", "mint", OTHER, 1)}
    made = side.ask("eth_createAccessList", asked, "latest")
    (entry,) = made["accessList"]
    assert entry["address"] == dollar.lower()
    balance = word(keccak(bytes.fromhex(word(OTHER)[2:]) + bytes(32)).hex())
    assert balance in entry["storageKeys"]
    assert len(entry["storageKeys"]) == 2
    sent = side.send(to=dollar, data=asked["data"], accessList=made["accessList"])
    assert int(sent["gasUsed"], 16) == int(made["gasUsed"], 16)


# -- logs


@pytest.fixture(scope="module")
def minted(side, dollar):
    """Receipts of mints of 101, 102, 103 to SINK, OTHER, SINK."""
    return [mint(side, dollar, to, 101 + index) for index, to in enumerate((SINK, OTHER, SINK))]


def test_logs_are_found_by_address_topic_and_block(side, dollar, minted):
    first, last = minted[0]["blockNumber"], minted[2]["blockNumber"]

    def amounts(**wanted):
        span = {} if "blockHash" in wanted else {"fromBlock": first, "toBlock": last}
        return [int(log["data"], 16) for log in side.ask("eth_getLogs", {**span, **wanted})]

    assert amounts(address=dollar) == [101, 102, 103]
    assert amounts(address=[SINK, dollar]) == [101, 102, 103]
    assert amounts(address=SINK) == []
    assert amounts(topics=[TRANSFER]) == [101, 102, 103]
    assert amounts(topics=[]) == amounts(topics=[None]) == amounts(topics=[[]]) == [101, 102, 103]
    assert amounts(topics=[TRANSFER, None, word(SINK)]) == [101, 103]
    assert amounts(topics=[[TRANSFER, word(1)], word(NOWHERE), [word(SINK), word(OTHER)]]) == [101, 102, 103]
    assert amounts(topics=[None, None, word(OTHER)]) == [102]
    assert amounts(topics=[word(1)]) == []
    assert amounts(blockHash=minted[1]["blockHash"]) == [102]
    assert amounts(blockHash=minted[1]["blockHash"], topics=[None, None, word(SINK)]) == []
    assert amounts(toBlock=first) == [101]
    assert amounts(fromBlock=last) == amounts(fromBlock=last, toBlock="latest") == [103]


def test_a_log_says_where_it_stands(side, dollar, minted):
    receipt = minted[1]
    (log,) = side.ask("eth_getLogs", {"blockHash": receipt["blockHash"]})
    assert log == receipt["logs"][0]
    block = side.ask("eth_getBlockByHash", receipt["blockHash"], False)
    assert log["address"] == dollar
    assert log["topics"] == [TRANSFER, word(NOWHERE), word(OTHER)]
    assert (log["logIndex"], log["transactionIndex"], log["removed"]) == ("0x0", "0x0", False)
    assert log["transactionHash"] == receipt["transactionHash"]
    assert log["blockTimestamp"] == block["timestamp"]
    assert int(receipt["logsBloom"], 16) == int(block["logsBloom"], 16) != 0


def test_unanswerable_log_questions_are_refused(side):
    assert side.fault("eth_getLogs", {"blockHash": "0x" + "ab" * 32})
    assert side.fault("eth_getLogs", {"topics": ["0x12"]})["code"] == -32602
    assert side.fault("eth_getLogs", {"address": "0x12"})["code"] == -32602


def test_filters_tell_each_thing_once(side, dollar):
    logs = side.ask("eth_newFilter", {"address": dollar, "topics": [TRANSFER, None, [word(SINK)]]})
    blocks = side.ask("eth_newBlockFilter")
    assert side.ask("eth_getFilterChanges", logs) == side.ask("eth_getFilterChanges", blocks) == []
    sent = [mint(side, dollar, to, 7) for to in (SINK, OTHER)]
    assert side.ask("eth_getFilterChanges", blocks) == [receipt["blockHash"] for receipt in sent]
    assert side.ask("eth_getFilterChanges", logs) == sent[0]["logs"]
    assert side.ask("eth_getFilterChanges", logs) == side.ask("eth_getFilterChanges", blocks) == []
    assert side.ask("eth_uninstallFilter", logs) is True
    assert side.ask("eth_uninstallFilter", logs) is False
    assert side.fault("eth_getFilterChanges", logs)["code"] == -32000


# -- blocks and proofs


def test_a_block_hashes_to_its_hash_and_links_to_its_parent(side, minted):
    number = int(minted[2]["blockNumber"], 16)
    block = side.ask("eth_getBlockByNumber", hex(number), False)
    assert proof._header(block).hash.hex() == block["hash"][2:]
    assert block["parentHash"] == minted[1]["blockHash"]
    assert block["transactions"] == [minted[2]["transactionHash"]]
    full = side.ask("eth_getBlockByHash", block["hash"], True)
    shown = full.pop("transactions")
    assert full == {name: value for name, value in block.items() if name != "transactions"}
    assert shown == [side.ask("eth_getTransactionByHash", minted[2]["transactionHash"])]
    assert side.ask("eth_getTransactionByBlockNumberAndIndex", hex(number), "0x0") == shown[0]
    assert side.ask("eth_getTransactionByBlockHashAndIndex", block["hash"], "0x0") == shown[0]
    assert side.ask("eth_getTransactionByBlockNumberAndIndex", hex(number), "0x1") is None
    assert side.ask("eth_getBlockTransactionCountByNumber", hex(number)) == "0x1"
    assert side.ask("eth_getBlockTransactionCountByHash", block["hash"]) == "0x1"
    assert side.ask("eth_getBlockReceipts", hex(number)) == [minted[2]]
    assert side.ask("eth_getBlockByNumber", "0xfffff", False) is None
    assert side.ask("eth_getBlockByHash", "0x" + "ab" * 32, False) is None


def test_proofs_hold_for_what_is_and_what_is_not(side, dollar, minted):
    slot = int(keccak(bytes.fromhex(word(SINK)[2:]) + bytes(32)).hex(), 16)
    with Rpc(side.url) as rpc:
        bundle = proof.capture(rpc, [(dollar, [slot, 12345]), ("0x" + "77" * 20, [0])])
    state = proof.verify(bundle).state
    assert state[dollar.lower(), slot] == held(side, dollar, SINK)
    assert state[dollar.lower(), 12345] == 0
    shown = side.ask("eth_getProof", dollar, [word(slot)], "latest")
    assert int(shown["storageProof"][0]["value"], 16) == held(side, dollar, SINK)
    assert shown["codeHash"] == "0x" + keccak(hexstr=side.ask("eth_getCode", dollar, "latest")).hex()


def test_fee_history_tells_what_was_paid(side):
    side.send(to=SINK, maxPriorityFeePerGas=9, maxFeePerGas=1_000)
    side.send(to=SINK, maxPriorityFeePerGas=4, maxFeePerGas=1_000)
    history = side.ask("eth_feeHistory", "0x2", "latest", [0, 50, 100])
    assert history["reward"] == [["0x9"] * 3, ["0x4"] * 3]
    assert history["baseFeePerGas"] == ["0x7"] * 3
    assert history["gasUsedRatio"] == [21_000 / 30_000_000] * 2
    assert int(history["oldestBlock"], 16) == int(side.ask("eth_blockNumber"), 16) - 1


# -- errors


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"nonce": 0}, "nonce too low"),
        ({"maxFeePerGas": 1}, "max fee per gas less than block base fee"),
        ({"gas": 20_000}, "intrinsic gas too low"),
        ({"chainId": 1}, "invalid chain id"),
        ({"value": 10**30}, "insufficient funds for gas * price + value"),
        (
            {"maxFeePerGas": 100, "maxPriorityFeePerGas": 200},
            "max priority fee per gas higher than max fee per gas",
        ),
    ],
)
def test_a_refused_transaction_says_why_in_the_words_clients_look_for(side, fields, says):
    error = side.fault("eth_sendRawTransaction", side.sign(**fields))
    assert says in error["message"].lower()
    assert error["code"] in (-32000, -32003)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("eth_nope", [], -32601),
        ("eth_getBalance", ["0x12", "latest"], -32602),
        ("eth_getBalance", [], -32602),
        ("eth_getTransactionReceipt", ["0x12"], -32602),
    ],
)
def test_malformed_questions_get_the_standard_codes(side, method, params, code):
    assert side.fault(method, *params)["code"] == code


# -- time and rewinding


def test_time_is_set_and_snapshots_rewind(side, dollar):
    before, number = held(side, dollar, OTHER), side.ask("eth_blockNumber")
    held_at = side.ask("evm_snapshot")
    now = int(side.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    side.ask("evm_setNextBlockTimestamp", now + 5_000)
    receipt = mint(side, dollar, OTHER, 3)
    shown = side.ask("eth_getBlockByNumber", receipt["blockNumber"], False)
    assert int(shown["timestamp"], 16) == now + 5_000
    side.ask("evm_increaseTime", 86_400)
    side.ask("evm_mine")
    later = int(side.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    assert 0 <= later - now - 91_400 <= 5
    assert side.fault("evm_setNextBlockTimestamp", now)["code"] == -32602
    side.ask("anvil_mine", "0x3")
    assert int(side.ask("eth_blockNumber"), 16) == int(number, 16) + 5
    assert side.ask("evm_revert", held_at) is True
    side.nonces[DEV.address] -= 1
    assert side.ask("eth_blockNumber") == number
    assert held(side, dollar, OTHER) == before
    assert side.ask("eth_getTransactionReceipt", receipt["transactionHash"]) is None
    assert mint(side, dollar, OTHER, 3)["status"] == "0x1"

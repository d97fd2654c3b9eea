"""Subscriptions over WebSocket, filters' limits, and supposed blocks: asked by an independent client library."""

import contextlib
import json
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import rlp
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from chain_side import DEV, SINK, Side, calldata

from freehold.chain.embedded import EmbeddedNode
from freehold.chain.embedded.logs import MOST_FILTERS


@pytest.fixture
def side(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        made = Side(node.url)
        yield made
        made.close()


class Live:
    """A WebSocket connection; notifications that come between answers are kept."""

    def __init__(self, socket):
        self.socket = socket
        self.kept = []

    def answer(self, method, *params):
        self.socket.send(json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv(timeout=10))
            if "id" in message:
                return message
            self.kept.append(message["params"])

    def heard(self):
        return self.kept.pop(0) if self.kept else json.loads(self.socket.recv(timeout=10))["params"]


@contextmanager
def live(side, **more):
    with connect(side.url.replace("http", "ws"), proxy=None, **more) as socket:
        yield Live(socket)


def test_subscribers_hear_of_each_block_log_and_transaction(side):
    dollar = side.deploy("TestDollar")
    with live(side) as one, live(side) as two:
        heads = one.answer("eth_subscribe", "newHeads")["result"]
        logs = one.answer("eth_subscribe", "logs", {"address": dollar})["result"]
        sent = two.answer("eth_subscribe", "newPendingTransactions")["result"]
        receipt = side.send(to=dollar, data=calldata("TestDollar", "mint", SINK, 5))
        heard = {(told := one.heard())["subscription"]: told["result"] for _ in range(2)}
        assert heard[heads]["hash"] == receipt["blockHash"]
        assert heard[logs] == receipt["logs"][0]
        assert two.heard() == {"subscription": sent, "result": receipt["transactionHash"]}
        side.send(value=1)
        assert one.heard()["subscription"] == heads
        assert one.answer("eth_unsubscribe", heads)["result"] is True
        assert one.answer("eth_unsubscribe", heads)["result"] is False
        side.send(value=1)
        side.send(to=dollar, data=calldata("TestDollar", "mint", SINK, 6))
        assert int(one.heard()["result"]["data"], 16) == 6
        assert one.kept == []


def test_a_connection_answers_every_method_and_keeps_its_own_subscriptions(side):
    with live(side) as one:
        assert one.answer("eth_chainId")["result"] == "0x7a69"
        assert one.answer("eth_subscribe", "weather")["error"]["code"] == -32602
        assert one.answer("eth_subscribe", "logs", {"topics": ["0x12"]})["error"]["code"] == -32602
        for _ in range(100):
            name = one.answer("eth_subscribe", "newHeads")["result"]
        assert one.answer("eth_subscribe", "newHeads")["error"]["code"] == -32005
        one.socket.send("{")
        assert json.loads(one.socket.recv(timeout=10))["error"]["code"] == -32700
    assert side.fault("eth_subscribe", "newHeads")["code"] == -32601
    for _ in range(100):
        if side.answer("eth_getFilterChanges", name).get("error"):
            break
    else:
        pytest.fail("the subscriptions outlive their connection")


def test_pages_from_elsewhere_cannot_connect(side):
    with pytest.raises(InvalidStatus), live(side, origin="https://evil.example"):
        pass
    # other programs of this machine serve pages too
    with pytest.raises(InvalidStatus), live(side, origin="http://localhost:3000"):
        pass
    with live(side, origin="chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn") as one:
        assert one.answer("eth_blockNumber")["result"] == "0x0"


def test_requests_come_in_binary_frames_too(side):
    with live(side) as one:
        one.socket.send(b'{"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}')
        assert json.loads(one.socket.recv(timeout=10))["result"] == "0x7a69"


def test_subscriptions_do_not_push_out_filters_and_are_bounded(side):
    filter_id = side.ask("eth_newBlockFilter")
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            one = stack.enter_context(live(side))
            for _ in range(100):
                one.answer("eth_subscribe", "newHeads")
        assert stack.enter_context(live(side)).answer("eth_subscribe", "newHeads")["error"]["code"] == -32005
        assert side.ask("eth_getFilterChanges", filter_id) == []


def test_a_node_stops_although_a_subscriber_stays(tmp_path):
    node = EmbeddedNode(tmp_path).start()
    with live(node) as one:
        one.answer("eth_subscribe", "newHeads")
        node.stop()
        with EmbeddedNode(tmp_path) as again:
            side = Side(again.url)
            assert side.ask("eth_blockNumber") == "0x0"
            side.close()


def test_filters_are_bounded_and_hear_blocks_again_after_a_rewind(side):
    first = side.ask("eth_newBlockFilter")
    snapshot = side.ask("evm_snapshot")
    side.send(value=1)
    side.send(value=1)
    assert len(side.ask("eth_getFilterChanges", first)) == 2
    assert side.ask("evm_revert", snapshot) is True
    side.nonces[DEV.address] -= 2
    again = side.send(value=2)["blockHash"]
    assert side.ask("eth_getFilterChanges", first) == [again]
    kept = side.ask("eth_newBlockFilter")
    for _ in range(MOST_FILTERS - 1):
        side.ask("eth_newBlockFilter")
    assert side.fault("eth_getFilterChanges", first)["code"] == -32000
    assert side.ask("eth_getFilterChanges", kept) == []


def test_a_call_may_suppose_a_block(side):
    # returns NUMBER, TIMESTAMP, COINBASE, PREVRANDAO, BASEFEE, GASLIMIT
    code = "0x" + "".join(
        f"{op}{0x60:02x}{32 * at:02x}52" for at, op in enumerate(["43", "42", "41", "44", "48", "45"])
    )
    supposed = {
        "number": "0x10", "time": "0x7fffffff", "feeRecipient": SINK, "prevRandao": "0x" + "ab" * 32,
        "baseFeePerGas": "0x64", "gasLimit": "0x1000000",
    }  # fmt: skip
    answer = side.ask("eth_call", {"data": code + "60c06000f3"}, "latest", None, supposed)
    words = [int(answer[2 + 64 * at : 66 + 64 * at], 16) for at in range(6)]
    assert words == [0x10, 0x7FFFFFFF, int(SINK, 16), int("ab" * 32, 16), 0x64, 0x1000000]
    assert side.fault("eth_call", {"data": "0x"}, "latest", None, {"weather": "0x1"})["code"] == -32602
    assert side.fault("eth_call", {"data": "0x"}, "latest", {SINK: {"weather": "0x1"}})["code"] == -32602
    both = {"state": {}, "stateDiff": {}}
    assert side.fault("eth_call", {"data": "0x"}, "latest", {SINK: both})["code"] == -32602


def test_storage_is_priced_by_its_supposed_value(side):
    # SSTORE(0, 1), then the gas that took
    code = "0x5a600160005560035a0190036000526020" + "6000f3"
    asked = {"to": SINK}
    fresh = int(side.ask("eth_call", asked, "latest", {SINK: {"code": code}}), 16)
    same = int(
        side.ask("eth_call", asked, "latest", {SINK: {"code": code, "stateDiff": {hex(0): hex(1)}}}), 16
    )
    other = int(
        side.ask("eth_call", asked, "latest", {SINK: {"code": code, "stateDiff": {hex(0): hex(2)}}}), 16
    )
    assert (fresh - same, other - same) == (22_100 - 2_200, 5_000 - 2_200)


def test_the_size_of_a_block_is_that_of_its_rlp(side):
    fields = [
        {"gasPrice": 1_000},
        {},
        {"data": "0x" + "ab" * 300},
        {"gasPrice": 1_000, "data": "0x" + "cd" * 400},
    ]
    raws = [side.sign(nonce=nonce, **one) for nonce, one in enumerate(fields)]
    side.ask("evm_increaseTime", 1)
    batch = [{"id": n, "method": "eth_sendRawTransaction", "params": [raw]} for n, raw in enumerate(raws)]
    side._http.post(side.url, json=batch)
    block = side.ask("eth_getBlockByNumber", "latest", False)
    assert len(block["transactions"]) == 4
    from freehold.chain import proof

    listed = [bytes.fromhex(raw[2:]) for raw in raws]
    items = [rlp.decode(raw) if raw[0] >= 0xC0 else raw for raw in listed]
    whole = rlp.encode([rlp.decode(proof._header(block).encoded), items, [], []])
    assert int(block["size"], 16) == len(whole)


def test_every_kind_of_filter_and_subscription_tells_anew_after_a_rewind(side):
    dollar = side.deploy("TestDollar")
    mint = {"to": dollar, "data": calldata("TestDollar", "mint", SINK, 5)}
    filters = {
        "logs": side.ask("eth_newFilter", {"address": dollar}),
        "blocks": side.ask("eth_newBlockFilter"),
        "transactions": side.ask("eth_newPendingTransactionFilter"),
    }
    wanted = (("newHeads",), ("logs", {"address": dollar}), ("newPendingTransactions", True))
    with live(side) as one:
        kinds = {one.answer("eth_subscribe", *asked)["result"]: asked[0] for asked in wanted}
        for gas in (100_000, 100_001):
            snapshot = side.ask("evm_snapshot")
            receipt = side.send(**mint, gas=gas)
            block, sent = receipt["blockHash"], receipt["transactionHash"]
            polled = {name: side.ask("eth_getFilterChanges", found) for name, found in filters.items()}
            assert polled == {"logs": receipt["logs"], "blocks": [block], "transactions": [sent]}
            heard = {kinds[(told := one.heard())["subscription"]]: told["result"] for _ in kinds}
            assert heard["newHeads"]["hash"] == block
            assert heard["logs"] == receipt["logs"][0]
            whole = heard["newPendingTransactions"]
            assert (whole["hash"], whole["from"], whole["gas"]) == (sent, DEV.address.lower(), hex(gas))
            assert side.ask("evm_revert", snapshot) is True
            side.nonces[DEV.address] -= 1
            # a number that was used up stays unknown
            assert side.ask("evm_revert", snapshot) is False
            assert not any(side.ask("eth_getFilterChanges", found) for found in filters.values())

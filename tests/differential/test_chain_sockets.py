"""WebSocket as the protocol has it: frames of each kind, fragments, pings, batches, ends; and clients that come back."""

import json
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import cast_methods
from anvil import CLIENTS, why_no_client
from chain_side import DEV, SINK, Side, calldata
from documented import CODES, past

from freehold.chain.embedded import EmbeddedNode
from freehold.chain.embedded.edge import MOST_MESSAGE_BYTES

NODE = pytest.mark.skipif(why_no_client() is not None, reason=str(why_no_client()))
ASK = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
TOLD = {"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}


@pytest.fixture(scope="module")
def side(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node, closing(Side(node.url)) as made:
        yield made


@pytest.fixture
def link(side):
    with connect(side.url.replace("http", "ws"), proxy=None, max_size=None) as made:
        yield made


def heard(link):
    return json.loads(link.recv(timeout=20))


def answered(link, method, *params):
    link.send(json.dumps({"id": 7, "method": method, "params": params}))
    return heard(link)


@pytest.mark.parametrize("shape", [str, str.encode], ids=["text", "binary"])
@pytest.mark.parametrize("size", [1, 10, 1_000])
def test_frames_of_each_kind_whole_and_in_fragments(link, shape, size):
    text = json.dumps(ASK)
    link.send(iter([shape(text[at : at + size]) for at in range(0, len(text), size)]))
    assert heard(link) == TOLD
    assert link.ping(b"between").wait(20)
    link.send(shape(text))
    assert heard(link) == TOLD


def test_a_ping_amid_the_fragments_of_a_request_is_answered(link):
    text, pongs = json.dumps(ASK), []

    def parts():
        for at in range(0, len(text), 9):
            yield text[at : at + 9]
            if at == 18:
                # control frames may stand between fragments (RFC 6455, section 5.4)
                link.protocol.send_ping(b"amid")
                pongs.append(at)

    link.send(parts())
    assert heard(link) == TOLD
    assert pongs == [18]
    assert link.ping().wait(20)


def test_batches_mix_answers_subscriptions_and_nonsense(side, link):
    asked = [ASK, {"id": 2, "method": "eth_subscribe", "params": ["newHeads"]}, {"method": "eth_chainId"}, 7]
    link.send(json.dumps(asked))
    first, second, third = heard(link)
    assert first == TOLD
    assert third["error"]["code"] == -32600
    side.ask("evm_mine")
    told = heard(link)["params"]
    assert told["subscription"] == second["result"]
    assert told["result"]["number"] == side.ask("eth_blockNumber")
    assert answered(link, "eth_unsubscribe", f"0x{int(second['result'], 16):064x}")["result"] is True


def test_notifications_are_not_answered_by_socket_either(link):
    link.send(json.dumps({"method": "eth_chainId"}))
    link.send(json.dumps(ASK | {"id": "after"}))
    assert heard(link)["id"] == "after"


def test_hostile_subscriptions_are_refused(link):
    for params in (
        [], [None], [7], [{}], ["newHeads", 1, 2], ["NewHeads"], ["logs", []], ["logs", {"topics": {}}], ["\ud800"],
        ["logs", {"fromBlock": "weather"}], ["newPendingTransactions", "x"], ["newPendingTransactions", {}], ["syncing"],
    ):  # fmt: skip
        code = answered(link, "eth_subscribe", *params)["error"]["code"]
        assert code == -32602, params
        assert code in CODES
    for params in ([], [None], [{}], ["0xzz"], [-1]):
        assert answered(link, "eth_unsubscribe", *params)["error"]["code"] == -32602, params
    assert answered(link, "eth_unsubscribe", "0xffffff")["result"] is False


def test_pending_transactions_are_told_by_hash_or_whole(side, link):
    brief = answered(link, "eth_subscribe", "newPendingTransactions", None)["result"]
    whole = answered(link, "eth_subscribe", "newPendingTransactions", True)["result"]
    sent = side.send(value=1)["transactionHash"]
    told = {one["subscription"]: one["result"] for one in (heard(link)["params"] for _ in range(2))}
    assert told[brief] == sent
    assert told[whole] == side.ask("eth_getTransactionByHash", sent)


def test_what_is_too_large_or_no_text_keeps_nobody_else(side, link):
    link.send(iter([b"{", b"\xff" * 9]))
    assert heard(link)["error"]["code"] == -32700
    with connect(side.url.replace("http", "ws"), proxy=None) as other:
        with suppress(ConnectionClosed):
            # the end may come while it is still sent
            link.send("x" * (MOST_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            heard(link)
        other.send(json.dumps(ASK))
        assert heard(other) == TOLD


def mine(node):
    with closing(Side(node.url)) as side:
        side.ask("evm_mine")


@NODE
def test_viem_subscribes_again_when_the_node_comes_back(tmp_path):
    node = EmbeddedNode(tmp_path).start()
    port = int(node.url.rsplit(":", 1)[1])
    command = ["node", CLIENTS / "methods" / "reconnect.mjs", node.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as run:
        timer = threading.Timer(60, run.kill)
        timer.start()
        try:
            assert run.stdout.readline() == "subscribed\n"
            mine(node)
            assert run.stdout.readline() == "heard 1\n"
            node.stop()
            node = EmbeddedNode(tmp_path, port).start()
            assert run.stdout.readline() == "subscribed\n"
            mine(node)
            lines = iter(run.stdout.readline, "")
            assert next(line for line in lines if line != "subscribed\n") == "heard 2\n"
        finally:
            timer.cancel()
            run.kill()
            node.stop()


@pytest.mark.skipif(
    cast_methods.binary() is None, reason="cast is not installed: npm install in tests/clients"
)
def test_cast_as_people_use_it(side):
    was = past(side)
    given = {"url": side.url, "receipt": {}}
    cast = cast_methods.Cast(given).run
    socket = cast_methods.Cast(given | {"url": side.url.replace("http", "ws")}).run
    key = ("--private-key", "0x" + bytes(DEV.key).hex())
    assert socket("chain-id") == cast("chain-id") == "31337"
    assert cast("call", was.dollar, "balanceOf(address)(uint256)", SINK) == "5"
    assert "[Return] 5" in cast("call", "--trace", was.dollar, "balanceOf(address)(uint256)", SINK)
    replayed = cast("run", "--quick", was.receipt["transactionHash"])
    assert "emit Transfer" in replayed
    assert "mint(0x1111111111111111111111111111111111111111, 5)" in replayed
    sent = json.loads(cast("send", "--json", *key, was.dollar, "mint(address,uint256)", SINK, 3))
    assert sent["status"] == "0x1"
    assert json.loads(cast("send", "--json", "--legacy", *key, SINK, "--value", "1wei"))["type"] == "0x0"
    delegated = json.loads(cast("send", "--json", *key, "--auth", SINK, DEV.address))
    assert delegated["type"] == "0x4"
    assert cast("code", DEV.address) == "0xef0100" + SINK[2:]
    assert (
        len(json.loads(cast("logs", "--json", "Transfer(address,address,uint256)", "--from-block", 0))) == 2
    )
    assert cast("tx", was.receipt["transactionHash"], "--raw").startswith("0x02")
    assert cast("receipt", was.receipt["transactionHash"], "status") == "true"
    with pytest.raises(RuntimeError, match="execution reverted"):
        cast("call", was.dollar, "transfer(address,uint256)", DEV.address, 500)
    with pytest.raises(RuntimeError, match="intrinsic gas too low"):
        cast("send", *key, "--gas-limit", 20_000, SINK)
    assert calldata("TestDollar", "mint", SINK, 3) == cast("tx", sent["transactionHash"], "input")


def test_a_subscription_ends_by_its_own_connection_alone(side, link):
    subscribed = answered(link, "eth_subscribe", "newHeads")["result"]
    with connect(side.url.replace("http", "ws"), proxy=None) as other:
        assert answered(other, "eth_unsubscribe", subscribed)["result"] is False
    side.ask("evm_mine")
    assert heard(link)["params"]["subscription"] == subscribed
    assert answered(link, "eth_unsubscribe", f"0x00{subscribed[2:]}")["result"] is True
    assert answered(link, "eth_unsubscribe", subscribed)["result"] is False


def test_no_number_is_given_twice_also_by_another_start(tmp_path):
    makers, made = ("eth_newBlockFilter", "eth_newBlockFilter", "evm_snapshot", "evm_snapshot"), []
    for _ in range(2):
        with EmbeddedNode(tmp_path) as node, closing(Side(node.url)) as side:
            made += [side.ask(method) for method in makers]
    assert len(set(made)) == 8
    with EmbeddedNode(tmp_path) as node, closing(Side(node.url)) as side:
        for method in makers:
            side.ask(method)
        assert "filter not found" in str(side.answer("eth_getFilterChanges", made[0]))
        assert side.ask("evm_revert", made[2]) is False
    # clients keep numbers as JavaScript does
    assert 2**32 < max(int(one, 16) for one in made) < 2**53

"""How requests are read: null, absent, unknown, malformed; decided on the page, and held against the reference node.

Each list says who takes what: both nodes, neither, or one of them, on purpose.
"""

import json
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from anvil import ABSENT, Anvil, binary
from chain_side import DEV, SINK, Side

from freehold.chain.embedded import EmbeddedNode

A, ZERO, CALL = DEV.address, "0x" + "00" * 32, {"from": DEV.address, "to": SINK}
GENESIS = "hash of block 0"
HASH = {"blockHash": GENESIS}
TRACE = {"tracer": "callTracer"}
BOTH_TAKE = [
    ("eth_getBalance", [A, None]), ("eth_getBalance", [A, GENESIS]), ("eth_getBalance", [A, "0x00"]),
    ("eth_getBalance", [A, HASH]), ("eth_getBalance", [A, HASH | {"requireCanonical": True}]),
    ("eth_getBalance", [A, {"blockNumber": "latest"}]), ("eth_getBalance", [A, {"blockNumber": "0x0"}]),
    ("eth_getBalance", ["0x" + A[2:].upper(), "latest"]), ("eth_getBalance", ["0xF" + A[3:].lower(), "latest"]),
    ("eth_call", [CALL]), ("eth_call", [CALL, None]), ("eth_call", [{}]), ("eth_call", [CALL | {"weather": 1}]),
    ("eth_call", [dict.fromkeys(("to", "gas", "gasPrice", "value", "nonce", "data", "input", "accessList"), None)]),
    ("eth_call", [CALL | {"data": "0x01", "input": None}]), ("eth_call", [CALL | {"data": ""}]),
    ("eth_call", [CALL | {"data": "0x01", "input": "0x01"}]), ("eth_call", [CALL | {"accessList": []}]),
    ("eth_call", [CALL | {"value": "0x00"}]), ("eth_call", [CALL | {"value": 10}]),
    ("eth_call", [CALL | {"gas": "0x" + "f" * 16}]), ("eth_call", [CALL | {"type": "0x9"}]),
    ("eth_call", [CALL | {"accessList": [{"address": SINK, "storageKeys": [], "weather": 1}]}]),
    ("eth_call", [CALL, "latest", {}]), ("eth_call", [CALL, "latest", None, None]),
    ("eth_call", [CALL, "latest", {SINK: {}}]), ("eth_call", [CALL, "latest", {SINK: {"balance": None}}]),
    ("eth_call", [CALL, "latest", {SINK: {"state": {}, "stateDiff": None}}]),
    ("eth_call", [CALL, "latest", None, {}]), ("eth_call", [CALL, "latest", None, {"number": None}]),
    ("eth_estimateGas", [CALL | {"weather": 1}]),
    ("eth_getLogs", [{}]), ("eth_getLogs", [{"topics": []}]), ("eth_getLogs", [{"topics": [None]}]),
    ("eth_getLogs", [dict.fromkeys(("address", "topics", "fromBlock", "toBlock", "blockHash"), None)]),
    ("eth_getLogs", [{"topics": [[]]}]), ("eth_getLogs", [{"topics": [[None]]}]),
    ("eth_getLogs", [{"topics": [[None, ZERO]]}]), ("eth_getLogs", [{"topics": [ZERO] * 4}]),
    ("eth_getLogs", [{"address": []}]), ("eth_getLogs", [{"address": [None]}]),
    ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "0x5"}]),
    ("eth_getLogs", [{"fromBlock": "latest", "toBlock": "earliest"}]),
    ("eth_getLogs", [HASH | {"fromBlock": None}]), ("eth_newFilter", [{}]),
    ("eth_getBlockByNumber", ["0x" + "f" * 16, False]), ("eth_getBlockReceipts", [GENESIS]),
    ("eth_getBlockReceipts", [HASH]), ("eth_getTransactionByBlockNumberAndIndex", ["latest", "0x00"]),
    ("eth_feeHistory", ["0x1", "latest"]), ("eth_feeHistory", ["0x0", "latest", []]),
    ("debug_traceCall", [CALL, None, TRACE]), ("debug_traceCall", [CALL, "latest", TRACE | {"weather": 1}]),
    ("debug_traceCall", [CALL, "latest", TRACE | {"tracerConfig": None, "timeout": "5s"}]),
    ("debug_traceCall", [CALL, "latest", TRACE | {"tracerConfig": {"withLog": None, "weather": 1}}]),
    ("evm_mine", [None]), ("evm_mine", [{"timestamp": None}]), ("evm_revert", ["0x77"]), ("evm_increaseTime", [0]),
    ("anvil_mine", [None, None]), ("anvil_mine", ["0x1", None]), ("web3_sha3", [""]), ("eth_chainId", None),
]  # fmt: skip
BOTH_REFUSE = [
    ("eth_getBalance", []), ("eth_getBalance", [None, "latest"]), ("eth_getBalance", [A, "latest", "x"]),
    ("eth_getBalance", [A, {}]), ("eth_getBalance", [A, {"blockNumber": None}]),
    ("eth_getBalance", [A, HASH | {"requireCanonical": "x"}]), ("eth_getBalance", [A, HASH | {"blockNumber": "0x0"}]),
    ("eth_getBalance", [A, "0x"]), ("eth_getBalance", [A, "0"]), ("eth_getBalance", [A, ""]),
    ("eth_getBalance", [A, 0.0]), ("eth_getBalance", [A, -1]), ("eth_getBalance", [A, True]),
    ("eth_getBalance", [A, "weather"]), ("eth_getBalance", [A, ["latest"]]),
    ("eth_getBalance", [A, "0x" + "f" * 16]), ("eth_getBalance", [A, "0x1" + "0" * 16]),
    ("eth_getBalance", ["0X" + A[2:], "latest"]), ("eth_getBalance", [A + "00", "latest"]),
    ("eth_call", []), ("eth_call", [None]), ("eth_call", [[]]), ("eth_call", [CALL | {"data": "0x0"}]),
    ("eth_call", [CALL | {"data": "0X01"}]), ("eth_call", [CALL | {"to": ""}]), ("eth_call", [CALL | {"to": "0x"}]),
    ("eth_call", [CALL | {"value": "0x1" + "0" * 64}]), ("eth_call", [CALL | {"accessList": [{"address": SINK}]}]),
    ("eth_call", [CALL | {"accessList": [{"address": SINK, "storageKeys": None}]}]),
    ("eth_call", [CALL, "latest", []]), ("eth_call", [CALL, "latest", {SINK: {"weather": 1}}]),
    ("eth_call", [CALL, "latest", {SINK: {"state": {}, "stateDiff": {}}}]),
    ("eth_getLogs", []), ("eth_getLogs", [None]), ("eth_getLogs", [{"topics": [ZERO] * 5}]),
    ("eth_getLogs", [{"topics": [None] * 5}]), ("eth_getLogs", [{"topics": [[[ZERO]]]}]),
    ("eth_getLogs", [{"topics": ZERO}]), ("eth_getLogs", [{"topics": ["0x1"]}]), ("eth_getLogs", [{"address": ""}]),
    ("eth_getLogs", [{"fromBlock": GENESIS}]), ("eth_getLogs", [{"fromBlock": "weather"}]),
    ("eth_getLogs", [{"fromBlock": {"blockNumber": "0x0"}}]), ("eth_getLogs", [HASH | {"fromBlock": "0x0"}]),
    ("eth_newFilter", [None]), ("eth_getFilterChanges", [None]), ("eth_getFilterChanges", [{}]),
    ("eth_getFilterChanges", ["0xfffff"]), ("eth_getBlockByNumber", [None, False]),
    ("eth_getBlockByNumber", ["latest", "x"]), ("eth_getBlockByNumber", ["latest", 1]),
    ("eth_getTransactionByHash", [None]), ("eth_getTransactionByHash", ["0x" + "00" * 31]),
    ("eth_feeHistory", ["0x1", None, []]), ("eth_feeHistory", ["0x1", "latest", ["50"]]),
    ("eth_getStorageAt", [A, None, "latest"]),
    ("eth_getProof", [A, None, "latest"]), ("evm_revert", [None]), ("web3_sha3", ["0x1"]), ("eth_chainId", ["x"]),
    ("eth_chainId", {}), ("eth_chainId", "x"), ("eth_sendRawTransaction", ["0x"]), ("eth_sendRawTransaction", [None]),
]  # fmt: skip
ONLY_HERE = [
    ("eth_getBalance", [A]), ("eth_getBalance", [A, "latest", None]), ("eth_getBalance", [A, 0]),
    ("eth_getBalance", [A, {"blockHash": None, "blockNumber": "0x0"}]),
    ("eth_getBalance", [A, HASH | {"requireCanonical": None}]), ("eth_getBalance", [A, HASH | {"weather": 1}]),
    ("eth_call", [CALL | {"gas": "0x1" + "0" * 32}]), ("eth_call", [CALL, "latest", {SINK: None}]),
    ("eth_call", [CALL | {"accessList": [{"address": SINK, "storageKeys": ["0x1"]}]}]),
    ("eth_getLogs", [{"weather": 1}]), ("eth_getLogs", [{"fromBlock": "0x500", "toBlock": "0x1"}]),
    ("eth_getLogs", [{"fromBlock": 0}]), ("eth_newFilter", [{"weather": 1}]), ("eth_getBlockByNumber", ["latest"]),
    ("eth_getBlockByNumber", ["latest", None]), ("eth_getBlockByNumber", [GENESIS, False]),
    ("eth_getBlockByNumber", ["0x1" + "0" * 16, False]), ("eth_feeHistory", [1, "latest", None]),
    ("eth_getStorageAt", [A, "0x0"]), ("eth_getProof", [A, ["0x0"], "latest"]), ("evm_mine", [{"weather": 1}]),
    ("eth_chainId", [None]), ("eth_getTransactionByBlockNumberAndIndex", ["latest", "0x1" + "0" * 16]),
]  # fmt: skip
ONLY_THERE = [
    ("eth_getBalance", [A, "0X0"]), ("eth_getBalance", [A, "Latest"]), ("eth_getBalance", [A[2:], "latest"]),
    ("eth_call", [CALL | {"data": "0x01", "input": "0x02"}]), ("eth_call", [CALL | {"data": "0x01", "input": "0x"}]),
    ("eth_call", [CALL | {"value": "0x"}]), ("eth_call", [CALL | {"value": "10"}]),
    ("eth_call", [CALL, "latest", {SINK: {"movePrecompileToAddress": A}}]),
    ("eth_call", [CALL, "latest", None, {"weather": 1}]), ("eth_feeHistory", ["0x1", "latest", [50, 10]]),
    ("debug_traceCall", [CALL, "latest"]), ("eth_uninstallFilter", ["0xzz"]),
    ("eth_getStorageAt", [A, "0x" + "00" * 33, "latest"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    with ExitStack() as stack:
        nodes = [stack.enter_context(EmbeddedNode(tmp_path_factory.mktemp("chain")))]
        nodes += [stack.enter_context(Anvil())] if binary() else []
        yield [stack.enter_context(closing(Side(node.url))) for node in nodes]


def taken(side, case):
    """Whether a node answers with a result; an internal error is none."""
    method, params = case
    genesis = side.ask("eth_getBlockByNumber", "0x0", False)["hash"]
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    typed = {"content-type": "application/json"}
    answer = side._http.post(side.url, content=body.replace(GENESIS, genesis), headers=typed).json()
    if "error" in answer:
        assert answer["error"]["code"] in (-32600, -32602, -32000), (case, answer)
    return "result" in answer


@pytest.mark.parametrize(
    ("cases", "here", "there"),
    [
        pytest.param(BOTH_TAKE, True, True, id="both-take"),
        pytest.param(BOTH_REFUSE, False, False, id="both-refuse"),
        pytest.param(ONLY_HERE, True, False, id="only-here"),
        pytest.param(ONLY_THERE, False, True, id="only-there"),
    ],
)
def test_requests_are_taken_and_refused_as_the_page_says(sides, cases, here, there):
    assert [case for case in cases if taken(sides[0], case) is not here] == []
    if len(sides) == 1:
        pytest.skip(ABSENT)
    assert [case for case in cases if taken(sides[1], case) is not there] == []

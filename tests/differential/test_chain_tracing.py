"""Traces beside the reference node's: the same calls in the same order, the same accounts before and after."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from anvil import ABSENT, Anvil, binary
from chain_side import DEV, SINK, Side, calldata

from freehold.chain.embedded import EmbeddedNode
from freehold.chain.embedded.frames import MOST_TRACE_BYTES

A, B = "0x" + "a1" * 20, "0x" + "b2" * 20
COINBASE = "0x" + "00" * 20
GAS = 30_000_000
WORDS = {
    "StackUnderflow": "stack underflow",
    "StateChangeDuringStaticCall": "write protection",
    "invalid opcode: INVALID": "invalid opcode",
}
"""The reference node's words for what geth says otherwise."""


def push(value, size=1):
    return f"{0x5F + size:02x}{value:0{2 * size}x}"


def call(op, to=B, value=None, gas="5a"):
    return push(0) * 4 + (push(value, 2) if value is not None else "") + "73" + to[2:] + gas + op + "50"


ERROR = "08c379a0" + f"{32:064x}{3:064x}" + "616263".ljust(64, "0")
TELL_ABC = "".join(
    push(int(ERROR[at : at + 64].ljust(64, "0"), 16), 32) + push(at // 2) + "52"
    for at in range(0, len(ERROR), 64)
)
PANIC = "634e487b7160e01b600052601160045260246000fd"
CREATE_REVERTING = "63600080fd" + "600052" + "6004601c6000f0" + "50"
SLOT = ["0x" + f"{at:064x}" for at in range(3)]
CALLS = {
    "plain transfer": ({"from": DEV.address, "to": SINK, "value": "0x5"}, {}),
    "nested calls and logs": (
        {"from": DEV.address, "to": A, "data": "0x1234"},
        {
            A: {"code": "0x60006000a0" + call("f1", value=0) + "600160006000a1" + call("f1", value=0)},
            B: {"code": "0x60006000a0" + "602a600055" + "60206000f3"},
        },
    ),
    "logs of a frame that fails": (
        {"to": A},
        {
            A: {"code": "0x60006000a0" + call("f1", value=0) + "60006000a0"},
            B: {"code": "0x60006000a060006000fd"},
        },
    ),
    "delegate, static and code calls": (
        {"from": DEV.address, "to": A, "value": "0x7"},
        {
            A: {"code": "0x" + call("f4") + call("fa", gas="61ffff") + call("f2", value=1)},
            B: {"code": "0x60026000556000" + "6000fd"},
        },
    ),
    "revert with a text": ({"to": A}, {A: {"code": "0x" + TELL_ABC + "60646000fd"}}),
    "panic": ({"to": A}, {A: {"code": "0x" + PANIC}}),
    "nested panic": ({"to": A}, {A: {"code": "0x" + call("f1", value=0)}, B: {"code": "0x" + PANIC}}),
    "out of gas": ({"to": A, "gas": "0xffff"}, {A: {"code": "0x5b600056"}}),
    "out of gas inside": (
        {"to": A, "gas": "0xffff"},
        {A: {"code": "0x" + call("f1", value=0)}, B: {"code": "0x5b600056"}},
    ),
    "contract made": ({"from": DEV.address, "data": "0x600160005560016000536001" + "6000f3"}, {}),
    "contracts made inside": (
        {"from": DEV.address, "to": A},
        {A: {"code": "0x60006000" + "6000f0" + "6000600060006000f5", "nonce": "0x1"}},
    ),
    "creation reverts": ({"from": DEV.address, "data": "0x60006000fd"}, {}),
    "creation reverts inside": ({"to": A}, {A: {"code": "0x" + CREATE_REVERTING}}),
    "creation without money": ({"to": A}, {A: {"code": "0x6000600061fffff0"}}),
    "call without money": ({"to": A}, {A: {"code": "0x" + call("f1", value=9)}}),
    "code call without money": ({"to": A}, {A: {"code": "0x" + call("f2", value=9)}}),
    "self-destruct": (
        {"from": DEV.address, "to": A, "value": "0x9"},
        {A: {"code": "0x73" + "11" * 20 + "ff"}},
    ),
    "self-destruct while made": (
        {"from": DEV.address, "data": "0x6001600055" + "73" + "11" * 20 + "ff", "value": "0x3"},
        {},
    ),
    "precompile": ({"to": A}, {A: {"code": "0x" + call("fa", to="0x" + f"{4:040x}")}}),
    "invalid instruction": ({"to": A}, {A: {"code": "0xfe"}}),
    "invalid jump": ({"to": A}, {A: {"code": "0x600356"}}),
    "calls until they are refused": ({"to": A, "gas": "0x1c9c380"}, {A: {"code": "0x" + call("f1", to=A, value=0)}}),
    "stack underflow": ({"to": A}, {A: {"code": "0x01"}}),
    "slots set, changed and cleared": (
        {"from": DEV.address, "to": A},
        {A: {"code": "0x6000600055600060015560055f55" + "600260025560005450", "stateDiff": {
            SLOT[0]: "0x" + f"{7:064x}", SLOT[1]: "0x" + f"{8:064x}", SLOT[2]: "0x" + f"{2:064x}",
        }}},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sides(tmp_path_factory) -> Iterator[list[Side]]:
    """Both nodes after the same first deployment; only ours where the reference node is not installed."""
    with ExitStack() as stack:
        nodes = [EmbeddedNode(tmp_path_factory.mktemp("traced")), *([Anvil()] if binary() else [])]
        made = [Side(stack.enter_context(node).url) for node in nodes]
        for side in made:
            stack.callback(side.close)
            side.dollar = side.deploy("TestDollar")
        yield made


needs_both = pytest.mark.skipif(binary() is None, reason=ABSENT)


def as_geth(frame, limit=None):
    """The reference node's frame with the differences the documentation names taken out."""
    shown = dict(frame)
    if limit is not None:
        shown["gas"] = hex(limit)  # there: what is left of the limit after the intrinsic gas
    if "error" in shown:
        shown["error"] = WORDS.get(shown["error"], shown["error"])
    if "calls" in shown:
        shown["calls"] = [as_geth(inner) for inner in shown["calls"]]
    return shown


def traced(side, message, overrides, tracer, **switches):
    config = {"tracer": tracer, "tracerConfig": switches, "stateOverrides": overrides}
    return side.ask("debug_traceCall", message, "latest", config)


@needs_both
@pytest.mark.parametrize("name", CALLS)
def test_the_same_calls_are_told(sides, name):
    message, overrides = CALLS[name]
    ours, theirs = (traced(side, message, overrides, "callTracer", withLog=True) for side in sides)
    assert ours == as_geth(theirs, int(message.get("gas", hex(GAS)), 16))
    if "inside" in name or "nested" in name:
        assert ours["calls"]


def without_money(accounts, *addresses):
    """Accounts without the balance of some: the nodes begin with different sums."""
    return {
        who: {field: value for field, value in one.items() if field != "balance" or who not in addresses}
        for who, one in accounts.items()
    }


@needs_both
@pytest.mark.parametrize("name", CALLS)
def test_the_same_accounts_change(sides, name):
    message, overrides = CALLS[name]
    told = [traced(side, message, overrides, "prestateTracer", diffMode=True) for side in sides]
    dev = DEV.address.lower()
    spent = [
        int(one["pre"][dev]["balance"], 16)
        - int(one["post"][dev].get("balance", one["pre"][dev]["balance"]), 16)
        for one in told
        if dev in one["pre"]
    ]
    assert len(set(spent)) <= 1
    shown = [{part: without_money(one[part], dev) for part in ("pre", "post")} for one in told]
    assert shown[0] == shown[1]


@needs_both
@pytest.mark.parametrize("name", CALLS)
def test_the_same_accounts_are_touched(sides, name):
    message, overrides = CALLS[name]
    ours, theirs = (
        without_money(traced(side, message, overrides, "prestateTracer"), DEV.address.lower(), COINBASE)
        for side in sides
    )
    assert ours == theirs


@needs_both
def test_a_custom_error_is_told_with_its_data(sides):
    message = {
        "from": "0x" + "77" * 20,
        "to": sides[0].dollar,
        "data": calldata("TestDollar", "transfer", SINK, 5),
    }
    ours, theirs = (traced(side, message, {}, "callTracer") for side in sides)
    assert ours == as_geth(theirs, GAS)
    assert ours["error"] == "execution reverted"
    assert ours["output"].startswith("0xe450d38c")


@needs_both
def test_a_mined_transaction_is_replayed_where_it_stood(sides):
    """Two transfers of one account in one block: the second starts from what the first left."""
    told = []
    for side in sides:
        side.send(to=side.dollar, data=calldata("TestDollar", "mint", DEV.address, 100))
        receipt = side.send(to=side.dollar, data=calldata("TestDollar", "transfer", SINK, 5))
        side.send(to=side.dollar, data=calldata("TestDollar", "transfer", SINK, 6))
        calls = side.ask("debug_traceTransaction", receipt["transactionHash"], {
            "tracer": "callTracer", "tracerConfig": {"withLog": True},
        })  # fmt: skip
        assert calls["gasUsed"] == receipt["gasUsed"]
        diff = side.ask("debug_traceTransaction", receipt["transactionHash"], {
            "tracer": "prestateTracer", "tracerConfig": {"diffMode": True},
        })  # fmt: skip
        dev = DEV.address.lower()
        paid = int(diff["pre"][dev]["balance"], 16) - int(diff["post"][dev]["balance"], 16)
        assert paid == int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        changed = [without_money(diff[part], dev, COINBASE) for part in ("pre", "post")]
        told.append((as_geth(calls, 1_000_000), changed))
    assert told[0] == told[1]
    assert len(told[0][1][1][sides[0].dollar.lower()]["storage"]) == 2


def test_earlier_transactions_of_the_block_are_replayed_first(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        side = Side(node.url)
        dollar = side.deploy("TestDollar")
        raws = [
            side.sign(nonce=nonce, to=dollar, data=calldata("TestDollar", "mint", SINK, nonce))
            for nonce in range(1, 6)
        ]
        batch = [
            {"id": n, "jsonrpc": "2.0", "method": "eth_sendRawTransaction", "params": [raw]}
            for n, raw in enumerate(raws)
        ]
        hashes = [one["result"] for one in side._http.post(side.url, json=batch).json()]
        blocks = {side.ask("eth_getTransactionReceipt", one)["blockNumber"] for one in hashes}
        assert len(blocks) == 1
        told = [
            side.ask(
                "debug_traceTransaction",
                one,
                {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}},
            )
            for one in hashes
        ]
        supply = "0x" + f"{2:064x}"
        assert [int(one["post"][dollar]["storage"][supply], 16) for one in told] == [1, 3, 6, 10, 15]
        assert [int(one["pre"][dollar].get("storage", {}).get(supply, "0x0"), 16) for one in told] == [
            0,
            1,
            3,
            6,
            10,
        ]
        side.close()


def test_a_trace_may_suppose_state_and_block(sides):
    config = {
        "tracer": "callTracer",
        "stateOverrides": {A: {"code": "0x4360005260206000f3"}},
        "blockOverrides": {"number": "0x99"},
    }
    assert int(sides[0].ask("debug_traceCall", {"to": A}, "latest", config)["output"], 16) == 0x99
    top = traced(
        sides[0], {"to": A}, {A: {"code": "0x" + call("f1", value=0)}}, "callTracer", onlyTopCall=True
    )
    assert "calls" not in top


def test_a_trace_is_bounded_and_leaves_the_chain_as_it_was(sides):
    side = sides[0]
    before = side.ask("eth_getBlockByNumber", "latest", False)
    # calls the identity precompile with 64 KiB until the gas is gone
    code = "0x5b" + push(0) * 2 + push(0xFFFF, 2) + push(0) + push(4) + "5afa50" + "600056"
    config = {"tracer": "callTracer", "stateOverrides": {A: {"code": code}}}
    fault = side.fault("debug_traceCall", {"to": A}, "latest", config)
    assert (fault["code"], f"{MOST_TRACE_BYTES >> 20} MiB" in fault["message"]) == (-32005, True)
    assert side.ask("eth_getBlockByNumber", "latest", False) == before
    assert side.send(to=SINK, value=1)["status"] == "0x1"


@pytest.mark.parametrize(
    "config",
    [None, {}, {"tracer": "nope"}, {"tracer": "callTracer", "tracerConfig": [1]}, {"tracer": "callTracer", "tracerConfig": {"withLog": 3}}],
)  # fmt: skip
def test_an_unknown_tracer_is_refused(sides, config):
    assert sides[0].fault("debug_traceCall", {"to": A}, "latest", config)["code"] == -32602


def test_an_unknown_transaction_is_refused(sides):
    fault = sides[0].fault("debug_traceTransaction", "0x" + "ab" * 32, {"tracer": "callTracer"})
    assert "not found" in fault["message"]

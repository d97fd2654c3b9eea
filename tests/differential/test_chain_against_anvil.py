"""The local chain beside the reference node: same transactions, same gas to the unit, same money, same logs."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils import keccak

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contracts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from anvil import ABSENT, Anvil, binary
from chain_side import DEV, SINK, Side, calldata
from contract_world import World
from gas import Gauge

from freehold.chain.embedded import EmbeddedNode

pytestmark = pytest.mark.skipif(binary() is None, reason=ABSENT)


@pytest.fixture(scope="module")
def sides(tmp_path_factory) -> Iterator[list[Side]]:
    """Both nodes after the same first deployment."""
    with ExitStack() as stack:
        nodes = EmbeddedNode(tmp_path_factory.mktemp("beside")), Anvil()
        made = [Side(stack.enter_context(node).url) for node in nodes]
        for side in made:
            stack.callback(side.close)
            side.dollar = side.deploy("TestDollar")
        assert made[0].dollar == made[1].dollar
        yield made


def gas_of_a_session(url):
    """Gas of every contract call of the measured session, in order."""
    world = World(url)
    gauge = Gauge(world)
    for part in (
        gauge.logs_and_revocations,
        gauge.assets_and_shares,
        gauge.market,
        gauge.revenue,
        gauge.channels,
    ):
        part()
    world.close()
    return {name: row["gas"] for name, row in gauge.rows.items()}


def test_every_contract_call_costs_what_it_costs_on_the_reference_node(tmp_path):
    with EmbeddedNode(tmp_path) as ours, Anvil() as theirs:
        measured = gas_of_a_session(ours.url)
        assert measured == gas_of_a_session(theirs.url)
    assert len(measured) > 20


def push(value, size=1):
    return f"{0x5F + size:02x}" + f"{value:0{2 * size}x}"


def precompile(number, data="", gas="5a"):
    """Initcode that calls a precompile with `data` and keeps the answer's first word at slot 0."""
    body = "".join(
        push(int(data[at : at + 64].ljust(64, "0"), 16), 32) + push(at // 2, 2) + "52"
        for at in range(0, len(data), 64)
    )
    size = len(data) // 2
    call = push(32) + push(0) + push(size, 2) + push(0) + push(number) + gas + "fa"
    return body + call + push(1) + "55" + push(0) + "51" + push(0) + "55" + "00"


G1 = f"{1:064x}{2:064x}"
P256 = "ff" * 32
CODES = {
    "set, change and clear slots": "".join(
        push(v) + push(s) + "55" for v, s in [(1, 0), (2, 0), (0, 0), (3, 1)]
    ),
    "transient storage and mcopy": "6007600055600960015d60015c6000556020600060205e00",
    "block fields": "".join(op + push(s) + "55" for s, op in enumerate(["41", "45", "46", "48", "4a"])),
    "out of gas": "5b600056",
    "invalid": "fe",
    "stack underflow": "01",
    "bad jump": "600356",
    "revert with data": "60aa60005260206000fd",
    "code that begins with EF": "60ef60005360016000f3",
    "deploys 24,576 bytes": "6160006000f3",
    "deploys one byte too many": "6160016000f3",
    "create and create2": "60006000" + "6000f0" + "6000600060006000f5" + "600055" + "600055",
    "create2 twice at one address": "6000600060006000f5" + "600055" + "6000600060006000f5" + "600155",
    "self-destructs while made": "73" + "11" * 20 + "ff",
    "cold and warm accounts": "".join("73" + who * 20 + "31" + "50" for who in ("aa", "aa", "bb", "00")),
    "external code": "73" + "aa" * 20 + "3f" + push(0) + "55" + "73" + "aa" * 20 + "3b" + push(1) + "55",
    "call with value to a new account": push(0) * 4 + push(1) + "73" + "cc" * 20 + "5af1" + push(0) + "55",
    "logs": "60206000a0" + "600160206000a1" + "6001600260206000a2" + "600160026003600460406000a4",
    "keccak and exp": "60406000" + "20" + push(0) + "55" + "61ffff" + "6103e8" + "0a" + push(1) + "55",
    "ecrecover": precompile(1, keccak(b"x").hex() + f"{27:064x}" + "11" * 64),
    "sha256": precompile(2, "ab" * 100),
    "ripemd160": precompile(3, "ab" * 100),
    "identity": precompile(4, "ab" * 100),
    "modexp": precompile(5, f"{32:064x}" * 3 + f"{3:064x}{2**255:064x}{2**256 - 189:064x}"),
    "bn254 add": precompile(6, G1 * 2),
    "bn254 multiply": precompile(7, G1 + f"{12345:064x}"),
    "bn254 pairing of nothing": precompile(8),
    "bn254 add off the curve": precompile(6, f"{1:064x}" * 4),
    "blake2f": precompile(9, "0000000c" + "01" * 208 + "01", gas="5a"),
    "point evaluation, malformed": precompile(10, "01" * 192, gas="61ffff"),
    "bls12-381 add, infinities": precompile(11, "00" * 256),
    "bls12-381 G2 add, infinities": precompile(13, "00" * 512),
    "no precompile": precompile(18, "00"),
}


@pytest.mark.parametrize("name", CODES)
def test_the_machine_does_and_charges_the_same(sides, name):
    told = []
    for side in sides:
        before = side.balance(DEV.address)
        receipt = side.send(to=None, data="0x" + CODES[name], value=5 if "value" in name else 0)
        created = receipt["contractAddress"]
        told.append(
            {
                "status": receipt["status"],
                "gas": int(receipt["gasUsed"], 16),
                "paid": before - side.balance(DEV.address),
                "logs": [(log["topics"], log["data"]) for log in receipt["logs"]],
                "code": created and side.ask("eth_getCode", created, "latest"),
                "slots": created
                and [side.ask("eth_getStorageAt", created, hex(slot), "latest") for slot in range(5)],
            }
        )
    assert told[0] == told[1]


def send_all(sides, **fields):
    before = [side.balance(DEV.address) for side in sides]
    receipts = [side.send(**fields) for side in sides]
    kept = ("status", "gasUsed", "effectiveGasPrice", "contractAddress", "logsBloom", "type")
    shown = [{name: receipt[name] for name in kept} for receipt in receipts]
    assert shown[0] == shown[1]
    after = [side.balance(DEV.address) for side in sides]
    assert before[0] - after[0] == before[1] - after[1]
    return shown[0]


def test_calldata_pays_its_floor(sides):
    assert send_all(sides, data="0x" + "ab" * 2_000)["gasUsed"] == hex(21_000 + 2_000 * 40)
    send_all(sides, data="0x" + "00" * 2_000)
    send_all(sides, to=None, data="0x" + "00" * 5_000)


def test_refunds_are_capped_at_a_fifth(sides):
    # runtime: store calldata's first word in slots 0 to 3
    runtime = "".join("600035" + push(slot) + "55" for slot in range(4))
    init = push(len(runtime) // 2) + "80600b6000396000f3"
    code = "0x" + init.ljust(22, "0") + runtime
    address = send_all(sides, to=None, data=code)["contractAddress"]
    for value in (1, 2, 0, 0, 1):
        send_all(sides, to=address, data=f"0x{value:064x}")


def test_a_delegation_costs_and_acts_the_same(sides):
    owner = Account.from_key(b"\x05" * 32)
    # the reference node takes accounts that are not there for empty ones that are, and refunds (EIP-7702)
    send_all(sides, to=owner.address, value=1)
    for nonce in (0, 1):
        signed = owner.sign_authorization({"chainId": 31337, "address": sides[0].dollar, "nonce": nonce})
        data = calldata("TestDollar", "mint", SINK, 3)
        send_all(sides, to=owner.address, data=data, authorizationList=[signed])
    assert len({side.ask("eth_getCode", owner.address, "latest") for side in sides}) == 1


def test_estimates_and_access_lists_agree(sides):
    fresh = "0x" + "66" * 20
    asked = [
        {"to": sides[0].dollar, "data": calldata("TestDollar", "mint", fresh, 3)},
        {"to": sides[0].dollar, "data": calldata("TestDollar", "approve", fresh, 3)},
        {"to": fresh, "value": "0x1"},
        {"data": "0x602a60005260206000f3"},
        {"to": fresh, "data": "0x" + "ab" * 500},
    ]
    for message in asked:
        full = {"from": DEV.address, **message}
        for method in ("eth_estimateGas", "eth_createAccessList"):
            ours, theirs = (side.answer(method, full, "latest") for side in sides)
            assert ours.get("result") == theirs.get("result"), (method, message)


def test_answers_have_the_same_members(sides):
    receipts = [side.send(to=side.dollar, data=calldata("TestDollar", "mint", SINK, 3)) for side in sides]
    # what the reference node adds to receipts and transactions beyond the specification
    beyond = {"blockTimestamp", "blobGasPrice"}

    def members(value):
        if isinstance(value, dict):
            return {name: members(one) for name, one in value.items() if name not in beyond}
        return [members(one) for one in value[:1]] if isinstance(value, list) else type(value).__name__

    for method, *params in (
        ("eth_getTransactionByHash", None),
        ("eth_getTransactionReceipt", None),
        ("eth_getBlockByNumber", "latest", True),
        ("eth_getBlockByNumber", "latest", False),
        ("eth_feeHistory", "0x2", "latest", [50]),
        ("eth_getProof", sides[0].dollar, ["0x" + "00" * 32], "latest"),
        ("eth_syncing",),
        ("net_version",),
    ):
        ours, theirs = (
            side.ask(method, *(receipt["transactionHash"] if one is None else one for one in params))
            for side, receipt in zip(sides, receipts, strict=True)
        )
        assert members(ours) == members(theirs), method


def test_bare_positions_of_a_log_question_count(sides):
    """A question with more topics than a log has does not find it, whatever the topics."""
    for topics in ([None], [None, None], [None, None, None], [None, None, None, None], [[], [], [], []]):
        found = [
            [log["data"] for log in side.ask("eth_getLogs", {"fromBlock": "0x0", "topics": topics})]
            for side in sides
        ]
        assert found[0] == found[1], topics

"""Rules of Prague that are easily got wrong, each by itself; the published state tests are in `tests/vectors`."""

import hashlib
import threading
import time

import pytest
from eth_account import Account

from freehold.chain.embedded import DEV_KEY, budget, precompiles
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import Methods

DEV = Account.from_key(DEV_KEY)
SINK = "0x" + "11" * 20
MODEXP = "0x" + "00" * 19 + "05"
# the polynomial that is 0 everywhere: its commitment and proof are the point at infinity
INFINITY = b"\xc0" + bytes(47)
POINT_EVALUATION = "0x" + "00" * 19 + "0a"
FIELD_ELEMENTS, MODULUS = 4_096, 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def evaluation(value):
    """The claim that the polynomial is `value` at 7 (EIP-4844)."""
    versioned = b"\1" + hashlib.sha256(INFINITY).digest()[1:]
    words = versioned + (7).to_bytes(32, "big") + value.to_bytes(32, "big")
    return {"to": POINT_EVALUATION, "input": "0x" + (words + INFINITY + INFINITY).hex()}


@pytest.fixture
def methods(tmp_path):
    ledger = Ledger(tmp_path)
    yield Methods(ledger)
    ledger.close()


def signed(nonce=0, **more):
    fields = {"chainId": 31337, "value": 0, "maxFeePerGas": 100, "maxPriorityFeePerGas": 1, "nonce": nonce}
    return "0x" + bytes(Account.sign_transaction({**fields, **more}, DEV_KEY).raw_transaction).hex()


def send(methods, raw):
    return methods.call("eth_getTransactionReceipt", [methods.call("eth_sendRawTransaction", [raw])])


# -- what a creation must bring (EIP-3860)


@pytest.mark.parametrize("size", [1, 32, 33, 1_000])
def test_a_creation_brings_gas_for_the_words_of_its_code(methods, size):
    code = bytes(size)
    words = -(-size // 32)
    # gas that stops at once: intrinsic gas with the words is all there is, unless its bytes cost more (EIP-7623)
    least = max(53_000 + 4 * size + 2 * words, 21_000 + 10 * size)
    with pytest.raises(Fault, match=f"intrinsic gas too low: have {least - 1}, want {least}"):
        methods.call("eth_sendRawTransaction", [signed(data=code, gas=least - 1)])
    assert methods.call("eth_getTransactionCount", [DEV.address]) == "0x0"
    with pytest.raises(Fault, match="intrinsic gas too low"):
        methods.call("eth_call", [{"from": DEV.address, "input": "0x" + code.hex(), "gas": hex(least - 1)}])
    receipt = send(methods, signed(data=code, gas=least))
    assert (receipt["status"], receipt["gasUsed"]) == ("0x1", hex(least))


# -- modexp of nothing (EIP-198)


def modexp(base, exponent, modulus):
    head = b"".join(len(one).to_bytes(32, "big") for one in (base, exponent, modulus))
    return "0x" + (head + base + exponent + modulus).hex()


@pytest.mark.parametrize(
    ("base", "exponent", "modulus", "expected"),
    [
        (b"", b"", b"\5", b"\1"),
        (b"", b"\0\0", b"\0\5", b"\0\1"),
        (b"", b"", b"\1", b"\0"),
        (b"", b"", b"\0", b"\0"),
        (b"", b"\2", b"\5", b"\0"),
        (b"", b"", b"", b""),
        (b"\0", b"", b"\5", b"\1"),
        (b"\3", b"\2", b"\5", b"\4"),
    ],
)
def test_modexp_without_a_base(methods, base, exponent, modulus, expected):
    answer = methods.call("eth_call", [{"to": MODEXP, "input": modexp(base, exponent, modulus)}])
    assert answer == "0x" + expected.hex()


def test_a_modexp_that_cannot_pay_fails_as_anywhere_and_one_that_could_is_refused(methods):
    lengths = [1, 2_048, 1]
    data = "0x" + b"".join(one.to_bytes(32, "big") for one in lengths).hex() + "02" + "ff" * 2_048 + "03"
    with pytest.raises(Fault, match="EIP-7823"):
        methods.call("eth_call", [{"to": MODEXP, "input": data}])
    # a contract that hands it 500 gas, and says whether it had an answer
    code = "0x3660006000376000600036600060006005" + "6101f4f1" + "60005260206000f3"
    asked = [{"to": SINK, "input": data}, "latest", {SINK: {"code": code}}]
    assert int(methods.call("eth_call", asked), 16) == 0


# -- an address that is taken (EIP-684, EIP-7610)


@pytest.mark.parametrize(
    "account",
    [
        {"nonce": "0x1"},
        {"code": "0x00"},
        {"state": {"0x" + "00" * 32: "0x1"}},
        {"stateDiff": {"0x" + "00" * 32: "0x1"}},
    ],
    ids=["nonce", "code", "storage", "a slot"],
)
def test_no_contract_is_made_over_one_that_was(methods, account):
    # CREATE of nothing; its address
    maker, code = "0x" + "22" * 20, "0x600060006000f0" + "60005260206000f3"
    asked = {"to": maker}
    made = methods.call("eth_call", [asked, "latest", {maker: {"code": code}}])
    assert int(made, 16) != 0
    taken = methods.call("eth_call", [asked, "latest", {maker: {"code": code}, "0x" + made[-40:]: account}])
    assert int(taken, 16) == 0


# -- hashes of blocks that are not there


def test_block_hashes_stand_at_their_numbers_whatever_number_a_call_supposes(methods):
    methods.call("anvil_mine", [3])
    known = methods.call("eth_getBlockByNumber", ["0x2"])["hash"]
    asked = {"to": SINK, "input": "0x"}

    def hash_of(number, at):
        code = f"0x61{number:04x}4060005260206000f3"
        return methods.call("eth_call", [asked, "latest", {SINK: {"code": code}}, {"number": hex(at)}])

    assert hash_of(2, 4) == known
    assert hash_of(2, 100) == known
    assert int(hash_of(50, 100), 16) == 0
    assert int(hash_of(2, 2**64 - 1), 16) == 0


# -- what is loaded once (EIP-4844's precompile, elliptic curves)


def test_a_point_evaluation_is_answered_and_its_setup_loaded_once(methods):
    threads = [threading.Thread(target=methods.call, args=("eth_call", [evaluation(0)])) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    # one load takes a second
    start = time.thread_time()
    for _ in range(20):
        told = methods.call("eth_call", [evaluation(0)])
    assert time.thread_time() - start < 5
    assert told == f"0x{FIELD_ELEMENTS:064x}{MODULUS:064x}"
    with pytest.raises(Fault, match="invalid input to a precompile"):
        methods.call("eth_call", [evaluation(1)])


def test_what_is_loaded_is_no_cost_of_who_needs_it_first():
    def slow():
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
        return 5

    with budget.limited(0.1) as own:
        assert precompiles._loaded(slow) == 5
        own.check()
        assert own.left > 0.05
        slow()
        with pytest.raises(Fault, match="out of time"):
            own.check()


# -- delegations (EIP-7702) in calls, as in transactions


def delegating(methods, key, target, **more):
    """A call object of the development account that has the key's account delegate, and its transaction's fields."""
    person = Account.from_key(key)
    made = person.sign_authorization({"chainId": 31337, "address": target, "nonce": 0})
    listed = {
        "chainId": hex(made.chain_id),
        "address": target,
        "nonce": hex(made.nonce),
        "yParity": hex(made.y_parity),
        "r": hex(made.r),
        "s": hex(made.s),
    }
    call = {"from": DEV.address, "to": person.address, "authorizationList": [listed], **more}
    return person.address, call, made


@pytest.fixture
def keeper(methods):
    """A contract that keeps its caller at slot 0."""
    return send(methods, signed(data="0x60058060093d393df3" + "3360005500", gas=100_000))["contractAddress"]


def test_a_call_that_delegates_is_traced_as_its_transaction_is(methods, keeper):
    person, call, made = delegating(methods, b"\7" * 32, keeper, gas=hex(200_000))
    fees = {"maxFeePerGas": hex(100), "maxPriorityFeePerGas": "0x1"}
    asked = [{**call, **fees}, "pending"]
    trees = [methods.call("debug_traceCall", [*asked, {"tracer": "callTracer"}])]
    diff = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    changes = [methods.call("debug_traceCall", [*asked, diff])]
    listed = methods.call("eth_createAccessList", [call])
    sent = send(methods, signed(1, to=person, gas=200_000, authorizationList=[made]))["transactionHash"]
    trees.append(methods.call("debug_traceTransaction", [sent, {"tracer": "callTracer"}]))
    changes.append(methods.call("debug_traceTransaction", [sent, diff]))
    assert trees[0] == trees[1]
    for one in changes:
        assert one["post"][person.lower()]["code"] == "0xef0100" + keeper[2:]
        assert one["post"][person.lower()]["nonce"] == 1
    assert changes[0] == changes[1]
    # who delegates, and to whom, is warm anyway; the slot is not
    assert listed["accessList"] == [{"address": person.lower(), "storageKeys": ["0x" + "00" * 32]}]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"nonce": "0x1"}, "0x"),
        ({"chainId": "0x1"}, "0x"),
        ({"s": "0x1"}, "0x"),
        ({"yParity": "0x1b"}, "0x"),
        ({"chainId": "0x0"}, "0x"),
        ({}, "delegated"),
    ],
)
def test_an_authorization_that_is_none_costs_and_does_nothing(methods, keeper, fields, code):
    person, call, _ = delegating(methods, b"\7" * 32, keeper)
    call["authorizationList"][0].update(fields)
    # a contract that asks how much code the account has
    asks = {"0x" + "55" * 20: {"code": "0x73" + person[2:].lower() + "3b60005260206000f3"}}
    size = methods.call("eth_call", [{**call, "to": "0x" + "55" * 20}, "latest", asks])
    assert int(size, 16) == (23 if code else 0) * (code == "delegated")
    gas = int(methods.call("eth_estimateGas", [{**call, "to": SINK}]), 16)
    assert gas == 46_000


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"authorizationList": []}, "empty auth list"),
        ({"to": None}, "cannot be used to create contract"),
        ({"gas": hex(45_999)}, "intrinsic gas too low"),
        ({"authorizationList": [{}]}, "expected"),
        ({"authorizationList": "0x"}, "expected a list"),
        ({"authorizationList": [{}] * 1_201}, "at most 1200"),
    ],
)
@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas", "eth_createAccessList"])
def test_delegations_that_no_transaction_may_hold_are_refused(methods, keeper, method, fields, words):
    _, call, _ = delegating(methods, b"\7" * 32, keeper)
    with pytest.raises(Fault, match=words):
        methods.call(method, [{**call, **fields}])


# -- fees of calls


def test_a_call_that_offers_a_fee_is_held_to_it(methods):
    price = {SINK: {"code": "0x3a60005260206000f3"}}
    call = {"from": DEV.address, "to": SINK}

    def seen(**fees):
        return int(methods.call("eth_call", [{**call, **fees}, "latest", price]), 16)

    assert seen() == 0
    assert seen(gasPrice="0x9") == 9
    assert seen(maxFeePerGas="0x64", maxPriorityFeePerGas="0x2") == 9
    with pytest.raises(Fault, match="less than block base fee"):
        seen(gasPrice="0x6")
    with pytest.raises(Fault, match="both gasPrice and"):
        seen(gasPrice="0x9", maxFeePerGas="0x9")


def test_a_call_has_as_much_gas_as_its_sender_can_pay_for(methods):
    person = "0x" + "44" * 20
    asked = {"from": person, "to": SINK, "gasPrice": "0x64"}
    rich = {person: {"balance": hex(100 * 25_000)}, SINK: {"code": "0x5a60005260206000f3"}}
    left = int(methods.call("eth_call", [asked, "latest", rich]), 16)
    assert left == 25_000 - 21_000 - 2
    assert methods.call("eth_estimateGas", [asked, "latest", rich]) == hex(21_000 + 2 + 3 + 6 + 3 + 3)
    endless = {**rich, SINK: {"code": "0x5b600056"}}
    with pytest.raises(Fault, match=r"gas required exceeds allowance \(25000\)"):
        methods.call("eth_estimateGas", [asked, "latest", endless])
    for gas in ("0x61a9", None):
        poor = {**rich, person: {"balance": hex(100 * 20_000 if gas is None else 100 * 25_000)}}
        with pytest.raises(Fault, match="insufficient funds"):
            methods.call("eth_call", [{**asked, "gas": gas}, "latest", poor])


def test_ether_reaches_a_contract_that_takes_none(methods):
    refuses = send(methods, signed(data="0x60048060093d393df3" + "60006000fd"[:8], gas=100_000))[
        "contractAddress"
    ]
    methods.call("anvil_setBalance", [refuses, hex(7)])
    assert methods.call("eth_getBalance", [refuses]) == "0x7"
    assert methods.call("eth_getTransactionCount", [DEV.address]) == "0x1"

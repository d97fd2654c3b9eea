"""Sending for accounts: the development account's signature, impersonation, receipts waited for, and what waits."""

import pytest
from eth_account import Account
from eth_utils import to_checksum_address

from freehold.chain.embedded import DEV_KEY, EmbeddedNode, sending
from freehold.chain.embedded.dispatcher import Dispatcher
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import Methods
from freehold.chain.embedded.turns import Caller

DEV = Account.from_key(DEV_KEY)
SINK, OTHER, PERSON = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20
ETHER = hex(10**18)
KEEPER = "3360005500"  # keeps its caller at slot 0


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


def signed(nonce=0, **more):
    fields = {"chainId": 31337, "value": 0, "maxFeePerGas": 100, "maxPriorityFeePerGas": 1, "gas": 21_000}
    filled = {**fields, "nonce": nonce, "to": to_checksum_address(SINK), **more}
    return "0x" + bytes(Account.sign_transaction(filled, DEV_KEY).raw_transaction).hex()


def mined(ask, fields):
    return ask("eth_getTransactionReceipt", ask("eth_sendTransaction", fields))


def balance(ask, account):
    return int(ask("eth_getBalance", account), 16)


# -- who the node speaks for


def test_the_development_accounts_transactions_are_signed_with_its_key(ask):
    assert ask("eth_accounts") == [DEV.address.lower()]
    sent = ask("eth_sendTransaction", {"from": DEV.address, "to": SINK, "value": "0x5"})
    shown = ask("eth_getTransactionByHash", sent)
    assert (shown["from"], shown["nonce"], int(shown["s"], 16) > 0) == (DEV.address.lower(), "0x0", True)
    assert balance(ask, SINK) == 5
    # what it signed is what the account would have signed
    fields = {name: int(shown[name], 16) for name in ("nonce", "gas", "value", "chainId")}
    fees = {name: int(shown[name], 16) for name in ("maxFeePerGas", "maxPriorityFeePerGas")}
    raw = DEV.sign_transaction({**fields, **fees, "to": to_checksum_address(SINK)})
    assert "0x" + bytes(raw.hash).hex() == sent


def test_nobody_else_is_spoken_for_unless_asked(ask):
    for account in (OTHER, Account.create().address):
        with pytest.raises(Fault, match="unknown account"):
            ask("eth_sendTransaction", {"from": account, "to": SINK})
    with pytest.raises(Fault, match="from is missing"):
        ask("eth_sendTransaction", {"to": SINK})


def test_an_impersonated_account_sends_until_it_is_not(ask):
    ask("anvil_setBalance", PERSON, ETHER)
    ask("anvil_impersonateAccount", PERSON)
    ask("anvil_impersonateAccount", DEV.address)
    assert ask("eth_accounts") == [DEV.address.lower(), PERSON]
    receipt = mined(ask, {"from": PERSON, "to": SINK, "value": "0x7"})
    assert (receipt["status"], receipt["from"], balance(ask, SINK)) == ("0x1", PERSON, 7)
    paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert balance(ask, PERSON) == 10**18 - 7 - paid
    assert ask("eth_getTransactionCount", PERSON) == "0x1"
    ask("anvil_stopImpersonatingAccount", PERSON)
    with pytest.raises(Fault, match="unknown account"):
        ask("eth_sendTransaction", {"from": PERSON, "to": SINK})


def test_all_accounts_are_impersonated_where_that_was_asked(ask):
    ask("anvil_setBalance", PERSON, ETHER)
    ask("anvil_autoImpersonateAccount", True)
    assert mined(ask, {"from": PERSON, "to": SINK})["status"] == "0x1"
    ask("anvil_autoImpersonateAccount", False)
    with pytest.raises(Fault, match="unknown account"):
        ask("eth_sendTransaction", {"from": PERSON, "to": SINK})
    ask("hardhat_impersonateAccount", PERSON)
    assert mined(ask, {"from": PERSON, "to": SINK})["status"] == "0x1"
    ask("hardhat_stopImpersonatingAccount", PERSON)
    with pytest.raises(Fault, match="unknown account"):
        ask("eth_sendTransaction", {"from": PERSON, "to": SINK})


def test_a_contract_is_impersonated_too(ask):
    code = "0x6005" + "8060093d393df3" + KEEPER
    keeper = mined(ask, {"from": DEV.address, "data": code})["contractAddress"]
    own = mined(ask, {"from": DEV.address, "data": code})["contractAddress"]
    ask("anvil_setBalance", own, ETHER)
    ask("anvil_impersonateAccount", own)
    assert mined(ask, {"from": own, "to": keeper})["status"] == "0x1"
    assert ask("eth_getStorageAt", keeper, "0x0")[-40:] == own[2:]


def test_two_accounts_same_transaction_is_two(ask):
    sent = []
    for account in (PERSON, OTHER):
        ask("anvil_setBalance", account, ETHER)
        ask("anvil_impersonateAccount", account)
        sent.append(
            ask("eth_sendTransaction", {"from": account, "to": SINK, "gas": "0x5208", "nonce": "0x0"})
        )
    assert sent[0] != sent[1]


def test_what_was_given_is_sent(ask):
    ask("anvil_impersonateAccount", PERSON)
    ask("anvil_setBalance", PERSON, ETHER)
    listed = [{"address": SINK, "storageKeys": ["0x" + "00" * 32]}]
    sent = ask(
        "eth_sendTransaction",
        {
            "from": PERSON,
            "to": SINK,
            "gas": "0x20000",
            "gasPrice": "0x9",
            "input": "0x01",
            "accessList": listed,
        },
    )
    shown = ask("eth_getTransactionByHash", sent)
    assert (shown["gas"], shown["gasPrice"], shown["input"]) == ("0x20000", "0x9", "0x01")
    assert shown["accessList"] == listed
    for fields, words in (
        ({"nonce": "0x0"}, "nonce too low"),
        ({"maxFeePerGas": "0x1"}, "max fee per gas less than block base fee"),
        ({"gas": "0x5207"}, "intrinsic gas too low"),
        ({"value": hex(10**19)}, "insufficient funds"),
        ({"chainId": "0x1"}, "invalid chain id for signer"),
    ):
        with pytest.raises(Fault, match=words):
            ask("eth_sendTransaction", {"from": PERSON, "to": SINK, **fields})


def test_a_delegation_is_sent_for_an_impersonated_account(ask):
    person = Account.from_key(b"\5" * 32)
    made = person.sign_authorization({"chainId": 31337, "address": SINK, "nonce": 0})
    listed = {
        "chainId": hex(made.chain_id),
        "address": SINK,
        "nonce": "0x0",
        "yParity": hex(made.y_parity),
        "r": hex(made.r),
        "s": hex(made.s),
    }
    ask("anvil_setBalance", PERSON, ETHER)
    ask("anvil_impersonateAccount", PERSON)
    receipt = mined(ask, {"from": PERSON, "to": SINK, "authorizationList": [listed]})
    assert (receipt["status"], receipt["type"]) == ("0x1", "0x4")
    assert ask("eth_getCode", person.address) == "0xef0100" + SINK[2:]


def test_there_is_an_end_to_how_many_are_impersonated(ask, monkeypatch):
    monkeypatch.setattr(sending, "_MOST_IMPERSONATED", 2)
    for number in (1, 2):
        ask("anvil_impersonateAccount", f"0x{number:040x}")
    with pytest.raises(Fault, match="at most 2"):
        ask("anvil_impersonateAccount", f"0x{3:040x}")


# -- that nobody signed it can be told for ever


def test_an_impersonated_transaction_tells_that_nobody_signed_it(ask, ledger):
    ask("anvil_setBalance", PERSON, ETHER)
    ask("anvil_impersonateAccount", PERSON)
    sent = ask("eth_sendTransaction", {"from": PERSON, "to": SINK})
    shown = ask("eth_getTransactionByHash", sent)
    assert (int(shown["s"], 16), int(shown["r"], 16)) == (0, int(PERSON, 16))
    assert shown["from"] == PERSON
    ((raw,),) = ledger.store.rows("SELECT raw FROM transactions WHERE hash = ?", (bytes.fromhex(sent[2:]),))
    with pytest.raises((TypeError, ValueError), match="s"):
        Account.recover_transaction(bytes(raw))


def test_bytes_of_that_form_are_taken_from_nobody(ask, ledger):
    ask("anvil_setBalance", PERSON, ETHER)
    ask("anvil_impersonateAccount", PERSON)
    sent = ask("eth_sendTransaction", {"from": PERSON, "to": SINK, "gas": "0x5208"})
    ((raw,),) = ledger.store.rows("SELECT raw FROM transactions WHERE hash = ?", (bytes.fromhex(sent[2:]),))
    # the next nonce, so that only the signature is wrong
    following = bytes(raw).replace(bytes.fromhex("827a6980"), bytes.fromhex("827a6901"), 1)
    assert following != bytes(raw)
    for name in ("eth_sendRawTransaction", "eth_sendRawTransactionSync"):
        with pytest.raises(Fault, match="invalid transaction"):
            ask(name, "0x" + following.hex())
    assert ask("eth_getTransactionCount", PERSON) == "0x1"


def test_impersonated_transactions_are_traced_and_survive_a_restart(tmp_path):
    def run(node, name, *params):
        return node_ask(node, name, params)

    with EmbeddedNode(tmp_path) as node:
        run(node, "anvil_setBalance", PERSON, ETHER)
        run(node, "anvil_impersonateAccount", PERSON)
        late = run(node, "eth_sendTransaction", {"from": PERSON, "to": SINK, "nonce": "0x1", "gas": "0x5208"})
        assert run(node, "txpool_status") == {"pending": "0x0", "queued": "0x1"}
        head = run(node, "eth_blockNumber")
    with EmbeddedNode(tmp_path) as node:
        assert run(node, "eth_blockNumber") == head
        assert run(node, "eth_accounts") == [DEV.address.lower()]
        content = run(node, "txpool_content")["queued"][to_checksum_address(PERSON)]["1"]
        assert (content["hash"], content["from"]) == (late, PERSON)
        run(node, "anvil_impersonateAccount", PERSON)
        first = run(node, "eth_sendTransaction", {"from": PERSON, "to": SINK, "value": "0x2"})
        block = run(node, "eth_getBlockByNumber", "latest", False)
        assert block["transactions"] == [first, late]
        traced = run(node, "debug_traceTransaction", late, {"tracer": "callTracer"})
        assert (traced["from"], traced["to"], traced["gasUsed"]) == (PERSON, SINK, "0x5208")


def node_ask(node, name, params):
    import httpx

    body = {"jsonrpc": "2.0", "id": 1, "method": name, "params": list(params)}
    answer = httpx.post(node.url, json=body, timeout=60, trust_env=False).json()
    assert "result" in answer, answer
    return answer["result"]


# -- a receipt waited for (EIP-7966), alone and in a batch


def answers(ledger, *requests):
    dispatcher = Dispatcher(ledger)
    numbered = [
        {"jsonrpc": "2.0", "id": at, "method": name, "params": list(params)}
        for at, (name, *params) in enumerate(requests)
    ]
    import json

    return json.loads(b"".join(dispatcher.answer(numbered, Caller())))


def test_a_receipt_is_the_answer_to_who_waits_for_it(ledger, ask):
    told, again, hashed = answers(
        ledger,
        ("eth_sendRawTransactionSync", signed(0)),
        ("eth_sendRawTransactionSync", signed(1), 2_000),
        ("eth_sendRawTransaction", signed(2)),
    )
    assert told["result"] == ask("eth_getTransactionReceipt", told["result"]["transactionHash"])
    assert told["result"]["status"] == "0x1"
    # they share a block, as what is sent together does
    assert again["result"]["blockNumber"] == told["result"]["blockNumber"] == "0x1"
    assert ask("eth_getTransactionReceipt", hashed["result"])["blockNumber"] == "0x1"


def test_who_waits_for_one_that_cannot_run_yet_is_told_so_and_its_hash(ledger, ask):
    (told,) = answers(ledger, ("eth_sendRawTransactionSync", signed(3)))
    assert told["error"]["code"] == 5
    assert ask("eth_getTransactionByHash", told["error"]["data"])["nonce"] == "0x3"
    refused, malformed = answers(
        ledger, ("eth_sendRawTransactionSync", signed(0, gas=20_000)), ("eth_sendRawTransactionSync", "0x1")
    )
    assert "intrinsic gas too low" in refused["error"]["message"]
    assert malformed["error"]["code"] == -32602


# -- what waits


def test_only_what_lacks_an_earlier_nonce_waits(ask):
    ask("eth_sendRawTransaction", signed(0))
    late = {nonce: ask("eth_sendRawTransaction", signed(nonce, value=nonce)) for nonce in (2, 3)}
    assert ask("txpool_status") == {"pending": "0x0", "queued": "0x2"}
    content = ask("txpool_content")
    assert content["pending"] == {}
    told = content["queued"][DEV.address]
    assert {nonce: one["hash"] for nonce, one in told.items()} == {str(key): one for key, one in late.items()}
    assert (told["2"]["blockNumber"], told["2"]["value"]) == (None, "0x2")
    assert ask("txpool_contentFrom", DEV.address) == {"pending": {}, "queued": told}
    assert ask("txpool_contentFrom", SINK) == {"pending": {}, "queued": {}}
    line = ask("txpool_inspect")["queued"][DEV.address]["3"]
    assert line == f"{to_checksum_address(SINK)}: 3 wei + 21000 gas × 100 wei"  # noqa: RUF001
    ask("eth_sendRawTransaction", signed(1))
    assert ask("txpool_status") == {"pending": "0x0", "queued": "0x0"}

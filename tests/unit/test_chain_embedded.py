"""The local chain over real HTTP, driven by web3.py and by raw requests."""

import json
import socket
import threading
import time
from contextlib import suppress

import httpx
import pytest
from eth_account import Account
from web3 import Web3
from web3.exceptions import ContractCustomError, Web3RPCError

from freehold.chain import deployments
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.embedded.origins import InvalidOrigin
from freehold.chain.trie import EMPTY_ROOT
from freehold.core.errors import Conflict, Unavailable

DEV = Account.from_key(DEV_KEY)
SINK = "0x" + "11" * 20


@pytest.fixture
def node(tmp_path):
    with EmbeddedNode(tmp_path) as running:
        yield running


@pytest.fixture
def web3(node):
    return Web3(Web3.HTTPProvider(node.url))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that change nothing."""
    with EmbeddedNode(tmp_path_factory.mktemp("shared")) as running:
        yield running


def post(url, **more):
    return httpx.post(url, verify=False, **more)  # plain http: loading certificates would only cost time


def ask(node, method, *params, **headers):
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return post(node.url, json=body, headers=headers).json()


def signed(nonce, *, key=DEV_KEY, to=SINK, value=1, gas=21_000, fee=1_000, **more):
    fields = {"to": to, "value": value, "gas": gas, "nonce": nonce, "chainId": 31337, "maxFeePerGas": fee}
    raw = Account.sign_transaction({**fields, "maxPriorityFeePerGas": 1, **more}, key).raw_transaction
    return "0x" + raw.hex()


def deploy(web3, name):
    found = deployments.artifact(name)
    factory = web3.eth.contract(abi=found.abi, bytecode=found.bytecode)
    sent = web3.eth.send_raw_transaction(_build(web3, factory.constructor()))
    return web3.eth.contract(
        address=web3.eth.wait_for_transaction_receipt(sent)["contractAddress"], abi=found.abi
    )


def _build(web3, call):
    built = call.build_transaction(
        {"from": DEV.address, "nonce": web3.eth.get_transaction_count(DEV.address)}
    )
    return DEV.sign_transaction(built).raw_transaction


def test_web3_deploys_sends_waits_calls_and_reads_logs(web3):
    dollar = deploy(web3, "TestDollar")
    sent = web3.eth.send_raw_transaction(_build(web3, dollar.functions.mint(SINK, 25)))
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    assert dollar.functions.balanceOf(SINK).call() == 25
    (found,) = dollar.events.Transfer().get_logs(from_block=0, argument_filters={"to": SINK})
    assert found["args"]["value"] == 25
    assert found["transactionHash"] == sent
    assert dollar.events.Transfer().process_receipt(receipt)[0]["args"] == found["args"]
    assert dollar.events.Transfer().get_logs(from_block=0, argument_filters={"to": DEV.address}) == []
    block = web3.eth.get_block("latest", full_transactions=True)
    assert block["transactions"][0]["hash"] == sent
    assert block["transactions"][0]["input"] == web3.eth.get_transaction(sent)["input"]
    assert int.from_bytes(block["logsBloom"], "big") == int.from_bytes(receipt["logsBloom"], "big") > 0


def test_a_revert_carries_the_contracts_error_from_calls_estimates_and_receipts(web3):
    revocations = deploy(web3, "Revocations")
    call = revocations.functions.revoke(7)
    web3.eth.send_raw_transaction(_build(web3, call))
    with pytest.raises(ContractCustomError) as refused:
        call.call({"from": DEV.address})
    assert refused.value.data.startswith(Web3.keccak(text="AlreadyRevoked(address,uint256)")[:4].to_0x_hex())
    with pytest.raises(ContractCustomError):
        call.estimate_gas({"from": DEV.address})
    forced = call.build_transaction(
        {"from": DEV.address, "nonce": web3.eth.get_transaction_count(DEV.address), "gas": 100_000}
    )
    receipt = web3.eth.wait_for_transaction_receipt(
        web3.eth.send_raw_transaction(DEV.sign_transaction(forced).raw_transaction)
    )
    assert receipt["status"] == 0
    assert receipt["gasUsed"] < 100_000


def test_state_can_be_read_at_any_block(web3):
    before = web3.eth.get_balance(SINK)
    web3.eth.send_raw_transaction(signed(0, value=5))
    web3.eth.send_raw_transaction(signed(1, value=6))
    assert [web3.eth.get_balance(SINK, block) for block in (0, 1, 2, "latest", "earliest", "pending")] == [
        before, 5, 11, 11, before, 11,
    ]  # fmt: skip
    assert web3.eth.get_transaction_count(DEV.address, 1) == 1
    by_hash = {"blockHash": web3.eth.get_block(1)["hash"].to_0x_hex()}
    assert web3.eth.get_balance(SINK, by_hash) == 5


@pytest.mark.parametrize(
    "fields",
    [
        {"gasPrice": 20, "chainId": 31337},
        {"gasPrice": 20, "chainId": 31337, "type": 1, "accessList": []},
        {"maxFeePerGas": 20, "maxPriorityFeePerGas": 2, "chainId": 31337, "type": 2},
    ],
)
def test_every_transaction_kind_is_mined_and_charged_what_its_receipt_says(web3, fields):
    before = web3.eth.get_balance(DEV.address)
    raw = DEV.sign_transaction({"to": SINK, "value": 3, "gas": 30_000, "nonce": 0, **fields}).raw_transaction
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw))
    assert receipt["type"] == fields.get("type", 0)
    assert receipt["gasUsed"] == 21_000
    cost = receipt["gasUsed"] * receipt["effectiveGasPrice"] + 3
    assert before - web3.eth.get_balance(DEV.address) == cost


def test_what_may_not_enter_a_block_is_refused_and_changes_nothing(node, web3):
    web3.eth.send_raw_transaction(signed(0))
    poor = Account.from_key(b"\x01" * 32)
    refused = {
        "nonce too low": signed(0, value=2),
        "already known": signed(0),
        "insufficient funds": signed(0, key=poor.key),
        "max fee per gas less than": signed(1, fee=1),
        "intrinsic gas too low": signed(1, gas=21_000, data="0x01"),
        "exceeds block gas limit": signed(1, gas=30_000_001),
        "invalid chain id": signed(1, chainId=1),
        "invalid transaction": "0x02c0",
        "max initcode size": signed(1, to=b"", gas=29_000_000, data="0x" + "00" * 49_153),
    }
    for message, raw in refused.items():
        answer = ask(node, "eth_sendRawTransaction", raw)
        assert answer["error"]["code"] == -32000
        assert message in answer["error"]["message"]
    assert web3.eth.block_number == 1


def test_a_nonce_gap_waits_for_the_missing_transaction_and_survives_a_restart(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        late = ask(node, "eth_sendRawTransaction", signed(1))["result"]
        assert ask(node, "eth_blockNumber")["result"] == "0x0"
        assert ask(node, "eth_getTransactionByHash", late)["result"]["blockNumber"] is None
        assert ask(node, "eth_getTransactionReceipt", late)["result"] is None
    with EmbeddedNode(tmp_path) as node:
        first = ask(node, "eth_sendRawTransaction", signed(0))["result"]
        block = ask(node, "eth_getBlockByNumber", "latest", False)["result"]
        assert block["transactions"] == [first, late]


def test_waiting_transactions_share_a_block(node, web3):
    batch = [
        {"jsonrpc": "2.0", "id": nonce, "method": "eth_sendRawTransaction", "params": [signed(nonce)]}
        for nonce in range(20)
    ]
    answers = post(node.url, json=batch).json()
    assert [answer["id"] for answer in answers] == list(range(20))
    assert web3.eth.block_number == 1
    assert len(web3.eth.get_block(1)["transactions"]) == 20


def test_concurrent_senders_all_land_in_few_blocks(node, web3):
    keys = [bytes([index + 1]) * 32 for index in range(8)]
    for key in keys:
        web3.provider.make_request("anvil_setBalance", [Account.from_key(key).address, hex(10**18)])
    start, failures = web3.eth.block_number, []

    def send(key):
        for nonce in range(5):
            answer = ask(node, "eth_sendRawTransaction", signed(nonce, key=key))
            if "error" in answer:
                failures.append(answer)

    threads = [threading.Thread(target=send, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    blocks = [web3.eth.get_block(number) for number in range(start + 1, web3.eth.block_number + 1)]
    assert sum(len(block["transactions"]) for block in blocks) == 40
    assert web3.eth.get_balance(SINK) == 40


def test_a_block_that_is_full_leaves_the_rest_to_the_next(node, web3):
    batch = [
        {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [signed(n, gas=12_000_000)]}
        for n in range(5)
    ]
    post(node.url, json=batch)
    # each uses 21,000 but may use 12 million: two fit under 30 million until the first is known to be cheap
    assert sum(len(web3.eth.get_block(n)["transactions"]) for n in range(web3.eth.block_number + 1)) == 5


def test_reopening_gives_the_same_blocks_receipts_and_state(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        web3 = Web3(Web3.HTTPProvider(node.url))
        dollar = deploy(web3, "TestDollar")
        sent = web3.eth.send_raw_transaction(_build(web3, dollar.functions.mint(SINK, 9)))
        hashes = [web3.eth.get_block(number)["hash"] for number in range(3)]
        receipt = web3.eth.get_transaction_receipt(sent)
    with EmbeddedNode(tmp_path) as node:
        web3 = Web3(Web3.HTTPProvider(node.url))
        assert [web3.eth.get_block(number)["hash"] for number in range(3)] == hashes
        assert web3.eth.get_transaction_receipt(sent) == receipt
        again = web3.eth.contract(address=dollar.address, abi=dollar.abi)
        assert again.functions.balanceOf(SINK).call() == 9


def test_every_fresh_chain_starts_from_the_same_genesis(tmp_path):
    hashes = set()
    for name in ("a", "b"):
        with EmbeddedNode(tmp_path / name) as node:
            hashes.add(ask(node, "eth_getBlockByNumber", "0x0", False)["result"]["hash"])
    assert len(hashes) == 1


def test_two_processes_cannot_share_a_directory(tmp_path, node):
    with pytest.raises(Conflict, match="cannot be opened"):
        EmbeddedNode(tmp_path).start()


def test_a_taken_port_is_named(tmp_path, node):
    port = int(node.url.rsplit(":", 1)[1])
    with pytest.raises(Unavailable, match=str(port)):
        EmbeddedNode(tmp_path / "other", port).start()


def test_time_follows_the_clock_and_never_runs_back(node, web3):
    for nonce in range(5):
        web3.eth.send_raw_transaction(signed(nonce))
    times = [web3.eth.get_block(number)["timestamp"] for number in range(6)]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) <= 2
    ask(node, "evm_increaseTime", 86_400)
    ask(node, "evm_mine")
    assert web3.eth.get_block("latest")["timestamp"] - times[-1] >= 86_400


def test_estimates_see_the_next_blocks_time_although_no_block_was_made(node, web3):
    # succeeds when TIMESTAMP > 2**32, else reverts
    code = "640100000000421160105760006000fd5b00"
    init = "60" + f"{len(code) // 2:02x}" + "600c60003960" + f"{len(code) // 2:02x}" + "6000f3" + code
    sent = ask(node, "eth_sendRawTransaction", signed(0, to=b"", value=0, gas=200_000, data="0x" + init))[
        "result"
    ]
    address = ask(node, "eth_getTransactionReceipt", sent)["result"]["contractAddress"]
    assert ask(node, "eth_getCode", address, "latest")["result"] == "0x" + code
    assert "error" in ask(node, "eth_estimateGas", {"to": address})
    ask(node, "evm_increaseTime", 2**33)
    assert "result" in ask(node, "eth_estimateGas", {"to": address})
    assert "error" in ask(node, "eth_call", {"to": address}, "latest")
    assert "result" in ask(node, "eth_call", {"to": address}, "pending")


def test_snapshots_rewind_blocks_logs_and_state(node, web3):
    dollar = deploy(web3, "TestDollar")
    held = ask(node, "evm_snapshot")["result"]
    sent = web3.eth.send_raw_transaction(_build(web3, dollar.functions.mint(SINK, 4)))
    assert ask(node, "evm_revert", held)["result"] is True
    assert web3.eth.block_number == 1
    assert dollar.functions.balanceOf(SINK).call() == 0
    assert dollar.events.Transfer().get_logs(from_block=0) == []
    assert ask(node, "eth_getTransactionReceipt", sent.to_0x_hex())["result"] is None
    assert ask(node, "evm_revert", held)["result"] is False
    web3.eth.send_raw_transaction(_build(web3, dollar.functions.mint(SINK, 5)))
    assert dollar.functions.balanceOf(SINK).call() == 5


def test_a_top_up_raises_a_balance_and_leaves_the_development_account_alone(node, web3):
    nonce = web3.eth.get_transaction_count(DEV.address)
    assert ask(node, "anvil_setBalance", SINK, hex(10**18))["result"] is None
    assert web3.eth.get_balance(SINK) == 10**18
    ask(node, "anvil_setBalance", SINK, "0x1")
    assert web3.eth.get_balance(SINK) == 10**18
    assert web3.eth.get_transaction_count(DEV.address) == nonce
    assert "error" in ask(node, "anvil_setBalance", SINK, hex(10**40))


def test_fees_stay_at_the_floor(node, web3):
    for nonce in range(10):
        web3.eth.send_raw_transaction(signed(nonce))
    history = web3.eth.fee_history(5, "latest", [50])
    assert set(history["baseFeePerGas"]) == {7}
    assert len(history["reward"]) == 5
    assert web3.eth.gas_price == 8


def test_blockhash_and_the_history_contract_give_earlier_hashes(node, web3):
    for nonce in range(3):
        web3.eth.send_raw_transaction(signed(nonce))
    # BLOCKHASH(2) of the number given as calldata, run without deploying: initcode that returns it
    code = "0x6002406000526020" + "6000f3"
    assert (
        ask(node, "eth_call", {"input": code}, "latest")["result"]
        == web3.eth.get_block(2)["hash"].to_0x_hex()
    )
    history = "0x0000f90827f1c53a10cb7a02335b175320002935"
    asked = {"to": history, "input": "0x" + f"{1:064x}"}
    assert ask(node, "eth_call", asked, "latest")["result"] == web3.eth.get_block(1)["hash"].to_0x_hex()


def test_log_queries_are_bounded_and_filter_by_position(node, web3):
    dollar = deploy(web3, "TestDollar")
    other = "0x" + "22" * 20
    for index, to in enumerate([SINK, other, SINK]):
        web3.eth.send_raw_transaction(_build(web3, dollar.functions.mint(to, index + 1)))
    pad = lambda account: "0x" + "00" * 12 + account[2:]  # noqa: E731
    topic = Web3.keccak(text="Transfer(address,address,uint256)").to_0x_hex()

    def amounts(**wanted):
        found = ask(node, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", **wanted})["result"]
        return [int(log["data"], 16) for log in found]

    assert amounts() == [1, 2, 3]
    assert amounts(topics=[topic, None, pad(SINK)]) == [1, 3]
    assert amounts(topics=[[topic], None, [pad(SINK), pad(other)]]) == [1, 2, 3]
    assert amounts(topics=[None, None, pad(other)]) == [2]
    assert amounts(address=other) == []
    assert amounts(address=[dollar.address.lower(), other], fromBlock="0x3") == [2, 3]
    assert amounts(fromBlock="0x4", toBlock="0x3") == []
    assert "error" in ask(node, "eth_getLogs", {"topics": [None] * 5})
    assert "error" in ask(node, "eth_getLogs", {"address": [SINK] * 1001})


def test_delegated_accounts_run_code_by_eip_7702(web3):
    dollar = deploy(web3, "TestDollar")
    owner = Account.from_key(b"\x05" * 32)
    authorization = owner.sign_authorization({"chainId": 31337, "address": dollar.address, "nonce": 0})
    raw = DEV.sign_transaction(
        {
            "type": 4, "chainId": 31337, "nonce": 1, "to": owner.address, "value": 0, "gas": 200_000,
            "maxFeePerGas": 100, "maxPriorityFeePerGas": 1, "authorizationList": [authorization],
            "data": dollar.encode_abi("mint", [SINK, 3]),
        }
    ).raw_transaction  # fmt: skip
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw))
    assert receipt["status"] == 1
    assert web3.eth.get_code(owner.address) == bytes.fromhex("ef0100" + dollar.address[2:])
    delegated = web3.eth.contract(address=owner.address, abi=dollar.abi)
    assert delegated.functions.balanceOf(SINK).call() == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"[]", -32600),
        (b"7", -32600),
        (b'{"id": 1, "method": 7}', -32600),
        (b'{"id": 1, "method": "eth_call", "params": {}}', -32600),
        (b'{"id": 1, "method": "eth_sign", "params": []}', -32601),
        (b'{"id": 1, "method": "_ledger"}', -32601),
        (b'{"id": 1, "method": "eth_getBalance", "params": []}', -32602),
        (b'{"id": 1, "method": "eth_getBalance", "params": ["0x1"]}', -32602),
        (b'{"id": 1, "method": "eth_getBalance", "params": ["0x' + b"1" * 40 + b'", "0x99"]}', -32000),
        (b'{"id": 1, "method": "eth_getBalance", "params": ["0x' + b"1" * 40 + b'", [1]]}', -32602),
        (b'{"id": 1, "method": "eth_call", "params": [{"to": "0x' + b"1" * 39 + b'"}]}', -32602),
        (b'{"id": 1, "method": "eth_call", "params": [{"gas": "0x1"}]}', -32000),
        (b"[" * 100_000, -32700),
    ],
)
def test_malformed_requests_get_the_standard_codes(shared, body, code):
    assert post(shared.url, content=body).json()["error"]["code"] == code


def test_the_deepest_call_a_block_can_pay_for_runs(node):
    # CALL(gas, address(this), 0, 0, 0, 0, 0): recurses until the gas for another level is missing
    code = "60006000600060006000305af100"
    init = "600e600c600039600e6000f3" + code
    sent = ask(node, "eth_sendRawTransaction", signed(0, to=b"", value=0, gas=200_000, data="0x" + init))[
        "result"
    ]
    address = ask(node, "eth_getTransactionReceipt", sent)["result"]["contractAddress"]
    deep = ask(
        node,
        "eth_sendRawTransaction",
        signed(1, to=Web3.to_checksum_address(address), value=0, gas=30_000_000),
    )["result"]
    receipt = ask(node, "eth_getTransactionReceipt", deep)["result"]
    assert receipt["status"] == "0x1"
    assert int(receipt["gasUsed"], 16) > 80_000


def test_notifications_get_no_answer(shared):
    assert post(shared.url, content=b'{"method": "eth_chainId"}').content == b""


EXTENSION = "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:1"}, 200),
        ({"content-type": "application/json; charset=utf-8"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": EXTENSION, "sec-fetch-site": "cross-site"}, 200),
        ({"origin": "moz-extension://0e0e0e0e-0000-4000-8000-000000000000"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://localhost:3000"}, 403),
        ({"origin": "http://127.0.0.1:8545"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": EXTENSION + "/page"}, 403),
        ({"origin": EXTENSION, "host": "evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "Text/Plain; charset=utf-8"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
    ],
    ids=lambda given: "; ".join(map(": ".join, given.items())) if isinstance(given, dict) else str(given),
)
def test_web_pages_are_refused_and_wallets_are_not(shared, headers, status):
    body = b'{"id": 1, "method": "eth_chainId"}'
    assert post(shared.url, content=body, headers=headers).status_code == status


def test_a_page_that_is_allowed_may_ask_and_read_and_others_may_not(tmp_path):
    allowed, other = "http://localhost:3000", "http://localhost:3001"
    with EmbeddedNode(tmp_path, allow_origins=[allowed]) as node:
        asked = {"origin": allowed, "access-control-request-private-network": "true"}
        flight = httpx.options(node.url, headers=asked)
        assert flight.headers["access-control-allow-origin"] == allowed
        assert flight.headers["access-control-allow-private-network"] == "true"
        assert ask(node, "eth_chainId", origin=allowed)["result"] == "0x7a69"
        assert httpx.options(node.url, headers={"origin": other}).status_code == 403
        assert post(node.url, content=b"{}", headers={"origin": other}).status_code == 403


@pytest.mark.parametrize("origin", ["*", "localhost:3000", "http://localhost:3000/", "http://", "null"])
def test_what_is_no_origin_is_not_taken_for_one(tmp_path, origin):
    with pytest.raises(InvalidOrigin):
        EmbeddedNode(tmp_path, allow_origins=[origin])


def test_an_oversized_body_is_refused(shared):
    assert post(shared.url, content=b" " * (16 * 1024 * 1024 + 1)).status_code == 413


def said_to(node, *parts):
    """The first line of the answer to raw bytes; empty when the connection is closed without one."""
    with socket.create_connection(("127.0.0.1", int(node.url.rsplit(":", 1)[1])), timeout=10) as raw:
        with suppress(ConnectionError):
            for part in parts:
                raw.sendall(part)
        with suppress(ConnectionResetError):
            return raw.makefile("rb").readline()
    return b""


HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD, *[b"a: " + b"b" * 8_000 + b"\r\n"] * 20],
        [HEAD + b"a: ", *[b"b" * 8_000] * 20],
        [b"POST /", *[b"b" * 8_000] * 20],
        [b"POST / HTTP/1.1\r\nhost: localhost\r\n" + b"a: b\r\n" * 14_000 + b"content-length: 0\r\n\r\n"],
        [b"POST /" + b"b" * 40_000 + b" HTTP/1.1\r\nhost: localhost\r\na: " + b"b" * 30_000 + b"\r\n\r\n"],
        [HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", *[b"a: " + b"b" * 8_000 + b"\r\n"] * 20],
        [b"\x16\x03\x01 not HTTP at all\r\n\r\n"],
        [HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}"],
        [HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"],
    ],
    ids=[
        "headers",
        "header",
        "path",
        "at-once",
        "path-and-header",
        "trailers",
        "tls",
        "two-lengths",
        "length-and-chunks",
    ],
)
def test_a_request_without_bounds_or_sense_ends_its_connection_only(shared, parts):
    assert said_to(shared, *parts) in (b"", b"HTTP/1.1 400 Bad Request\r\n")
    assert post(shared.url, content=b'{"id": 1, "method": "eth_chainId"}').json()["result"] == "0x7a69"


def test_a_head_that_comes_slowly_and_two_requests_at_once_are_answered(shared):
    body = b'{"id": 1, "method": "eth_chainId"}'
    request = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    assert said_to(shared, *[request[at : at + 1] for at in range(len(request))]).startswith(b"HTTP/1.1 200")
    assert said_to(shared, request * 50).startswith(b"HTTP/1.1 200")
    assert httpx.post(shared.url + "/elsewhere", content=body).status_code == 404


def test_a_stopped_node_releases_its_port_and_directory(tmp_path):
    node = EmbeddedNode(tmp_path).start()
    port = int(node.url.rsplit(":", 1)[1])
    node.stop()
    node.stop()
    with EmbeddedNode(tmp_path, port) as again:
        assert (
            json.loads(post(again.url, content=b'{"id": 1, "method": "eth_chainId"}').content)["result"]
            == "0x7a69"
        )


def test_web3_reports_rpc_errors(web3):
    with pytest.raises(Web3RPCError):
        web3.eth.send_raw_transaction(signed(0, fee=1))


def test_an_empty_account_that_an_inner_call_touched_is_gone(node):
    # EIP-161 by way of a call within a call; and a log, a refund and a creation of inner calls still count
    empty = "0x" + "00" * 19 + "aa"
    inner = "5f5f5f5f5f60aa5af1" + "5f5fa0" + "00"
    raw = signed(0, to=b"", value=0, gas=500_000, data="0x" + _deploying(inner))
    target = ask(node, "eth_getTransactionReceipt", ask(node, "eth_sendRawTransaction", raw)["result"])
    outer = "5f5f5f5f5f73" + target["result"]["contractAddress"][2:] + "5af100"
    raw = signed(1, to=b"", value=0, gas=500_000, data="0x" + outer)
    receipt = ask(node, "eth_getTransactionReceipt", ask(node, "eth_sendRawTransaction", raw)["result"])
    assert receipt["result"]["status"] == "0x1"
    assert len(receipt["result"]["logs"]) == 1
    # a touched account that stayed in the trie would be the last node of its own proof
    last = bytes.fromhex(ask(node, "eth_getProof", empty, [], "latest")["result"]["accountProof"][-1][2:])
    assert b"\x80\x80\xa0" + EMPTY_ROOT not in last


def _deploying(code):
    return f"60{len(code) // 2:02x}600c60003960{len(code) // 2:02x}6000f3{code}"

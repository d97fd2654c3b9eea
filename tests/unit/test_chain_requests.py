"""What a request to the local chain may look like, from its bytes to its members, and who else knocks at the port."""

import json
import socket
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from freehold.chain.embedded import EmbeddedNode

WALLETS = [
    "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn",
    "moz-extension://0e0e0e0e-0000-4000-8000-000000000000",
    "safari-web-extension://0E0E0E0E-0000-4000-8000-000000000000",
]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "chain.md"
ASK = b'{"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}'
TOLD = {"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}
RICH = "0x" + "f3" * 20


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as made:
        yield made


@pytest.fixture(scope="module")
def web():
    with httpx.Client(trust_env=False) as made:
        yield made


def told(node, web, body):
    answer = web.post(node.url, content=body if isinstance(body, bytes) else json.dumps(body).encode())
    return json.loads(answer.content, parse_constant=pytest.fail) if answer.content else None


def result(node, web, method, *params):
    answer = told(node, web, {"id": 1, "method": method, "params": params})
    assert "result" in answer, answer
    return answer["result"]


# -- the request


@pytest.mark.parametrize("identifier", [0, -1, 1.5, 2**64, 10**300, "a", "", "\ud800", "0" * 1_000, None])
def test_an_id_is_given_back_as_it_came(node, web, identifier):
    answer = told(node, web, {"jsonrpc": "2.0", "id": identifier, "method": "eth_chainId"})
    assert answer == TOLD | {"id": identifier}


@pytest.mark.parametrize("identifier", [True, [], {}, [1]])
def test_what_is_no_id_is_refused(node, web, identifier):
    answer = told(node, web, {"id": identifier, "method": "eth_chainId"})
    assert (answer["id"], answer["error"]["code"]) == (None, -32600)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "eth_chainId", "jsonrpc": None}, None),
        ({"method": "eth_chainId", "params": None}, None),
        ({"method": "eth_chainId", "weather": 1}, None),
        ({"method": "eth_chainId", "jsonrpc": "1.0"}, -32600),
        ({"method": "eth_chainId", "jsonrpc": 2.0}, -32600),
        ({"method": "eth_chainId", "params": {}}, -32600),
        ({"method": None}, -32600),
        ({"method": "\ud800"}, -32601),
        ({"method": "eth_chainid"}, -32601),
        ({"method": "__init__"}, -32601),
    ],
)
def test_the_members_of_a_request(node, web, request_, code):
    answer = told(node, web, {"id": 1, **request_})
    assert answer.get("error", {}).get("code") == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"id": 1, "method": "weather", "method": "eth_chainId"}', None),
        (b"\xef\xbb\xbf" + ASK, None),
        (b'{"id": NaN, "method": "eth_chainId"}', -32700),
        (b'{"id": -Infinity, "method": "eth_chainId"}', -32700),
        (b'{"id": 1e999, "method": "eth_chainId"}', -32700),
        (b'{"id": 1, "method": "evm_increaseTime", "params": [1e999]}', -32700),
        (b'{"id": %s, "method": "eth_chainId"}' % (b"9" * 5_000), -32700),
        (ASK.decode().encode("utf-16"), -32700),
        (b'{"id": "\xff", "method": "eth_chainId"}', -32700),
        (b'{"id": "\xed\xa0\x80", "method": "eth_chainId"}', -32700),
        (b"[" * 65 + b"]" * 65, -32700),
        (ASK + b"x", -32700),
        (b"", -32700),
    ],
    ids=range(13),
)
def test_the_bytes_of_a_request(node, web, body, code):
    answer = told(node, web, body)
    assert answer.get("error", {}).get("code") == code
    assert code is None or answer["id"] is None


def test_a_batch_may_mix_requests_notifications_and_nonsense(node, web):
    asked = [json.loads(ASK), {"method": "eth_chainId"}, 7, {"id": None, "method": "eth_chainId"}]
    one, nonsense, null = told(node, web, asked)
    assert (one, null) == (TOLD, TOLD | {"id": None})
    assert nonsense["error"]["code"] == -32600


# -- parameters


def test_null_is_as_good_as_absent(node, web):
    web.post(node.url, json={"id": 1, "method": "anvil_setBalance", "params": [RICH, "0x64"]})
    assert result(node, web, "eth_getBalance", RICH) == "0x64"
    assert result(node, web, "eth_getBalance", RICH, None, None) == "0x64"
    size = {RICH: {"code": "0x365f5260205ff3", "balance": None, "state": None}, "0x" + "44" * 20: None}
    for more in ({}, {"input": None}, {"gas": None, "from": None, "value": None, "accessList": None}):
        call = {"to": RICH, "data": "0x06fdde03", **more}
        assert int(result(node, web, "eth_call", call, None, size, None), 16) == 4
    call = {"to": RICH, "data": None, "input": "0x0102"}
    assert int(result(node, web, "eth_call", call, "latest", size), 16) == 2
    mined = result(node, web, "eth_blockNumber")
    assert result(node, web, "anvil_mine", None, "0x1") is None
    assert int(result(node, web, "eth_blockNumber"), 16) == int(mined, 16) + 1


def test_a_missing_parameter_is_named(node, web):
    for params in ([], [None], [None, "latest"]):
        error = told(node, web, {"id": 1, "method": "eth_getBalance", "params": params})["error"]
        assert error["code"] == -32602
        assert "eth_getBalance" in error["message"]
        assert "address" in error["message"]
    error = told(node, web, {"id": 1, "method": "eth_getBalance", "params": [RICH, "latest", 1]})["error"]
    assert error == {"code": -32602, "message": "eth_getBalance: expected at most 2 parameters, got 3"}


@pytest.mark.parametrize("named", ["{}", "alone"])
def test_a_block_is_named_in_each_way_for_every_method(node, web, named):
    first = result(node, web, "eth_getBlockByNumber", "0x0", False)["hash"]
    block = {"blockHash": first, "requireCanonical": True} if named == "{}" else first
    for method, params in (
        ("eth_getBalance", [RICH]), ("eth_getCode", [RICH]), ("eth_getStorageAt", [RICH, "0x0"]),
        ("eth_getTransactionCount", [RICH]), ("eth_getProof", [RICH, []]), ("eth_call", [{"to": RICH}]),
        ("eth_estimateGas", [{"to": RICH}]), ("eth_createAccessList", [{"to": RICH}]),
        ("eth_getBlockReceipts", []), ("eth_getBlockByNumber", []), ("eth_getBlockTransactionCountByNumber", []),
    ):  # fmt: skip
        by_number = result(node, web, method, *params, "0x0")
        assert result(node, web, method, *params, block) == by_number, method
    assert result(node, web, "eth_feeHistory", "0x1", block) == result(
        node, web, "eth_feeHistory", "0x1", "0x0"
    )


def test_pending_means_the_block_to_come_in_each_way_of_saying_so(node, web):
    number = {"data": "0x435f5260205ff3"}
    head = int(result(node, web, "eth_blockNumber"), 16)
    for block, seen in (("latest", head), ("pending", head + 1), ({"blockNumber": "pending"}, head + 1)):
        assert int(result(node, web, "eth_call", number, block), 16) == seen


def test_filters_and_snapshots_are_named_by_number(node, web):
    made = int(result(node, web, "eth_newBlockFilter"), 16)
    result(node, web, "evm_mine")
    assert len(result(node, web, "eth_getFilterChanges", f"0x{made:064x}")) == 1
    assert result(node, web, "eth_uninstallFilter", f"0x00{made:x}") is True
    assert result(node, web, "eth_uninstallFilter", hex(made)) is False
    kept = int(result(node, web, "evm_snapshot"), 16)
    assert result(node, web, "evm_revert", f"0x{kept:032x}") is True


def test_whole_transactions_are_told_where_asked(node, web):
    hashes, whole = (result(node, web, "eth_newPendingTransactionFilter", *more) for more in ([], [True]))
    result(node, web, "anvil_setBalance", RICH, "0x6400")
    (sent,) = result(node, web, "eth_getFilterChanges", hashes)
    (seen,) = result(node, web, "eth_getFilterChanges", whole)
    assert seen == result(node, web, "eth_getTransactionByHash", sent)
    assert seen["to"] == RICH


# -- who else knocks


def raw(node, *parts):
    """What comes back for raw bytes; the other side is told that no more will be sent."""
    with socket.create_connection(("127.0.0.1", int(node.url.rsplit(":", 1)[1])), timeout=20) as link:
        for part in parts:
            link.sendall(part)
        with suppress(OSError):
            link.shutdown(socket.SHUT_WR)
        return link.makefile("rb").read()


def test_a_browser_and_a_monitor_read_what_listens(node, web):
    opened = web.get(node.url)
    assert opened.status_code == 200
    assert opened.headers["content-type"].startswith("text/plain")
    assert "chain id 31337" in opened.text
    assert "JSON-RPC" in opened.text
    looked = web.head(node.url)
    assert (looked.status_code, looked.content) == (200, b"")
    assert web.get(node.url + "/favicon.ico").status_code == 404
    refused = web.put(node.url)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    # a page that embeds it is told nothing
    assert web.get(node.url, headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("origin", WALLETS)
def test_wallets_are_let_through_the_browsers_checks(node, web, origin):
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
        "access-control-request-private-network": "true",
    }
    flight = web.options(node.url, headers=asked)
    assert flight.status_code == 204
    assert flight.headers["access-control-allow-origin"] == origin
    assert flight.headers["access-control-allow-methods"] == "POST"
    assert flight.headers["access-control-allow-headers"] == "content-type"
    assert flight.headers["access-control-allow-private-network"] == "true"
    answer = web.post(node.url, content=ASK, headers={"origin": origin})
    assert answer.json() == TOLD
    assert answer.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("origin", ["http://localhost:5173", "https://app.example", "null", "evil\xff"])
def test_a_refused_page_reads_why_and_what_to_do(node, web, origin):
    refused = web.post(node.url, content=ASK, headers={"origin": origin.encode("latin-1")})
    assert refused.status_code == 403
    name = origin if "//" in origin else "ORIGIN"
    assert f"freehold chain run --allow-origin {name}`" in refused.text
    assert "access-control-allow-origin" not in refused.headers
    page = PAGE.read_text()
    assert refused.text.split(name)[0] in page
    assert all(one.split("//")[0] + "//" in page for one in WALLETS)


HOST = b"host: localhost\r\ncontent-type: application/json\r\n"
SIZED = b"content-length: %d\r\n\r\n" % len(ASK)
OFFER = b"connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\n"
POST = b"POST / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([POST, HOST, SIZED, ASK], id="plain"),
        pytest.param([b"POST / HTTP/1.0\r\n", SIZED, ASK], id="http-1.0"),
        pytest.param([POST, HOST, b"expect: 100-continue\r\n", SIZED, ASK], id="expect"),
        pytest.param([POST, HOST, OFFER + SIZED, ASK], id="offers-http-2"),
        pytest.param([POST + HOST + OFFER + SIZED + ASK], id="offers-http-2-at-once"),
        pytest.param(
            [POST, HOST, b"connection: Upgrade\r\nupgrade: TLS/1.2\r\n", SIZED, ASK], id="offers-tls"
        ),
        pytest.param([b"POST /?key=1 HTTP/1.1\r\n", HOST, SIZED, ASK], id="query"),
        pytest.param([POST, b"host: 127.0.0.1:8545\r\n", SIZED, ASK], id="no-type"),
        pytest.param(
            [
                POST,
                HOST,
                b"transfer-encoding: chunked\r\n\r\n",
                b"5\r\n%b\r\n" % ASK[:5],
                b"%x;x=y\r\n%b\r\n0\r\na: b\r\n\r\n" % (len(ASK) - 5, ASK[5:]),
            ],
            id="chunked",
        ),
    ],
)
def test_requests_in_each_form_of_http_are_answered(node, parts):
    answer = raw(node, *parts)
    assert b" 200 OK" in answer
    assert json.loads(answer.rsplit(b"\r\n", 1)[1]) == TOLD


def test_one_connection_takes_one_request_after_another(node):
    answer = raw(node, (POST + HOST + SIZED + ASK) * 3)
    assert answer.count(b"200 OK") == answer.count(b'"0x7a69"') == 3


@pytest.mark.parametrize("before", [1, 3])
def test_a_socket_that_is_begun_behind_unanswered_requests_holds_none_of_their_answers(node, before):
    handshake = (
        b"GET / HTTP/1.1\r\n" + HOST + b"connection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
    )
    answer = raw(node, (POST + HOST + SIZED + ASK) * before + handshake)
    assert answer.count(b"200 OK") == answer.count(b'"0x7a69"') == before
    assert b" 101 " not in answer


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_compressed_bodies_are_refused_by_name(node, web, encoding):
    refused = web.post(node.url, content=ASK, headers={"content-encoding": encoding})
    assert refused.status_code == 415
    assert "content-encoding" in refused.text
    wallet = web.post(node.url, content=ASK, headers={"content-encoding": encoding, "origin": WALLETS[0]})
    assert (wallet.status_code, wallet.headers["access-control-allow-origin"]) == (415, WALLETS[0])
    assert web.post(node.url, content=ASK, headers={"content-encoding": "identity"}).json() == TOLD

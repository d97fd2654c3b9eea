"""The local chain asked for more than it has: time, memory, connections. It goes on for everybody else."""

import json
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from eth_account import Account

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import hostile_calls

from freehold.chain.embedded import DEV_KEY, EmbeddedNode, dispatcher, edge, ledger, logs, server, turns
from freehold.chain.embedded.faults import Fault

SINK = "0x" + "11" * 20
LONG = 60
"""Seconds, for what takes a few tenths on a quiet machine and took minutes, or for ever, before."""


@pytest.fixture
def brief(monkeypatch):
    """Budgets small enough to use up often."""
    monkeypatch.setattr(dispatcher, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(ledger, "TRANSACTION_SECONDS", 0.3)
    monkeypatch.setattr(ledger, "_SHORT_SECONDS", 0.1)


@pytest.fixture
def node(tmp_path, brief):
    with EmbeddedNode(tmp_path) as running:
        yield running


def send(node, body, **more):
    return httpx.post(node.url, content=body, timeout=LONG, verify=False, **more)


def ask(node, method, *params):
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return send(node, json.dumps(body)).json()


def signed(nonce, *, key=DEV_KEY, to=SINK, **more):
    fields = {"to": to, "value": 0, "gas": 21_000, "nonce": nonce, "chainId": 31337, "maxFeePerGas": 100}
    raw = Account.sign_transaction({**fields, "maxPriorityFeePerGas": 1, **more}, key).raw_transaction
    return "0x" + raw.hex()


def creating(nonce, code, **more):
    """A transaction whose initcode is the code."""
    return signed(nonce, to=b"", gas=30_000_000, data="0x" + code, **more)


# -- time


@pytest.mark.parametrize("name", list(hostile_calls.BODIES))
def test_no_call_lasts_long(node, name):
    method, params = hostile_calls.call(name)
    start = time.thread_time(), time.monotonic()
    answer = ask(node, method, *params)
    assert time.monotonic() - start[1] < LONG
    assert "result" in answer or answer["error"]["code"] in (-32000, -32005)
    assert ask(node, "eth_chainId")["result"] == "0x7a69"


@pytest.mark.parametrize("method", ["eth_estimateGas", "debug_traceCall", "eth_simulateV1"])
@pytest.mark.parametrize("name", ["pairing of 100", "gas", "calls of nobody"])
def test_nor_do_estimates_traces_and_simulations(node, method, name):
    assert ask(node, *_flat(hostile_calls.call(name, method)))["error"]["code"] == -32005


def test_simulations_of_many_blocks_and_calls_share_one_budget(node):
    asked = [{"to": SINK, "value": "0x0"}] * 200
    for blocks in ([{"calls": asked}] * 200, [{}] * 255, [{"blockOverrides": {"number": "0x100"}}]):
        start = time.monotonic()
        answer = ask(node, "eth_simulateV1", {"blockStateCalls": blocks})
        assert time.monotonic() - start < LONG
        assert "result" in answer or answer["error"]["code"] == -32005
    assert ask(node, "eth_blockNumber")["result"] == "0x0"


def test_an_endless_transaction_of_an_account_that_the_node_speaks_for_is_refused_whole(node):
    sender = ask(node, "eth_accounts")["result"][0]
    endless = {"from": sender, "data": "0x" + hostile_calls.BODIES["gas"]}
    assert ask(node, "eth_sendTransaction", endless)["error"]["code"] == -32005
    assert ask(node, "eth_sendTransaction", {**endless, "gas": hex(30_000_000)})["error"]["code"] == -32005
    assert ask(node, "eth_getTransactionCount", sender)["result"] == "0x0"
    assert "result" in ask(node, "eth_sendTransaction", {"from": sender, "to": SINK})


def _flat(call):
    return call[0], *call[1]


def test_a_batch_shares_one_budget(node):
    method, params = hostile_calls.call("gas")
    batch = [{"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n in range(1_000)]
    answers = send(node, json.dumps(batch)).json()
    assert [one["id"] for one in answers] == list(range(1_000))
    assert {one["error"]["code"] for one in answers} == {-32005}


@pytest.mark.slow
def test_an_honest_transaction_and_a_call_pass_sixteen_hostile_calls(node):
    ended = threading.Event()

    def flood():
        while not ended.is_set():
            with suppress(httpx.HTTPError):
                ask(node, *_flat(hostile_calls.call("gas")))

    threads = [threading.Thread(target=flood) for _ in range(16)]
    for one in threads:
        one.start()
    try:
        time.sleep(0.5)
        for nonce in range(3):
            start = time.monotonic()
            sent = ask(node, "eth_sendRawTransaction", signed(nonce))["result"]
            assert ask(node, "eth_getTransactionReceipt", sent)["result"]["status"] == "0x1"
            assert ask(node, "eth_estimateGas", {"to": SINK})["result"] == "0x5208"
            assert time.monotonic() - start < 20
    finally:
        ended.set()
        for one in threads:
            one.join()


def test_a_transaction_that_takes_too_long_is_refused_whole_and_others_go_first(node):
    key = b"\x07" * 32
    ask(node, "anvil_setBalance", Account.from_key(key).address, hex(10**18))
    before = ask(node, "eth_getBalance", Account.from_key(key).address)["result"]
    raws = [creating(0, hostile_calls.BODIES["gas"], key=key), signed(1, key=key), signed(0), signed(1)]
    batch = [
        {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [raw]}
        for n, raw in enumerate(raws)
    ]
    answers = send(node, json.dumps(batch)).json()
    assert answers[0]["error"]["code"] == -32005
    assert "out of time" in answers[0]["error"]["message"]
    assert ask(node, "eth_getTransactionReceipt", answers[3]["result"])["result"]["status"] == "0x1"
    assert ask(node, "eth_getBalance", Account.from_key(key).address)["result"] == before
    # the second of that account waits for its first
    assert ask(node, "eth_getTransactionReceipt", answers[1]["result"])["result"] is None
    ask(node, "eth_sendRawTransaction", signed(0, key=key))
    assert ask(node, "eth_getTransactionReceipt", answers[1]["result"])["result"]["status"] == "0x1"


def test_a_long_transaction_within_its_time_is_mined(node, monkeypatch):
    monkeypatch.setattr(ledger, "_SHORT_SECONDS", 0.0)
    monkeypatch.setattr(ledger, "TRANSACTION_SECONDS", 30.0)
    counting = "6103e85b6001900380600357" + "00"
    batch = [
        {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [creating(n, counting)]}
        for n in range(4)
    ]
    hashes = [one["result"] for one in send(node, json.dumps(batch)).json()]
    receipts = [ask(node, "eth_getTransactionReceipt", one)["result"] for one in hashes]
    assert [one["status"] for one in receipts] == ["0x1"] * 4
    numbers = [int(one["blockNumber"], 16) for one in receipts]
    assert numbers == sorted(numbers)


def test_a_search_for_logs_ends(tmp_path, monkeypatch):
    with EmbeddedNode(tmp_path) as node:
        for nonce in range(30):
            ask(node, "eth_sendRawTransaction", creating(nonce, "5b60006000a0" * 400 + "00"))
        wanted = {"fromBlock": "0x0", "topics": []}
        assert ask(node, "eth_getLogs", wanted)["error"]["code"] == -32005
        monkeypatch.setattr(dispatcher, "REQUEST_SECONDS", 0.0)
        assert "out of time" in ask(node, "eth_getLogs", wanted)["error"]["message"]


# -- memory


def test_calls_that_are_over_keep_no_memory():
    script = """
import sys
from pathlib import Path
from tempfile import mkdtemp
from freehold.chain.embedded.budget import limited
from freehold.chain.embedded.calls import read_call, read_overrides
from freehold.chain.embedded.ledger import Ledger
sys.path.insert(0, sys.argv[1])
import hostile_calls
ledger = Ledger(Path(mkdtemp()))
_, (asked, _, supposed) = hostile_calls.call("calls with megabytes")
asked["gas"] = hex(14_000_000)
with limited(60):
    state = read_overrides(supposed)(ledger.machine.state(ledger.head))
    executor = state.get_transaction_executor()
    call = read_call({**asked, "gas": hex(6_700_000)})
    try:
        ledger.machine.run(state, call)
    finally:
        # not ru_maxrss: a program starts with that of the process it was forked from
        (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
        print(int(peak.split()[1]) // 1024)
"""
    folder = Path(hostile_calls.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 400


def test_the_answers_of_a_batch_are_bounded_together(node, monkeypatch):
    monkeypatch.setattr(dispatcher, "REQUEST_SECONDS", 30.0)
    megabyte = {hostile_calls.TARGET: {"code": "0x620fffff6000f3"}}
    call = {
        "jsonrpc": "2.0",
        "method": "eth_call",
        "params": [{"to": hostile_calls.TARGET}, "latest", megabyte],
    }
    answer = send(node, json.dumps([{**call, "id": n} for n in range(60)]))
    assert len(answer.content) < dispatcher.MOST_ANSWER_BYTES + (4 << 20)
    assert [one["id"] for one in answer.json()] == list(range(60))
    assert answer.json()[-1]["error"]["code"] == -32005


def test_logs_are_bounded_in_bytes(node, monkeypatch):
    monkeypatch.setattr(logs, "MOST_LOG_BYTES", 100_000)
    for nonce in range(3):
        ask(node, "eth_sendRawTransaction", creating(nonce, "61c3506000a000"))
    assert ask(node, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x2"})["result"]
    assert ask(node, "eth_getLogs", {"fromBlock": "0x0"})["error"]["code"] == -32005


def test_a_body_of_many_values_is_refused(node):
    body = b'{"id": 1, "method": "eth_call", "params": [' + b"[]," * 300_000 + b"0]}"
    assert send(node, body).json()["error"]["code"] == -32005


@pytest.mark.parametrize(
    "wanted",
    [
        {"topics": [["0x" + "11" * 32] * 600, ["0x" + "11" * 32] * 600]},
        {"topics": [["x" * 100_000, None]]},
        {"address": ["x" * 100_000, None]},
        {"fromBlock": "x" * 100_000},
        {"fromBlock": ["0x1"]},
        {"blockHash": "x" * 100_000},
    ],
    ids=["many", "long-topic", "long-address", "long-bound", "list-bound", "long-hash"],
)
def test_a_filter_that_is_kept_is_small(wanted):
    with pytest.raises(Fault):
        logs.read_filter(wanted)


def test_a_filter_keeps_only_what_it_knows():
    assert logs.read_filter({"junk": "x" * 100_000, "address": None, "fromBlock": "latest"}) == {
        "fromBlock": "latest"
    }


def test_what_waits_for_its_nonce_is_bounded_in_bytes(node, monkeypatch):
    monkeypatch.setattr(ledger.Pool, "_queued_bytes", lambda pool: (32 << 20) - 10)
    assert "txpool is full" in ask(node, "eth_sendRawTransaction", signed(5))["error"]["message"]
    large = "0x02" + "00" * (128 * 1024)
    assert "oversized" in ask(node, "eth_sendRawTransaction", large)["error"]["message"]


def test_snapshots_are_bounded_and_their_numbers_never_come_again(node, monkeypatch):
    first, second = (ask(node, "evm_snapshot")["result"] for _ in range(2))
    assert ask(node, "evm_revert", first)["result"] is True
    assert ask(node, "evm_snapshot")["result"] not in (first, second)
    assert ask(node, "evm_revert", second)["result"] is False
    monkeypatch.setattr(ledger, "_MOST_SNAPSHOTS", 1)
    assert ask(node, "evm_snapshot")["error"]["code"] == -32005


# -- connections

HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\n"
BODY = b'{"id": 1, "method": "eth_chainId"}'
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


def connected(node):
    return socket.create_connection(("127.0.0.1", int(node.url.rsplit(":", 1)[1])), timeout=LONG)


def test_bodies_are_bounded_together(node, monkeypatch):
    monkeypatch.setattr(turns, "MOST_HELD_BYTES", 1 << 20)
    with ExitStack() as stack:
        open_ones = [stack.enter_context(connected(node)) for _ in range(4)]
        for one in open_ones[:3]:
            one.sendall(HEAD + b"content-length: 400000\r\n\r\n" + b" " * 399_999)
        open_ones[3].sendall(HEAD + b"content-length: 400000\r\n\r\n")
        time.sleep(0.3)
        left = []
        for one in open_ones[:3]:
            one.settimeout(1)
            try:
                one.recv(12)
            except TimeoutError:
                left.append(one)
            except ConnectionError:
                pass
        # one of those that held most was ended for the last, whose body came while it was small
        assert len(left) == 2
        left[0].sendall(b" ")
        left[0].settimeout(LONG)
        assert left[0].recv(12) == b"HTTP/1.1 200"
    assert ask(node, "eth_chainId")["result"] == "0x7a69"


@pytest.mark.parametrize(
    "part",
    [b"", HEAD, HEAD + b"content-length: 9\r\n\r\n{", WHOLE + b"POST"],
    ids=["silent", "head", "body", "next"],
)
def test_a_request_that_does_not_become_whole_is_cut(node, monkeypatch, part):
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.5)
    with connected(node) as one:
        one.sendall(part)
        while one.recv(1 << 16):
            pass


def test_an_answer_nobody_reads_is_cut(node, monkeypatch):
    monkeypatch.setattr(server, "WRITE_SECONDS", 0.5)
    megabytes = {hostile_calls.TARGET: {"code": "0x621fffff6000f3"}}
    body = {"id": 1, "method": "eth_call", "params": [{"to": hostile_calls.TARGET}, "latest", megabytes]}
    batch = json.dumps([body] * 8).encode()
    with connected(node) as one:
        one.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(batch) + batch)
        time.sleep(4)
        size = 0
        with suppress(ConnectionError):
            while piece := one.recv(1 << 20):
                size += len(piece)
    assert 0 < size < 16 << 20


def test_idle_connections_make_room(node, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 20)
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(node)) for _ in range(60)]
        assert ask(node, "eth_chainId")["result"] == "0x7a69"
        gone = 0
        for one in idle:
            one.settimeout(0.01)
            with suppress(TimeoutError):
                try:
                    gone += one.recv(1) == b""
                except ConnectionError:
                    gone += 1
        assert gone >= 40


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_client_that_has_sent_all_and_still_reads_gets_its_answers(node, count):
    with connected(node) as one:
        one.sendall(WHOLE * count)
        one.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: one.recv(1 << 16), b""))
    assert told.count(b"HTTP/1.1 200 OK") == told.count(b'"0x7a69"') == count


def test_a_slow_call_of_a_half_closed_client_is_answered(node):
    method, params = hostile_calls.call("gas")
    body = json.dumps({"id": 1, "method": method, "params": params}).encode()
    with connected(node) as one:
        one.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        one.shutdown(socket.SHUT_WR)
        assert b"out of time" in b"".join(iter(lambda: one.recv(1 << 16), b""))


def test_a_request_cut_off_by_its_sender_ends_the_connection(node):
    with connected(node) as one:
        one.sendall(WHOLE[:-1])
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1 << 16) == b""


# -- many connections


def posted(node, method, *params):
    """A connection that has asked and waits."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    one = connected(node)
    one.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
    return one


def answered(open_ones):
    """How many have been answered, or ended."""
    return len(select.select(open_ones, [], [], 0)[0])


def test_a_newcomer_is_heard_while_every_connection_is_at_work(node, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 8)
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(posted(node, *_flat(hostile_calls.call("gas"))))
        for _ in range(3):
            assert ask(node, "eth_chainId")["result"] == "0x7a69"


def test_an_honest_call_goes_before_the_endless_ones_of_many_connections(node):
    with ExitStack() as stack:
        endless = [stack.enter_context(posted(node, *_flat(hostile_calls.call("gas")))) for _ in range(60)]
        time.sleep(0.2)
        before = answered(endless)
        assert ask(node, "eth_call", {"to": SINK})["result"] == "0x"
        # in their order, all sixty would have been answered first
        assert answered(endless) - before < 50


def test_what_nobody_waits_for_any_more_is_mostly_not_done(node):
    with node._ledger.lock:
        for _ in range(100):
            posted(node, "evm_mine").close()
        assert ask(node, "eth_blockNumber")["result"] == "0x0"
    assert ask(node, "evm_mine")["result"] == "0x0"
    assert int(ask(node, "eth_blockNumber")["result"], 16) <= server.MOST_HALF_CLOSED + 2


def test_answers_nobody_reads_make_room_for_those_that_are_read(node, monkeypatch):
    monkeypatch.setattr(dispatcher, "REQUEST_SECONDS", 30.0)
    monkeypatch.setattr(turns, "MOST_HELD_BYTES", 12 << 20)
    megabyte = {hostile_calls.TARGET: {"code": "0x620fffff6000f3"}}
    params = [{"to": hostile_calls.TARGET}, "latest", megabyte]
    batch = json.dumps([{"id": n, "method": "eth_call", "params": params} for n in range(4)]).encode()
    held = node._application._memory._held
    with ExitStack() as stack:
        for _ in range(5):
            one = stack.enter_context(connected(node))
            one.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(batch) + batch)
        most = 0
        for _ in range(10):
            assert len(ask(node, "eth_call", *params)["result"]) == 2 + 2 * 0xFFFFF
            most = max(most, sum(held.copy().values()))
        assert 4 << 20 < most <= 12 << 20
    assert ask(node, "eth_chainId")["result"] == "0x7a69"


def test_the_values_of_bodies_are_counted_before_they_are_read(node, monkeypatch):
    monkeypatch.setattr(turns, "MOST_HELD_BYTES", 1 << 20)
    body = b'{"id": 1, "method": "eth_chainId", "params": [' + b"[]," * 20_000 + b"0]}"
    assert "too much at once" in send(node, body).json()["error"]["message"]


def test_idle_websockets_make_room(node, monkeypatch):
    client = pytest.importorskip("websockets.sync.client")
    exceptions = pytest.importorskip("websockets.exceptions")
    monkeypatch.setattr(edge, "_MOST_SOCKETS", 4)
    address = node.url.replace("http", "ws")
    with ExitStack() as stack:
        opened = [stack.enter_context(client.connect(address, proxy=None)) for _ in range(4)]
        opened[0].send(BODY)
        assert "0x7a69" in opened[0].recv(timeout=LONG)
        newest = stack.enter_context(client.connect(address, proxy=None))
        for one in (newest, opened[0]):
            one.send(BODY)
            assert "0x7a69" in one.recv(timeout=LONG)
        with pytest.raises(exceptions.ConnectionClosed):
            opened[1].recv(timeout=LONG)


def test_a_batch_of_long_transactions_is_cut_short(node, monkeypatch):
    monkeypatch.setattr(dispatcher, "MOST_LONG_TRANSACTIONS", 1)
    raws = [creating(0, hostile_calls.BODIES["gas"]) for _ in range(3)]
    batch = [
        {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [raw]}
        for n, raw in enumerate(raws)
    ]
    told = [one["error"]["message"] for one in send(node, json.dumps(batch)).json()]
    assert "out of time" in told[0]
    assert "at most 1 transactions" in told[2]
    assert ask(node, "eth_sendRawTransaction", signed(0))["result"]

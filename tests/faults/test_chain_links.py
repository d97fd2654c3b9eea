"""Connections of the local chain that stay without asking, or ask and do not read: each comes to an end."""

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from freehold.chain.embedded import EmbeddedNode, server

SECONDS = 0.5
"""Of the clocks here, which are 30."""
LONG = 60
KEY = b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n"
HANDSHAKE = b" / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n" + KEY
FLOOD = """
import socket, sys, threading
count, one = int(sys.argv[2]), socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
one.sendall(b"GET" + sys.argv[3].encode() + b"\\r\\n")
told = b""
while not told.endswith(b"\\r\\n\\r\\n"):
    told += one.recv(1)
print("begun", flush=True)
threading.Thread(target=one.sendall, args=((b"\\x89\\x80" + bytes(4)) * count,)).start()
got = 0
while got < 2 * count:  # a pong is two bytes
    got += len(one.recv(1 << 18))
"""
"""Sends that many pings at once, and reads the pongs."""
CODE = "0x" + "11" * 20
LARGE = {CODE: {"code": "0x621fffff6000f3"}}
"""What returns 2 MiB, which are 4 in an answer."""


@pytest.fixture
def node(tmp_path):
    with EmbeddedNode(tmp_path) as running:
        yield running


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(server, "REQUEST_SECONDS", SECONDS)
    monkeypatch.setattr(server, "WRITE_SECONDS", SECONDS)


def connected(node, begun=b"", kept=4_096):
    made = socket.socket()
    # little, so that what is not read is soon the node's to keep
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kept)
    made.settimeout(LONG)
    made.connect(("127.0.0.1", int(node.url.rsplit(":", 1)[1])))
    made.sendall(begun)
    return made


def linked(node, kept=4_096):
    made = connected(node, b"GET" + HANDSHAKE + b"\r\n", kept)
    told = b""
    while not told.endswith(b"\r\n\r\n"):
        told += made.recv(1)
    assert told.startswith(b"HTTP/1.1 101")
    return made


def frame(first, data):
    """A frame of a client, whose mask is zeros."""
    size = len(data)
    told = bytes((size | 0x80,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((first,)) + told + bytes(4) + data


def open_ones(node):
    return len(node._server.server_state.connections)


def ended(node, count=0):
    """Whether no more than so many connections are left, before long."""
    until = time.monotonic() + LONG
    while open_ones(node) > count:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("verb", [b"GET", b"POST"])
def test_a_handshake_with_a_body_is_refused_and_not_waited_for(node, verb):
    with ExitStack() as stack:
        for _ in range(20):
            one = stack.enter_context(connected(node, verb + HANDSHAKE + b"content-length: 2\r\n\r\n{}"))
            assert b"".join(iter(lambda it=one: it.recv(1 << 16), b"")).startswith(b"HTTP/1.1 400")
        assert ended(node)


@pytest.mark.parametrize(
    "part", [frame(0x01, b"{"), frame(0x81, b"x" * 1_000)[:500]], ids=["fragment", "frame"]
)
def test_a_message_that_does_not_become_whole_is_cut(node, hasty, part):
    with linked(node) as one:
        one.sendall(part)
        assert ended(node)


@pytest.mark.slow
def test_pings_go_on_between_messages_however_long(node, hasty):
    with connect(node.url.replace("http", "ws"), proxy=None) as link:
        until = time.monotonic() + 3 * SECONDS
        while time.monotonic() < until:
            assert link.ping().wait(LONG)
            time.sleep(SECONDS / 5)
        link.send('{"id":1,"method":"eth_chainId"}')
        assert json.loads(link.recv())["result"] == "0x7a69"


def test_pings_are_not_answered_to_who_does_not_read(node):
    pings, sent = frame(0x89, b"x" * 125) * 1_000, 0
    with linked(node) as one:
        one.settimeout(0.5)
        with suppress(TimeoutError):
            while sent < 64 << 20:
                sent += one.send(pings)
    assert sent < 64 << 20


def test_thousands_of_pings_at_once_leave_others_their_turns(node):
    port = node.url.rsplit(":", 1)[1]
    # a process of its own, so that what it sends and reads holds no lock of this interpreter
    flood = [sys.executable, "-c", FLOOD, port, "600000", HANDSHAKE.decode()]
    with (
        connect(node.url.replace("http", "ws"), proxy=None) as other,
        subprocess.Popen(flood, stdout=subprocess.PIPE) as flooding,
    ):
        assert flooding.stdout
        flooding.stdout.readline()
        began, asked, longest = time.monotonic(), 0, 0.0
        while flooding.poll() is None:
            at = time.monotonic()
            other.send('{"id":1,"method":"eth_chainId"}')
            assert json.loads(other.recv(LONG))["result"] == "0x7a69"
            asked, longest = asked + 1, max(longest, time.monotonic() - at)
        whole = time.monotonic() - began
    assert flooding.returncode == 0
    assert asked > 3, "a read of the socket holds 40,000, and this connection would wait for them all"
    assert longest < 0.7 * whole


def test_an_answer_nobody_reads_is_cut_on_a_socket_too(node, hasty):
    call = {"id": 1, "method": "eth_call", "params": [{"to": CODE}, "latest", LARGE]}
    with linked(node) as one:
        one.sendall(frame(0x81, json.dumps([call] * 4).encode()))
        assert ended(node)


@pytest.mark.slow
def test_an_answer_that_is_read_slowly_is_not(node, monkeypatch):
    monkeypatch.setattr(server, "WRITE_SECONDS", 1.0)
    call = {"id": 1, "method": "eth_call", "params": [{"to": CODE}, "latest", LARGE]}
    with linked(node, 1 << 18) as one:
        one.sendall(frame(0x81, json.dumps([call] * 4).encode()))
        size, began = 0, time.monotonic()
        while size < 16 << 20:
            size += len(one.recv(1 << 18))
            if time.monotonic() - began < 2:
                time.sleep(0.1)
    assert time.monotonic() - began > 2


def test_the_rest_of_an_answer_that_nobody_reads_is_no_more_waited_for(node, hasty):
    # one of these leaves less to send than uvicorn calls much; how much that is depends on the machine
    with ExitStack() as stack:
        for size in range(2_000, 3_000, 50):
            body = json.dumps({"id": "x" * (size << 10), "method": "eth_chainId"}).encode()
            head = b"POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            stack.enter_context(connected(node, head % len(body) + body))
        assert ended(node)


def test_requests_that_wait_behind_another_are_bounded(node):
    endless = json.dumps(
        {"id": 1, "method": "eth_call", "params": [{"to": CODE}, "latest", {CODE: {"code": "0x5b5f56"}}]}
    )
    head = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(endless)
    with (
        connected(node, head + endless.encode() + b"POST / HTTP/1.1\r\n\r\n" * 2_000) as one,
        suppress(ConnectionError),
    ):
        assert b"".join(iter(lambda: one.recv(1 << 16), b"")).count(b"HTTP/1.1 200") < 200


@pytest.mark.slow
def test_subscribers_that_do_not_read_leave_when_the_clock_says(node, hasty):
    with ExitStack() as stack:
        link = stack.enter_context(connect(node.url.replace("http", "ws"), proxy=None, max_size=None))
        link.send('{"id":1,"method":"eth_subscribe","params":["newHeads"]}')
        assert "result" in json.loads(link.recv())
        heard = []
        threading.Thread(target=lambda: heard.extend(_told(link)), daemon=True).start()
        deaf = stack.enter_context(linked(node))
        one = b'{"id":1,"method":"eth_subscribe","params":["newHeads"]}'
        deaf.sendall(frame(0x81, b"[" + b",".join([one] * 50) + b"]"))
        with connect(node.url.replace("http", "ws"), proxy=None) as asking:
            for _ in range(3):
                asking.send('{"id":1,"method":"anvil_mine","params":["0x3e8"]}')
                assert json.loads(asking.recv(timeout=LONG))["result"] is None
        assert ended(node, 1)
        until = time.monotonic() + LONG
        while len(heard) < 3_000 and time.monotonic() < until:
            time.sleep(0.05)
        assert len(heard) == 3_000


def _told(link):
    with suppress(ConnectionClosed):
        yield from link

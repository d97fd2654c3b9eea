"""Whoever listens on the chain's port, a node believes no word of it that it could not know otherwise, and waits for nobody."""

import base64
import hashlib
import json
import re
import socket
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from wire import Wire

from freehold.chain import heads
from freehold.chain.embedded import EmbeddedNode
from freehold.chain.heads import Heads
from freehold.chain.rpc import Rpc

HEAD = b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":{}}}'
PING, CLOSE, TEXT = 0x89, 0x88, 0x81
ENDS_SOON = 5.0


def frame(data, kind=TEXT):
    size = bytes([len(data)]) if len(data) < 126 else b"\x7f" + len(data).to_bytes(8, "big")
    return bytes([kind]) + size + data


def promised(peer, *, who="", subscription="0x1"):
    own = who or "{}:{}".format(*peer)
    return frame(json.dumps({"id": 1, "result": own}).encode()) + frame(
        json.dumps({"id": 2, "result": subscription}).encode()
    )


class Chain:
    """Who listens on the port: `serve` gets each connection, after the handshake where `shakes`."""

    def __init__(self, serve, *, shakes=True, address="127.0.0.1"):
        self._serve, self._shakes = serve, shakes
        self._listener = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)  # fmt: skip
        self.port = self._listener.getsockname()[1]
        self.taken = 0
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                made, peer = self._listener.accept()
            except OSError:
                return
            self.taken += 1
            self._open.append(made)
            threading.Thread(target=self._talk, args=(made, peer), daemon=True).start()

    def _talk(self, made, peer):
        try:
            if self._shakes:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += made.recv(4096)
                key = re.search(rb"(?i)sec-websocket-key: (\S+)", asked)[1]
                accept = base64.b64encode(
                    hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
                )
                made.sendall(b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " + accept + b"\r\n\r\n")  # fmt: skip
                made.recv(4096)
            self._serve(made, peer[:2])
        except OSError:
            made.close()

    def close(self):
        # a thread that waits for the next would take one more
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            one.close()


@contextmanager
def told_by(serve, **given):
    """What listens, and the side that was told to listen to it."""
    with closing(Chain(serve, **given)) as chain, closing(Heads()) as made:
        made.connect(given.get("address", "127.0.0.1"), chain.port)
        yield chain, made


@pytest.fixture(autouse=True)
def sockets_are_closed():
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    ends = time.monotonic() + 5
    while len(list(Path("/proc/self/fd").iterdir())) > before and time.monotonic() < ends:
        time.sleep(0.01)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def eventually(holds):
    ends = time.monotonic() + ENDS_SOON
    while not holds() and time.monotonic() < ends:
        time.sleep(0.005)
    assert holds()


def say(*parts, pause=0.0):
    """A server that makes the promise, then sends those and waits."""

    def serve(made, peer):
        made.sendall(promised(peer))
        for part in parts:
            time.sleep(pause)
            made.sendall(part)
        made.recv(1)

    return serve


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_head_changes_the_mark_and_silence_does_not(address):
    go = threading.Event()

    def serve(made, peer):
        made.sendall(promised((f"{peer[0]}", peer[1])))
        go.wait()
        made.sendall(frame(HEAD)[:10])
        made.recv(1)

    with told_by(serve, address=address) as (_, made):
        first = made.mark()
        assert first is not None
        assert made.mark() == first
        go.set()
        eventually(lambda: made.mark() not in (first, None))


NO_PROMISE = {
    "another": lambda peer: promised(peer, who="127.0.0.1:1"),
    "number": lambda peer: promised(peer, who="1"),
    "no subscription": lambda peer: promised(peer, subscription=None),
    "error": lambda _: frame(b'{"id":1,"error":{"code":-32601,"message":"no"}}') + frame(b'{"id":2,"result":"0x1"}'),
    "no json": lambda _: frame(b"{"),
    "list": lambda _: frame(b'["id"]') + frame(b"5") + frame(b'"id"') + frame(b"null") + frame(b'{"id":[]}') + frame(b'{"id":1}{'),
    "huge": lambda _: b"\x81\x7f" + (1 << 40).to_bytes(8, "big") + bytes(100),
    "reserved": lambda _: b"\xff\xff" * 10,
    "closed": lambda _: frame(b"", CLOSE),
    "flood": lambda _: frame(HEAD) * 20_000,
    "pings": lambda _: frame(b"", PING) * 600_000,
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_PROMISE)
def test_who_makes_no_promise_is_not_believed_and_not_asked_again_soon(kind):
    def serve(made, peer):
        made.sendall(NO_PROMISE[kind](peer))
        made.recv(1 << 20)
        made.settimeout(ENDS_SOON)
        while made.recv(1 << 20):
            pass

    began = time.monotonic()
    with told_by(serve) as (chain, made):
        assert time.monotonic() - began < heads.CONNECT_SECONDS + 3
        assert made.mark() is None
        made.connect("127.0.0.1", chain.port)
        assert made._next > time.monotonic() + heads.UNTOLD_SECONDS / 2
        assert chain.taken == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nlocation: ws://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 101 x\r\n" + b"x: y\r\n" * 5_000,
        b"\x00" * 100_000,
    ],
)
def test_what_is_no_socket_is_left_alone(answer):
    def serve(made, _):
        made.recv(4096)
        made.sendall(answer)
        made.recv(1)

    with told_by(serve, shakes=False) as (chain, made):
        assert made.mark() is None
        made.connect("127.0.0.1", chain.port)
        assert chain.taken == 1


@pytest.mark.parametrize("drips", [False, True])
def test_one_call_waits_for_who_says_nothing_and_no_other_does(drips, monkeypatch):
    monkeypatch.setattr(heads, "CONNECT_SECONDS", 1.0)

    def serve(made, _):
        while drips:
            made.sendall(frame(HEAD))
            time.sleep(0.02)
        made.recv(1 << 20)
        made.recv(1)

    with closing(Chain(serve)) as chain, closing(Heads()) as made:
        first = threading.Thread(target=made.connect, args=("127.0.0.1", chain.port))
        began = time.monotonic()
        first.start()
        eventually(lambda: chain.taken == 1)
        for _ in range(100):
            assert made.mark() is None
            made.connect("127.0.0.1", chain.port)
        assert time.monotonic() - began < 0.9, "they did not wait"
        first.join()
        assert 0.9 < time.monotonic() - began < 1.9
        made.connect("127.0.0.1", chain.port)
        assert chain.taken == 1


def test_where_nobody_listens_it_is_tried_again_a_second_later(monkeypatch):
    with closing(Chain(say())) as chain:
        port = chain.port
    with closing(Heads()) as made:
        made.connect("127.0.0.1", port)
        assert time.monotonic() < made._next <= time.monotonic() + heads.AGAIN_SECONDS


@pytest.mark.parametrize(
    "then",
    [
        [frame(b"", CLOSE)],
        [b"\xff\xff"],
        [frame(HEAD) * 10_000],
        [frame(b"", PING) * 100_000],
        [b"\x81\x7f" + (1 << 40).to_bytes(8, "big")],
    ],
    ids=["closes", "broken", "floods", "pings", "huge"],
)
def test_a_node_that_breaks_off_or_floods_is_asked_again(then):
    """What is left unread when it is given up counts as a change, so nothing that was known is kept."""
    with told_by(say(*then)) as (_, made):
        eventually(lambda: made.mark() is None)
        assert made._listener is None


def test_a_node_that_hangs_up_is_asked_again():
    with told_by(lambda made, peer: (made.sendall(promised(peer)), made.close())) as (_, made):
        eventually(lambda: made.mark() is None)


def test_pings_are_answered():
    ponged = threading.Event()

    def serve(made, peer):
        made.sendall(promised(peer) + frame(b"abc", PING))
        said = b""
        while b"\x8a\x83" not in said:
            said += made.recv(4096)
        ponged.set()
        made.recv(1)

    with told_by(serve) as (_, made):
        eventually(lambda: made.mark() and ponged.is_set())


def test_a_tunnel_before_a_chain_that_makes_the_promise_is_not_believed(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        between = Wire(int(node.url.rsplit(":", 1)[1]))
        try:
            with Rpc(node.url) as near, Rpc(between.url) as far, Rpc([node.url, between.url]) as both:
                for one in (near, far, both):
                    assert one.mark() is None
                    one.listen()
                assert near.mark() is not None
                assert far.mark() is None
                assert both.mark() is None
        finally:
            between.close()


def test_a_chain_that_moved_is_listened_to_where_it_is(tmp_path):
    with EmbeddedNode(tmp_path / "a") as first, EmbeddedNode(tmp_path / "b") as second, Rpc(first.url) as rpc:
        rpc.listen()
        before = rpc.mark()
        rpc.move(second.url)
        assert rpc.mark() is None
        rpc.listen()
        assert rpc.mark() not in (None, before)
        with Rpc(second.url) as other:
            known = rpc.mark()
            other.call("evm_mine")
            assert rpc.mark() != known


def test_a_closed_one_listens_to_nobody(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        rpc = Rpc(node.url)
        rpc.close()
        rpc.listen()
        assert rpc.mark() is None


def test_many_threads_make_one_connection():
    with closing(Chain(say())) as chain, closing(Heads()) as made:
        threads = [threading.Thread(target=made.connect, args=("127.0.0.1", chain.port)) for _ in range(20)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        eventually(lambda: made.mark() is not None)
        assert chain.taken == 1

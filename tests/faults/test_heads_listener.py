"""Who is at the other end of the chain's news: a node believes none that it cannot, and waits for nobody."""

import secrets
import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest

from freehold.chain import heads
from freehold.chain.embedded import EmbeddedNode
from freehold.chain.heads import Heads
from freehold.chain.rpc import Rpc

ADDRESS = "@freehold-heads-" + "ab" * 16


class Made(list):
    """Connections that were taken at an address."""

    address = ""


@contextmanager
def served(serve):
    """Somebody at a Unix socket; `serve` gets each connection."""
    made = Made()
    made.address = f"@freehold-heads-{secrets.token_hex(16)}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + made.address[1:])
    listener.listen()

    def accept():
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            made.append(one)
            threading.Thread(target=quietly, args=(serve, one), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield made
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in made:
            one.close()


def quietly(serve, one):
    try:
        serve(one)
    except OSError:
        one.close()


def welcome(one):
    one.sendall(b"+")


def until(what):
    ends = time.monotonic() + 10
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.fixture
def own():
    made = Heads()
    yield made
    made.close()


def test_news_changes_the_mark_and_silence_does_not(own):
    with served(welcome) as made:
        assert own.mark() is None
        own.connect(made.address)
        first = own.mark()
        assert first is not None
        assert own.mark() == first
        made[0].sendall(b"!")
        second = own.mark()
        assert second not in (None, first)
        assert own.mark() == second


def test_whoever_connects_again_has_another_mark(own):
    with served(welcome) as made:
        own.connect(made.address)
        first = own.mark()
        own.forget()
        assert own.mark() is None
        own.connect(made.address)
        assert own.mark() not in (None, first)


@pytest.mark.parametrize(
    "address",
    [
        True, None, 7, [], "", "@", "@freehold-heads-", "@other-" + "ab" * 16, ADDRESS + "0", ADDRESS.upper(), "\0" + ADDRESS[1:],
        "/var/run/docker.sock", "/tmp/heads", "/tmp/freehold-x/heads\0", "/tmp/freehold-" + "x" * 30 + "/heads", "relative/freehold-x/heads",
    ],
)  # fmt: skip
def test_no_other_socket_of_this_machine_is_opened(own, address, monkeypatch):
    def opened(*_):
        raise AssertionError("a socket was made")

    monkeypatch.setattr(heads.socket, "socket", opened)
    own.connect(address)
    assert own.mark() is None


@pytest.mark.parametrize(
    "serve",
    [
        lambda one: one.close(),
        lambda one: one.sendall(b"!"),
        lambda one: one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ],
    ids=["hangs up", "no welcome", "another protocol"],
)
def test_who_does_not_welcome_is_not_believed(own, serve):
    with served(serve) as made:
        own.connect(made.address)
        assert own.mark() is None


def test_nobody_at_the_address_is_tried_again_a_second_later(own, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(heads.time, "monotonic", lambda: clock[0])
    assert own.is_due()
    assert not own.is_due(), "one asks for all"
    own.connect(ADDRESS)
    assert own.mark() is None
    assert not own.is_due()
    clock[0] += heads.AGAIN_SECONDS + 0.1
    assert own.is_due()


def test_one_waits_for_who_says_nothing_and_no_other_does(own, monkeypatch):
    monkeypatch.setattr(heads, "CONNECT_SECONDS", 0.5)
    with served(lambda _: None) as made:
        assert own.is_due()
        thread = threading.Thread(target=own.connect, args=(made.address,))
        began = time.monotonic()
        thread.start()
        assert own.mark() is None
        assert not own.is_due()
        assert time.monotonic() - began < 0.4
        thread.join()
        assert own.mark() is None


@pytest.mark.parametrize("then", ["ends", "floods", "resets"])
def test_a_chain_that_breaks_off_or_floods_is_asked_again(own, then):
    with served(welcome) as made:
        own.connect(made.address)
        assert own.mark() is not None
        if then == "floods":
            made[0].setblocking(False)
            ended = []

            def flood():
                while not ended:
                    try:
                        made[0].send(b"!" * 65_536)
                    except BlockingIOError:
                        continue
                    except OSError:
                        return

            threading.Thread(target=flood, daemon=True).start()
            first = own.mark()
            until(lambda: own.mark() != first)
            began = time.monotonic()
            for _ in range(200):
                own.mark()
            assert time.monotonic() - began < 5
            ended.append(True)
        else:
            made[0].close()
            assert own.mark() is None
            assert not own.is_due(), "not at once"


def test_a_chain_tells_and_one_that_moved_is_listened_to_where_it_is(tmp_path):
    with EmbeddedNode(tmp_path / "one") as one, EmbeddedNode(tmp_path / "two") as two, Rpc(one.url) as rpc:
        rpc.listen()
        first = rpc.mark()
        assert first is not None
        rpc.call("evm_mine")
        assert rpc.mark() not in (None, first)
        rpc.move(two.url)
        assert rpc.mark() is None
        rpc.listen()
        second = rpc.mark()
        with Rpc(one.url) as other:
            other.call("evm_mine")
        assert rpc.mark() == second, "what is no news of this chain"
        rpc.call("evm_mine")
        assert rpc.mark() != second


def test_several_endpoints_or_one_elsewhere_are_never_listened_to(tmp_path):
    with EmbeddedNode(tmp_path) as node, Rpc(f"{node.url},{node.url}") as rpc:
        rpc.listen()
        assert rpc.mark() is None
    for url in ("http://192.0.2.1:8545", "https://127.0.0.1:8545", "http://127.0.0.1:8545/key"):
        with Rpc(url) as rpc:
            rpc.listen()
            assert rpc.mark() is None


def test_a_proxy_before_the_chain_changes_nothing(tmp_path):
    """What counts is the Unix socket, which is the chain's own."""
    with EmbeddedNode(tmp_path) as node, tunnel(node.url) as url, Rpc(url) as rpc:
        rpc.listen()
        for _ in range(50):
            before = rpc.mark()
            assert before is not None
            rpc.call("evm_mine")
            assert rpc.mark() != before


@contextmanager
def tunnel(url):
    port = int(url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def carry(source, sink):
            try:
                while data := source.recv(65_536):
                    sink.sendall(data)
            except OSError:
                pass
            finally:
                sink.close()

        def accept():
            while True:
                try:
                    made, _ = listener.accept()
                except OSError:
                    return
                beyond = socket.create_connection(("127.0.0.1", port))
                for pair in ((made, beyond), (beyond, made)):
                    threading.Thread(target=carry, args=pair, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_closed_one_listens_to_nobody(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        rpc = Rpc(node.url)
        rpc.listen()
        assert rpc.mark() is not None
        rpc.close()
        rpc.listen()
        assert rpc.mark() is None


def test_many_threads_make_one_connection(tmp_path):
    with EmbeddedNode(tmp_path) as node, closing(Rpc(node.url)) as rpc:
        threads = [threading.Thread(target=rpc.listen) for _ in range(16)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        until(lambda: rpc.mark() is not None)
        assert len(node._application._heads._first) == 1

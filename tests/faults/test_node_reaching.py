"""How a stranger's name is followed: resolved once, every address checked, the certificate that of the name."""

import contextlib
import socket
import ssl
import time
from ipaddress import ip_address

import httpx
import pytest
from receivers import certificate
from trap import DRIPS, Drip, Trap

from freehold.kernel import reaching
from freehold.kernel.reaching import PeerNotAllowed


@pytest.fixture
def trap():
    made = Trap()
    yield made
    made.close()


def _found(found, port):
    return [(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]  # fmt: skip


def resolving(monkeypatch, *answers: list[str]) -> list[str]:
    """Names resolve to one answer after the other, the last one again and again; returns what was asked."""
    asked_for: list[str] = []

    def lookup(host, port, *_, **__):
        with contextlib.suppress(ValueError):
            # how a socket reads an address
            return _found([str(ip_address(host))], port)
        found = answers[min(len(asked_for), len(answers) - 1)]
        asked_for.append(host)
        return _found(found, port)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return asked_for


def test_a_name_is_refused_if_one_of_its_addresses_is(monkeypatch, trap):
    with reaching.client(lambda *_: {"public"}) as client:
        for found in (
            ["127.0.0.1"],
            ["93.184.216.34", "127.0.0.1"],
            ["127.0.0.1", "93.184.216.34"],
            ["fe80::1%2"],
        ):
            resolving(monkeypatch, found)
            with pytest.raises(PeerNotAllowed):
                client.get(f"http://rebind.example:{trap.port}/")
    assert trap.came == []


def test_a_name_that_changes_its_address_is_followed_once(monkeypatch, trap):
    other = Trap("127.0.0.2")
    names = resolving(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    with reaching.client(lambda *_: {"loopback"}) as client, pytest.raises(httpx.HTTPError):
        client.get(f"http://rebind.example:{other.port}/")
    assert names == ["rebind.example"]
    assert other.came[0].startswith(b"GET / HTTP/1.1\r\n")
    assert f"host: rebind.example:{other.port}\r\n".encode() in other.came[0].lower(), (
        "the name stays in Host"
    )
    assert trap.came == []
    other.close()


def test_the_next_address_is_tried_where_one_does_not_answer(monkeypatch, trap):
    resolving(monkeypatch, ["127.0.0.3", "127.0.0.1"])
    with reaching.client(lambda *_: {"loopback"}) as client, pytest.raises(httpx.HTTPError):
        client.get(f"http://two.example:{trap.port}/", timeout=5)
    assert len(trap.came) == 1


def test_certificates_are_checked_for_the_name_and_the_name_is_asked_for(monkeypatch, tmp_path):
    context, trusted = certificate(tmp_path, "north.example")
    names: list[str] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    server = Trap(answer=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", context=context)
    trusting = ssl.create_default_context(cafile=str(trusted))
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: trusting)
    resolving(monkeypatch, ["127.0.0.1"])
    with reaching.client(lambda *_: {"loopback"}) as client:
        assert client.get(f"https://north.example:{server.port}/").text == "ok"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            client.get(f"https://south.example:{server.port}/")
    assert names == ["north.example", "south.example"]
    server.close()


@pytest.mark.parametrize("kind", DRIPS)
def test_the_timeout_is_that_of_the_whole_exchange(kind):
    server, began = Drip(kind), time.monotonic()
    with reaching.client(lambda *_: {"loopback"}) as client, pytest.raises(httpx.ReadTimeout):
        client.get(server.url, timeout=0.5)
    assert time.monotonic() - began < 5
    server.close()

"""Who asks and then only listens gets its answer; who is gone is not waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from console_node import Console
from node_world import World, until
from proxies import NAME
from raw_http import Wire
from slow_world import open_node


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory) -> Iterator[Console]:
    made = open_node(tmp_path_factory.mktemp("half") / "node", world.rpc_url)
    yield made
    assert "Traceback" not in made.log(), made.log()[-5_000:]
    assert made.stop() == 0


def get(path: str, cookie: str = "", method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"host: {NAME}", *([f"cookie: {cookie}"] if cookie else ())]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def everything(wire: Wire) -> bytes:
    wire.socket.settimeout(10)
    found = b""
    while piece := wire.socket.recv(65_536):
        found += piece
    return found


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/catalogue", b"200"),
        ("/openapi.json", b"200"),
        ("/console/settings", b"200"),
        ("/console/nothing", b"404"),
    ],
)
def test_an_answer_comes_after_the_sender_has_closed_its_side(node, path, status):
    with Wire(node.origin) as wire:
        wire.send(get(path, node.state))
        wire.socket.shutdown(socket.SHUT_WR)
        found = everything(wire)
    assert found.startswith(b"HTTP/1.1 " + status)
    head, _, body = found.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    assert len(body) == int(length.split(b":")[1]), "whole"


def test_so_does_every_answer_to_requests_sent_at_once(node):
    with Wire(node.origin) as wire:
        body = b'{"a": 1}'
        wire.send(get("/catalogue") + get("/peer/hello", method="POST", body=body) + get("/healthz"))
        wire.socket.shutdown(socket.SHUT_WR)
        found = everything(wire)
    assert [found[i + 9 : i + 12] for i in range(len(found)) if found[i : i + 9] == b"HTTP/1.1 "] == [
        b"200",
        b"422",
        b"200",
    ]


def test_a_body_that_can_no_longer_come_is_not_waited_for(node):
    began = time.monotonic()
    for request in (b"GET /cata", get("/peer/hello", method="POST", body=b"x" * 100)[:-1], b""):
        with Wire(node.origin) as wire:
            wire.send(request)
            wire.socket.shutdown(socket.SHUT_WR)
            assert everything(wire) == b""
    assert time.monotonic() - began < 8


def test_a_page_that_was_closed_ends_its_stream(node):
    with Wire(node.origin) as wire:
        wire.send(get("/console/events", node.state))
        found = b""
        while b"event: ready" not in found:
            found += wire.socket.recv(65_536)
        wire.socket.shutdown(socket.SHUT_WR)
        until(lambda: not wire.socket.recv(65_536), "the stream ends", 10)

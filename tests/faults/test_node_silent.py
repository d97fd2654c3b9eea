"""Connections that say nothing are ended; nobody else waits for them."""

import socket
import time

import httpx
from node_process import Process
from node_world import World

from freehold.kernel.http import connections


def test_a_silent_connection_is_ended_and_a_talking_one_is_not(world: World, tmp_path) -> None:
    node = Process(tmp_path / "home", world.rpc_url)
    node.start()
    host, port = node.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as silent, httpx.Client(trust_env=False) as client:
        silent.settimeout(connections.HEAD_SECONDS + 5)
        began = time.monotonic()
        assert client.get(f"{node.url}/healthz").json() == {"ok": True}
        assert silent.recv(1) == b""
        assert time.monotonic() - began < connections.HEAD_SECONDS + 3
        # the same connection of the client, older than the limit by now
        assert client.get(f"{node.url}/healthz").json() == {"ok": True}
    node.terminate()

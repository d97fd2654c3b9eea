"""Hundreds of slow connections, as a process of its own: `python slow_attack.py HOST PORT SECONDS SOURCES COUNT KIND...`.

Each connection is of one kind and comes from one of SOURCES addresses (0: all from 127.0.0.1); who is cut
comes back. At SIGTERM, or after SECONDS, it says on stdout, as JSON, how many of each kind were opened, cut, and answered with what.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections import Counter

HOST = b"north.example"
DRIP_SECONDS = 0.5
_FORM = b"content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n"
_BODIES = {
    "body-peer": (b"/peer/hello", b""),
    "body-heavy": (b"/peer/rounds/commit", b""),
    "body-paid": (b"/v1/predict", b""),
    "body-control": (b"/api/predict", b"authorization: Bearer no\r\n"),
    "form": (b"/console/enter", _FORM),
    "form-session": (b"/console/settings", _FORM + b"cookie: freehold_console=" + b"x" * 43 + b"\r\n"),
}
KINDS = (*_BODIES, "head", "silent", "reader", "idle", "half")


def opening(kind: str) -> bytes:
    """What a connection of that kind sends first."""
    if kind in _BODIES:
        path, more = _BODIES[kind]
        return b"POST %b HTTP/1.1\r\nhost: %b\r\n%bcontent-length: 60000\r\n\r\nx" % (path, HOST, more)
    if kind == "reader":
        return b"GET /openapi.json HTTP/1.1\r\nhost: %b\r\n\r\n" % HOST * 20
    if kind in ("idle", "half"):
        return b"GET /catalogue HTTP/1.1\r\nhost: %b\r\n\r\n" % HOST
    return b"GET /catalogue HTTP/1.1\r\nhost: " if kind == "head" else b""


class Attack:
    """All of them, and what became of them."""

    def __init__(self, host: str, port: int, sources: int) -> None:
        self._address, self._sources = (host, port), sources
        self.said: dict[str, Counter[str]] = {}

    async def keep(self, number: int, kind: str) -> None:
        """One connection after the other of a kind."""
        said = self.said.setdefault(kind, Counter())
        while True:
            try:
                await self._one(number, kind, said)
            except OSError:
                said["cut"] += 1
            await asyncio.sleep(0.5)

    async def _one(self, number: int, kind: str, said: Counter[str]) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as wire:
            wire.setblocking(False)
            if kind == "reader":
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            if self._sources:
                place = number % self._sources
                wire.bind((f"127.0.{20 + place // 250}.{1 + place % 250}", 0))
            await loop.sock_connect(wire, self._address)
            said["opened"] += 1
            await loop.sock_sendall(wire, opening(kind))
            if kind == "half":
                wire.shutdown(socket.SHUT_WR)
            if kind == "reader":
                await asyncio.sleep(3_600)
            await self._drip(wire, kind, said)

    async def _drip(self, wire: socket.socket, kind: str, said: Counter[str]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            heard = b""
            try:
                async with asyncio.timeout(DRIP_SECONDS):
                    heard = await loop.sock_recv(wire, 4_096)
            except TimeoutError:
                if kind in _BODIES or kind == "head":
                    await loop.sock_sendall(wire, b"x")
                continue
            if not heard:
                said["cut"] += 1
                return
            if heard.startswith(b"HTTP/"):
                said[heard[9:12].decode()] += 1


async def main() -> None:
    host, port, seconds, sources, count, *kinds = sys.argv[1:]
    attack = Attack(host, int(port), int(sources))
    tasks = [
        asyncio.create_task(attack.keep(number, kinds[number % len(kinds)])) for number in range(int(count))
    ]
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(enough.wait(), float(seconds))
    sys.stdout.write(json.dumps(attack.said) + "\n")
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())

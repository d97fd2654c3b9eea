"""What strangers cannot take from the owner at the gate: threads, turns, memory for bodies."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import anyio.to_thread
import pytest

from freehold.core.errors import InvalidSignature
from freehold.kernel.http import bodies, gate
from freehold.kernel.http.gate import Gate
from freehold.kernel.limits import BodyRoom
from freehold.kernel.settings import Settings
from freehold.kernel.tally import Tally

OWNER = (b"authorization", b"owner")
KNOWN = (b"signature-input", b"known")


class Room:
    """Work that blocks a thread until it is let go, as a database or a chain may; answers at once elsewhere."""

    def __init__(self) -> None:
        self.go = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        if b"block" in body or scope["query_string"] == b"block":
            await anyio.to_thread.run_sync(self.go.wait, 20)
        else:
            await anyio.to_thread.run_sync(len, body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def knows(self, scope: Any) -> bool:
        return OWNER in scope["headers"]

    def vouch(self, scope: Any) -> None:
        if KNOWN not in scope["headers"]:
            raise InvalidSignature("nobody")


class Asked:
    """One request to a gate, in pieces of a body if need be."""

    def __init__(self, at: Gate, path: str, *headers: Any, method: str = "GET", size: int = 0, query: bytes = b"",
                 address: str = "203.0.113.1", taken: bool = True) -> None:  # fmt: skip
        self.status, self.code, self._taken = 0, "", asyncio.Event()
        if taken:
            self._taken.set()
        self.pieces: asyncio.Queue[Any] = asyncio.Queue()
        named = [
            (b"host", b"localhost"),
            *headers,
            *([(b"content-length", str(size).encode())] if size else []),
        ]
        scope = {"type": "http", "method": method, "path": path, "headers": named, "client": (address, 5), "query_string": query}  # fmt: skip
        self.task = asyncio.create_task(at(scope, self.pieces.get, self._send))

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await self._taken.wait()
        elif message["body"]:
            self.code = json.loads(message["body"])["code"]

    def give(self, body: bytes, *, more: bool = False) -> Asked:
        self.pieces.put_nowait({"type": "http.request", "body": body, "more_body": more})
        return self

    async def done(self) -> int:
        async with asyncio.timeout(10):
            await self.task
        return self.status


def run(scenario, **settings: Any) -> None:
    room = Room()

    async def whole() -> None:
        made = Gate(room, Settings(**{"address_requests_per_minute": 0, **settings}), Tally())
        try:
            await scenario(made, room)
        finally:
            room.go.set()

    asyncio.run(whole())


async def fill(at: Gate, *, taken: bool = True) -> list[Asked]:
    """All turns that strangers may have, in use by many addresses, and all their places to wait."""
    found = []
    for number in range(100):
        address = f"198.51.{number}.1"
        found += [
            Asked(at, "/catalogue", query=b"block", address=address, taken=taken),
            Asked(at, "/peer/grants", method="POST", size=5, address=address, taken=taken).give(b"block"),
            Asked(at, "/peer/proofs", method="POST", size=5, address=address, taken=taken).give(b"block"),
            Asked(at, "/console/enter", method="POST", size=5, address=address, taken=taken).give(b"block"),
        ]
    await asyncio.sleep(0.2)
    return found


def test_owner_and_monitoring_are_answered_while_strangers_block_every_thread_they_can_have():
    async def scenario(at: Gate, room: Room) -> None:
        strangers = await fill(at)
        assert await Asked(at, "/catalogue", address="192.0.2.7").done() == 503, "it is full"
        own = [Asked(at, path, OWNER, method=method, size=size).give(b"{}") for path, method, size in (
            ("/api/status", "GET", 0), ("/api/predict", "POST", 2), ("/catalogue", "GET", 0), ("/console/data", "GET", 0),
            ("/console/data", "POST", 2))]  # fmt: skip
        assert [await one.done() for one in own] == [200] * 5
        # also work that blocks, several at once
        slow = [
            Asked(at, "/api/status", OWNER, query=b"block").give(b"") for _ in range(gate.OWNER_THREADS - 1)
        ]
        await asyncio.sleep(0.1)
        assert await Asked(at, "/api/status", OWNER).give(b"").done() == 200
        for path in ("/healthz", "/readyz", "/metrics"):
            assert await Asked(at, path, address="192.0.2.8").done() == 200
        assert not any(one.status == 200 for one in strangers)
        room.go.set()
        assert {await one.done() for one in slow} == {200}
        found = [await one.done() for one in strangers]
        assert set(found) == {200, 503}

    run(scenario)


def test_whom_a_stop_gives_up_is_told_so():
    async def scenario(at: Gate, room: Room) -> None:
        asked = [
            Asked(at, "/api/status", OWNER, query=b"block").give(b""),
            Asked(at, "/catalogue", query=b"block").give(b""),
            # its body is still awaited
            Asked(at, "/peer/proofs", method="POST", size=9),
        ]
        await asyncio.sleep(0.2)
        answered = Asked(at, "/catalogue", address="198.51.100.9", taken=False).give(b"")
        await asyncio.sleep(0.1)
        for one in (*asked, answered):
            one.task.cancel()
        for one in asked:
            with pytest.raises(asyncio.CancelledError):
                await one.done()
            assert (one.status, one.code) == (503, "unavailable")
        with pytest.raises(asyncio.CancelledError):
            await answered.done()
        assert answered.status == 200, "an answer that was begun is not followed by another"
        room.go.set()

    run(scenario)


def test_who_does_not_take_its_answer_holds_no_turn():
    async def scenario(at: Gate, room: Room) -> None:
        room.go.set()
        unread: list[Asked] = []
        for number in range(200):
            unread.append(Asked(at, "/catalogue", address=f"198.51.{number}.1", taken=False).give(b""))
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)
        assert {one.status for one in unread} == {200}
        assert not any(one.task.done() for one in unread)
        assert await Asked(at, "/catalogue", address="192.0.2.7").give(b"").done() == 200
        for one in unread:
            one.task.cancel()

    run(scenario)


@pytest.mark.parametrize("path", ["/peer/proofs", "/console/enter", "/v1/predict"])
def test_memory_for_bodies_goes_to_who_comes_with_little(monkeypatch, path):
    monkeypatch.setattr(gate, "_ROOM_BYTES", 100_000)
    monkeypatch.setattr(gate, "_ROOM_FOR_ONE_BYTES", 60_000)

    async def scenario(at: Gate, room: Room) -> None:
        slow = [
            Asked(at, path, method="POST", size=50_001, address=f"198.51.100.{number}").give(
                b"x" * 50_000, more=True
            )
            for number in (1, 2)
        ]
        await asyncio.sleep(0.1)
        own = Asked(at, "/api/predict", OWNER, method="POST", size=90_000).give(b" " * 90_000)
        assert await own.done() == 200, "the owner's room is its own"
        assert (
            await Asked(at, path, method="POST", size=9, address="192.0.2.7").give(b"something").done() == 200
        )
        assert await slow[0].done() == 503
        assert slow[0].code == "http.busy"
        assert slow[1].status == 0
        assert await slow[1].give(b"x").done() == 200
        assert at._room._used().total() == 0

    run(scenario)


def test_a_body_has_a_time_in_all_however_it_drips(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.5)

    async def scenario(at: Gate, room: Room) -> None:
        slow = [
            Asked(at, path, method="POST", size=1_000, address="198.51.100.1")
            for path in ("/peer/hello", "/console/enter", "/v1/predict")
        ]
        slow.append(Asked(at, "/api/predict", OWNER, method="POST", size=1_000))
        for _ in range(40):
            await asyncio.sleep(0.05)
            for one in slow:
                one.give(b"x", more=True)
        assert [await one.done() for one in slow] == [408] * 4
        assert {one.code for one in slow} == {"http.too_slow"}

    run(scenario)


@pytest.mark.parametrize(
    ("path", "size", "headers", "expected"),
    [
        ("/peer/proofs", 65_536, (), 200),
        ("/peer/proofs", 65_537, (), 401),
        ("/peer/proofs", 65_537, (KNOWN,), 200),
        ("/peer/proofs", 32 * 1024 * 1024 + 1, (KNOWN,), 413),
        ("/peer/hello", 1024 * 1024 + 1, (KNOWN,), 413),
        ("/v1/predict", 65_536, (), 200),
        ("/v1/predict", 65_537, (), 401),
        ("/v1/predict", 65_537, (KNOWN,), 200),
        ("/console/enter", 65_536, (), 200),
        ("/console/enter", 65_537, (KNOWN,), 413),
        ("/api/predict", 1, (), 401),
    ],
)
def test_how_large_a_body_may_be_is_known_from_the_head(path, size, headers, expected):
    async def scenario(at: Gate, room: Room) -> None:
        asked = Asked(at, path, *headers, method="POST", size=size)
        if expected == 200:
            asked.give(b"x" * size)
        assert await asked.done() == expected, "refused before a byte of it came"

    run(scenario)


def test_a_body_cut_while_it_waits_for_a_turn_frees_its_place():
    async def scenario(at: Gate, room: Room) -> None:
        at._room = BodyRoom(100, 60)
        at._turns["act"]._at_once = 1
        first = Asked(at, "/peer/grants", method="POST", size=5, address="198.51.100.1").give(b"block")
        waiting = Asked(at, "/peer/grants", method="POST", size=60, address="198.51.100.2").give(b"x" * 60)
        await asyncio.sleep(0.1)
        late = Asked(at, "/peer/grants", method="POST", size=40, address="198.51.100.3").give(b"y" * 40)
        assert await waiting.done() == 503
        room.go.set()
        assert [await first.done(), await late.done()] == [200, 200]
        assert await Asked(at, "/peer/grants", method="POST", size=60).give(b"x" * 60).done() == 200

    run(scenario)


def test_header_fields_are_counted_exactly():
    async def scenario(at: Gate, _room: Room) -> None:
        for more, status in ((-1, 200), (0, 431)):
            many = [(b"x", b"y")] * (gate.MAX_HEADERS + more)
            assert await Asked(at, "/catalogue", *many).give(b"").done() == status

    run(scenario)


def test_the_owner_and_this_machine_are_not_counted_among_callers():
    async def scenario(at: Gate, _room: Room) -> None:
        own = {"address": "203.0.113.7"}
        statuses = [await Asked(at, "/catalogue", **own).give(b"").done() for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert [await Asked(at, "/catalogue", OWNER, **own).give(b"").done() for _ in range(3)] == [200] * 3
        assert [await Asked(at, "/catalogue", address="127.0.0.1").give(b"").done() for _ in range(3)] == [
            200
        ] * 3

    run(scenario, address_requests_per_minute=1)


def test_what_is_no_request_reaches_nothing():
    async def scenario(at: Gate, room: Room) -> None:
        await at({"type": "websocket", "path": "/catalogue", "headers": []}, None, None)

    run(scenario)


def test_deep_json_is_refused_before_it_is_parsed():
    async def scenario(at: Gate, _room: Room) -> None:
        deep = b"[" * 5_000
        asked = Asked(at, "/api/publish", OWNER, method="POST", size=len(deep)).give(deep)
        assert await asked.done() == 422
        assert asked.code == "json.invalid"

    run(scenario)

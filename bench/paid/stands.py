"""Servers as they are measured: which calls are theirs, whose work is counted, and what a right answer is."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import selling
from load import END, Client
from processes import HERE, Pass, Server, passed
from selling import Buyer, Shop

BARE = HERE.parent / "peers" / "bare.py"
CLOSE_PPM = 2_000
"""Between the exact arithmetic of a node and plain floating point."""


@dataclass
class Stand:
    """A server as it is measured."""

    name: str
    port: int
    watched: dict[str, int]
    """Process ids whose work is counted, by name; the first is the server's own."""
    take: Callable[[int, int], list[bytes]]
    """The next calls of a client, given its number and how many."""
    calls: int
    """Of a pass, by all its clients."""
    check: Callable[[bytes, bytes], Any]
    """An answer to a request is as it should be."""
    meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext
    passes: dict[int, list[Pass]] = field(default_factory=lambda: defaultdict(list))
    """By the number of clients."""
    answered: list[tuple[bytes, bytes]] = field(default_factory=list)

    def run(self, clients: int, scratch: Path, calls: int = 0) -> Pass:
        """All calls of a pass, or so many, by so many clients together."""
        work = [self.take(number, (calls or self.calls) // clients) for number in range(clients)]
        with self.meanwhile():
            made = passed(self.port, work, self.watched, scratch)
        for asked, got in zip(work, made.sent.answers, strict=True):
            self.answered += zip(got, asked, strict=True)
        return made._replace(sent=made.sent._replace(answers=[]))

    def require_answered(self) -> list[Any]:
        """Every answer was right."""
        return [self.check(answer, request) for answer, request in self.answered]


class Ours:
    """One selling node with its buyers, and the ways in which it is measured."""

    def __init__(
        self, shop: Shop, chain_pid: int, calls: list[int], pass_calls: int, beside: dict[str, int]
    ) -> None:
        name = shop.builder.name
        self.shop, self.calls = shop, pass_calls
        self.buyers = [Buyer(shop, f"buyer {number} of {name}", most) for number, most in enumerate(calls)]
        self.watched = {"node": shop.builder.pid, "chain": chain_pid, **beside}
        self.before = shop.kept()

    def stand(self, name: str, **more: Any) -> Stand:
        return Stand(
            name,
            self.shop.builder.port,
            self.watched,
            lambda number, count: self.buyers[number].take(count),
            self.calls,
            lambda answer, request: selling.require_paid(answer, request, self.shop),
            **more,
        )

    def accounts(self) -> tuple[str, float]:
        """What was kept agrees with what was answered; and bytes of the database for each call."""
        calls = sum(one.sent for one in self.buyers)
        promised = {one.channel: one.promised_units for one in self.buyers}
        grown = self.shop.kept().bytes - self.before.bytes
        return self.shop.account_for(self.before, calls, promised), grown / calls

    def refused(self) -> str:
        """Each grant is revoked on chain, by its issuer's key and not through the node, and the very next call is refused.

        Over a connection that is kept, within a moment of the block. Those that are not revoked yet stand.
        """
        waits = []
        for one in self.buyers:
            client = Client(self.shop.builder.port, one.take(2))
            with closing(client.socket):
                status, said = _asked(client)
                assert status == 200, (status, said)
                self.shop.revoke_on_chain(one.grant)
                known = time.perf_counter()
                status, said = _asked(client)
                assert (status, said["code"]) == (403, "grant.revoked"), (status, said)
                waits.append(time.perf_counter() - known)
        return (
            f"{self.shop.builder.name}: {len(waits)} grants revoked on chain one after the other, the very next call of each:"
            f" {status} {said['code']}, answered at most {max(waits) * 1e3:.1f} ms after the block was known; those not yet revoked: 200"
        )


def _asked(client: Client) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the next answer."""
    client.send()
    while not client.receive():
        pass
    return selling.opened(client.answers[-1])


def bare(model: Path, calls: int) -> tuple[Server, Stand]:
    """The same model for nothing."""
    name = json.loads(model.read_text())["model"]
    server = Server(sys.executable, BARE, model, log=model.with_name("bare.log")).start()
    made = defaultdict(int)

    def take(number: int, count: int) -> list[bytes]:
        made[number] += count
        start = made[number] - count
        return [selling.request(selling.question(name, start + i)) for i in range(count)]

    def check(answer: bytes, _: bytes) -> dict[str, Any]:
        status, found = selling.opened(answer)
        assert status == 200, (status, found)
        return found

    return server, Stand("bare", server.port, {"server": server.pid}, take, calls, check)


def require_same(free: Stand, paid: Stand) -> int:
    """The most, in millionths, by which answers to the same question differ."""
    by_question = {}
    for (_, request), found in zip(free.answered, free.require_answered(), strict=True):
        by_question[request.partition(END)[2]] = found
    most = 0
    for (_, request), found in zip(paid.answered, paid.require_answered(), strict=True):
        other = by_question.get(request.partition(END)[2])
        if other:
            both = zip(found["outputs"], other["outputs"], strict=True)
            most = max(most, *(abs(a["probability_ppm"] - b["probability_ppm"]) for a, b in both))
    assert most <= CLOSE_PPM, most
    return most

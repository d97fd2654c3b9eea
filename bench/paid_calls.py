"""What a paid call takes beside the same model for nothing, on this machine, over real HTTP.

    python bench/paid_calls.py [--rounds 7] [--calls 200] [--clients 1 2 4 8] [--json]

Each server is a process of its own on loopback. In each round every server gets the same number of calls from one
client, then from two and so on over kept connections, the servers in turn; shown are medians over the rounds. Ours is
a node run by `freehold up`, with its chain beside it, that is paid by a fresh voucher for each call; it is measured as well
while the chain gets a block every 100 ms, and with its rows on Postgres (synced at each commit) where a server is here.
Afterwards receipts, vouchers and log have to agree to the unit, and a grant that is revoked on chain is refused at the
next call.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench" / "paid")]

import limits  # noqa: E402 - after the path
import postgres_server  # noqa: E402
import selling  # noqa: E402
import showing  # noqa: E402
from node_world import World  # noqa: E402
from processes import Pass, Server, blocks, chain, passed  # noqa: E402
from selling import Buyer, Shop  # noqa: E402

BARE = ROOT / "bench" / "peers" / "bare.py"
WARM = 20
"""Calls of each client before anything is measured."""
LAST = 2
"""Calls of each client when all is over."""
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
    check: Callable[[bytes, bytes], Any]
    """An answer to a request is as it should be."""
    meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext
    passes: dict[int, list[Pass]] = field(default_factory=lambda: defaultdict(list))
    """By the number of clients."""
    answered: list[tuple[bytes, bytes]] = field(default_factory=list)

    def run(self, clients: int, calls: int, scratch: Path) -> Pass:
        """So many calls by so many clients together."""
        work = [self.take(number, calls // clients) for number in range(clients)]
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

    def __init__(self, shop: Shop, chain_pid: int, clients: int, calls: int, beside: dict[str, int]) -> None:
        self.shop = shop
        self.buyers = [
            Buyer(shop, f"buyer {number} of {shop.builder.name}", calls) for number in range(clients)
        ]
        self.watched = {"node": shop.builder.pid, "chain": chain_pid, **beside}
        self.before = shop.kept()

    def stand(self, name: str, **more: Any) -> Stand:
        return Stand(
            name,
            self.shop.builder.port,
            self.watched,
            lambda number, count: self.buyers[number].take(count),
            lambda answer, request: selling.require_paid(answer, request, self.shop),
            **more,
        )

    def accounts(self) -> tuple[str, float]:
        """What was kept agrees with what was answered; and bytes of the database for each call."""
        calls = sum(one.sent for one in self.buyers)
        promised = {one.channel: one.promised_units for one in self.buyers}
        grown = self.shop.kept().bytes - self.before.bytes
        return self.shop.account_for(self.before, calls, promised), grown / calls

    def refused(self, scratch: Path) -> str:
        """A grant is revoked on chain, by its issuer's key and not through the node, and the next call."""
        first, second = self.buyers[:2] if len(self.buyers) > 1 else (self.buyers[0], None)

        def ask(one: Buyer) -> tuple[int, dict[str, Any]]:
            made = passed(self.shop.builder.port, [one.take(1)], {}, scratch)
            return selling.opened(made.sent.answers[0][0])

        status, _ = ask(first)
        assert status == 200, status
        self.shop.revoke_on_chain(first.grant)
        status, said = ask(first)
        assert (status, said["code"]) == (403, "grant.revoked"), (status, said)
        if second:
            assert ask(second)[0] == 200, "another's grant stands"
        return f"{self.shop.builder.name}: grant revoked on chain, its very next call: {status} {said['code']}; another's: 200"


def bare(shop: Shop, folder: Path) -> tuple[Server, Stand]:
    """The same model for nothing."""
    kept = folder / "model.json"
    kept.write_text(json.dumps(shop.weights()))
    server = Server(sys.executable, BARE, kept, log=folder / "bare.log").start()
    made = defaultdict(int)

    def take(number: int, count: int) -> list[bytes]:
        made[number] += count
        start = made[number] - count
        return [selling.request(selling.question(shop.model.id, start + i)) for i in range(count)]

    def check(answer: bytes, _: bytes) -> dict[str, Any]:
        status, found = selling.opened(answer)
        assert status == 200, (status, found)
        return found

    return server, Stand("bare", server.port, {"server": server.pid}, take, check)


def require_same(free: Stand, paid: Stand) -> int:
    """The most, in millionths, by which answers to the same question differ."""
    by_question = {}
    for (_, request), found in zip(free.answered, free.require_answered(), strict=True):
        by_question[request.partition(b"\r\n\r\n")[2]] = found
    most = 0
    for (_, request), found in zip(paid.answered, paid.require_answered(), strict=True):
        other = by_question.get(request.partition(b"\r\n\r\n")[2])
        if other:
            both = zip(found["outputs"], other["outputs"], strict=True)
            most = max(most, *(abs(a["probability_ppm"] - b["probability_ppm"]) for a, b in both))
    assert most <= CLOSE_PPM, most
    return most


@contextmanager
def grounds(folder: Path, given: argparse.Namespace) -> Iterator[tuple[list[Stand], list[Ours]]]:
    """Every server that is here, running."""
    with ExitStack() as held:
        chain_process = chain(folder / "chain")
        held.callback(chain_process.stop)
        world = World(folder, chain_process)
        held.callback(world.close_parties)
        owners = world.owners(2)
        most = max(given.clients)
        each = sum(given.calls // count for count in given.clients)
        ours = []
        conditions = [("ours", "", {})]
        if not given.no_postgres and postgres_server.binaries():
            postgres = held.enter_context(postgres_server.serving("-c fsync=on"))
            pid = int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
            conditions.append(("ours-postgres", postgres.database("seller"), {"Postgres": pid}))
        for name, database, beside in conditions:
            shop = Shop.opened(world, folder / name, owners, database)
            held.callback(shop.builder.stop)
            ways = 1 if database else 2
            calls = WARM + ways * given.rounds * each + LAST
            ours.append(Ours(shop, chain_process.pid, most, calls, beside))
        server, free = bare(ours[0].shop, folder)
        held.callback(server.stop)
        # nothing of theirs is needed any more, and nothing of theirs shall run beside what is measured
        world.close_parties()
        url = chain_process.url
        stands = [
            free,
            ours[0].stand("ours"),
            ours[0].stand("ours, a block every 100 ms", meanwhile=lambda: blocks(url)),
            *(one.stand("ours, rows on Postgres") for one in ours[1:]),
        ]
        yield stands, ours


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    scratch = folder / "scratch"
    found: dict[str, Any] = {"rounds": given.rounds, "calls": given.calls, "clients": given.clients}
    with grounds(folder, given) as (stands, ours):
        found["flush_ms"] = limits.flush_seconds(folder) * 1e3
        found["signatures_ms"] = limits.signature_seconds() * 1e3
        for one in stands:
            if one.meanwhile is nullcontext:
                one.run(max(given.clients), WARM * max(given.clients), scratch)
        for number in range(given.rounds):
            for clients in given.clients:
                # nobody always comes after the same one
                turn = number % len(stands)
                for one in (*stands[turn:], *stands[:turn]):
                    one.passes[clients].append(one.run(clients, given.calls, scratch))
        found["answers_differ_ppm"] = require_same(stands[0], stands[1])
        for one in stands[2:]:
            one.require_answered()
        found["accounts"], sizes = zip(*(one.accounts() for one in ours), strict=True)
        found["bytes_per_call"] = dict(zip(("ours", "ours, rows on Postgres"), sizes, strict=False))
        found["revoked"] = [one.refused(scratch) for one in ours]
        found["servers"] = {one.name: showing.figures(one.passes) for one in stands}
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument(
        "--calls", type=int, default=200, help="of each server in each pass, by all its clients"
    )
    options.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8])
    options.add_argument("--no-postgres", action="store_true")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    given = options.parse_args()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = measure(given, Path(folder))
    print(json.dumps(found, indent=1) if given.json else showing.text(found))


if __name__ == "__main__":
    main()

"""What a paid call takes, beside the same model for nothing and beside the official x402, which settles each on chain.

    python bench/paid_calls.py [--rounds 7] [--calls 800] [--settled-calls 24] [--clients 1 2 4 8] [--json]

Each server is a process of its own on loopback. In each round every server gets the same number of calls from one
client, then from two and so on over kept connections, the servers in turn; shown are medians over the rounds. Ours is
a node run by `freehold up`, with its chain beside it, that is paid by a fresh voucher for each call; it is measured as well
while the chain gets a block every 100 ms, and with its rows on Postgres (synced at each commit) where a server is here.
x402 for Python (`bench/peers/x402.lock`, in an environment of its own) has its facilitator in the server's process; its
payments are signed before the clock starts, as ours are, and it has the fast curve that ours has. By `exact` each call is settled on the same chain, and on anvil
where that is here; by `batch-settlement` each raises what a channel promised, as ours does: kept in memory, as it does by
itself, or in its files, which it does not sync. It gives no receipt, reads the chain at no call, and knows no revocation.
Afterwards receipts, vouchers and log have to agree to the unit, and each grant that is revoked on chain is refused at
its very next call. With TMPDIR=/dev/shm no disk takes part: what is left is work.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [
    str(ROOT / "tests" / "support"),
    str(ROOT / "tests" / "clients"),
    str(ROOT / "bench" / "paid"),
]

import anvil  # noqa: E402 - after the path
import limits  # noqa: E402
import official  # noqa: E402
import postgres_server  # noqa: E402
import showing  # noqa: E402
from node_world import World  # noqa: E402
from processes import blocks, chain  # noqa: E402
from selling import Shop  # noqa: E402
from stands import Ours, Stand, bare, require_same  # noqa: E402

WARM = 20
"""Calls of each client before anything is measured."""
LAST = 2
"""Calls of each client when all is over."""
BLOCKS = "ours, a block every 100 ms"
POSTGRES = "ours, rows on Postgres"


@dataclass
class Ground:
    """Every server that is here, running."""

    given: argparse.Namespace
    folder: Path
    held: ExitStack
    stands: list[Stand] = field(default_factory=list)
    ours: list[Ours] = field(default_factory=list)
    exact: list[official.Exact] = field(default_factory=list)
    official: list[official.Official] = field(default_factory=list)
    """Those that settle at once, too."""
    left_out: list[str] = field(default_factory=list)
    """Peers and conditions that cannot be had here, and why."""

    def open(self) -> None:
        """Start all of them; nothing else of ours runs beside them then."""
        chained = chain(self.folder / "chain")
        self.held.callback(chained.stop)
        world = World(self.folder, chained)
        self.held.callback(world.close)
        owners = world.owners(2)
        first = Shop.opened(world, self.folder / "ours", owners)
        self.held.callback(first.builder.stop)
        sold = self._ours(first, chained.pid, ways=2)
        model = self.folder / "model.json"
        model.write_text(json.dumps(first.weights()))
        server, free = bare(model, self.given.calls)
        self.held.callback(server.stop)
        self.stands += [free, sold.stand("ours"), sold.stand(BLOCKS, meanwhile=lambda: blocks(chained.url))]
        self._on_postgres(world, owners, chained.pid)
        self._official(model, chained.url, {"chain": chained.pid})
        world.close_parties()

    def _calls(self, pass_calls: int, ways: int = 1) -> list[int]:
        """Of each client, warming and the last ones included: the third has none where there are two."""
        given, made = self.given, []
        for number in range(max(given.clients)):
            passes = sum(pass_calls // count for count in given.clients if number < count)
            made.append(LAST + ways * (WARM + given.rounds * passes))
        return made

    def _ours(self, shop: Shop, chain_pid: int, ways: int = 1, **beside: int) -> Ours:
        calls = self._calls(self.given.calls, ways)
        self.ours.append(Ours(shop, chain_pid, calls, self.given.calls, beside))
        return self.ours[-1]

    def _on_postgres(self, world: World, owners: list[Any], chain_pid: int) -> None:
        if self.given.no_postgres or not postgres_server.binaries():
            self.left_out.append(
                f"{POSTGRES}: " + ("not asked for" if self.given.no_postgres else "no server here")
            )
            return
        server = self.held.enter_context(postgres_server.serving("-c fsync=on"))
        pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
        shop = Shop.opened(world, self.folder / "ours-postgres", owners, server.database("seller"))
        self.held.callback(shop.builder.stop)
        self.stands.append(self._ours(shop, chain_pid, Postgres=pid).stand(POSTGRES))

    def _official(self, model: Path, rpc_url: str, chained: dict[str, int]) -> None:
        if self.given.no_x402:
            self.left_out.append("x402: not asked for")
            return
        try:
            python = official.environment()
        except official.Absent as absent:
            self.left_out.append(f"x402: {absent}")
            return
        given = self.given
        for store in ("memory", "files"):
            name = f"x402 batch, in {store}"
            one = official.Batch(python, model, rpc_url, self.folder, name, store)
            self._stand(one, chained, given.calls)
        self.exact.append(official.Exact(python, model, rpc_url, self.folder, "x402 exact"))
        self._stand(self.exact[-1], chained, given.settled_calls)
        if not anvil.binary():
            self.left_out.append(f"x402 on anvil: {anvil.ABSENT}")
            return
        node = self.held.enter_context(anvil.Anvil())
        official.set_clock(node.url)
        self.exact.append(official.Exact(python, model, node.url, self.folder, "x402 exact, on anvil"))
        self._stand(self.exact[-1], {"anvil": node.pid}, given.settled_calls)

    def _stand(self, one: official.Official, beside: dict[str, int], calls: int) -> None:
        self.held.callback(one.stop)
        one.sign(self._calls(calls))
        self.official.append(one)
        watched = {"server": one.server.pid, **beside}
        self.stands.append(Stand(one.server.name, one.server.port, watched, one.take, calls, one.check))


@contextmanager
def ground(folder: Path, given: argparse.Namespace) -> Iterator[Ground]:
    """Every server that is here, running, and ended afterwards."""
    with ExitStack() as held:
        made = Ground(given, folder, held)
        made.open()
        yield made


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    scratch, most = folder / "scratch", max(given.clients)
    found: dict[str, Any] = {"rounds": given.rounds, "calls": given.calls, "clients": given.clients}
    found["settled_calls"] = given.settled_calls
    with ground(folder, given) as here:
        found["left_out"] = here.left_out
        for one in here.stands:
            one.run(most, scratch, WARM * most)
            one.require_answered()
        found["own_client_ms"] = {one.server.name: [] for one in here.exact}
        floors = []
        for number in range(given.rounds):
            # nobody always comes after the same one
            turn = number % len(here.stands)
            floors.append((limits.flush_seconds(folder) * 1e3, limits.signature_seconds() * 1e3))
            for clients in given.clients:
                for one in (*here.stands[turn:], *here.stands[:turn]):
                    one.passes[clients].append(one.run(clients, scratch))
            for peer in here.exact:
                asked = peer.ask(max(1, given.settled_calls // 4))
                found["own_client_ms"][peer.server.name].append(showing.quantile(asked, 0.5) * 1e3)
        found["flush_ms"], found["signatures_ms"] = map(statistics.median, zip(*floors, strict=True))
        free, paid, *others = here.stands
        found["answers_differ_ppm"] = require_same(free, paid)
        for one in others:
            one.require_answered()
        accounts, sizes = zip(*(one.accounts() for one in here.ours), strict=True)
        found["accounts"] = [*accounts, *(one.accounts() for one in here.official)]
        found["bytes_per_call"] = dict(zip(("ours", POSTGRES), sizes, strict=False))
        found["revoked"] = [one.refused() for one in here.ours]
        found["servers"] = {one.name: showing.figures(one.passes) for one in here.stands}
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--calls", type=int, default=800, help="of a server in a pass, by all its clients")
    options.add_argument(
        "--settled-calls", type=int, default=24, help="the same where each is settled on chain"
    )
    options.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8])
    options.add_argument("--no-postgres", action="store_true")
    options.add_argument("--no-x402", action="store_true")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    given = options.parse_args()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = measure(given, Path(folder))
    print(json.dumps(found, indent=1) if given.json else showing.text(found))


if __name__ == "__main__":
    main()

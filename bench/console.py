"""What each page of the console takes on a node with 10,000 datasets and 110,000 receipts, beside a small and an empty one.

    python bench/console.py [--assets 12000] [--receipts 110000] [--work 2000] [--homes FOLDER] [--postgres]

Each page is asked for over HTTP, by somebody who is logged in, of three nodes that run at once: one with nothing, one
with a twentieth, and the full one. Shown is what the processor worked for it in the node, in
milliseconds, which other work on the machine does not change: the middle one of a few times; and how many times more
the full node worked than the small one. `--homes` keeps the nodes' homes for the next time.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import big_store  # noqa: E402 - after the path
import httpx  # noqa: E402
import postgres_server  # noqa: E402
from console_node import Console  # noqa: E402
from node_process import PASSPHRASE  # noqa: E402

from freehold.chain import deployments  # noqa: E402
from freehold.chain.client import Chain  # noqa: E402
from freehold.chain.embedded import DEV_KEY, EmbeddedNode  # noqa: E402
from freehold.chain.rpc import Rpc  # noqa: E402
from freehold.kernel.databases import opening  # noqa: E402
from freehold.kernel.store import Store  # noqa: E402
from freehold.kernel.web.places import FACETS  # noqa: E402
from freehold.shell.web.places import tabs  # noqa: E402

TIMES = 5
OWN = 10 / 12
SMALL = 20
"""So many times less stands in the small node, whose lists are longer than a page too."""
OF_ONE = {
    "dataset": "own dataset",
    "model": "own model",
    "offered": "another's dataset",
    "theirs": "another's model",
}
PAGES = (
    *(tab.path for tab in tabs()),
    "/assets?q=pulse+wine", "/assets?state=open", "/data?q=pulse+wine", "/data?sort=name",
    "/data?sort=-price&state=offered", "/data?state=asks", "/market?q=needle", "/market?q=pulse+wine", "/market?sort=name",
    "/market?price=free", "/uses?q=pulse", "/uses?q=pulse+wine", "/uses?action=train", "/uses?action=infer",
    "/uses?thing={dataset}", "/uses?sort=units", "/uses?since=1700000000", "/uses/{receipt}", "/jobs?q=wine",
    "/jobs?state=going", "/log?entry-type=claim", "/trail?who=owner", "/train", "/publish",
    *(f"/assets/{{{one}}}/{facet.slug}".rstrip("/") for one in OF_ONE for facet in FACETS),
    "/find?q=pulse+wine", "/find?q=needle", "/find?q={receipt}",
)  # fmt: skip
FILES = ("/data?format=csv", "/market?format=csv", "/uses?format=csv", "/log?entry-format=csv", "/trail?format=csv",
         "/jobs?format=csv")  # fmt: skip
THINGS = {
    "dataset": "SELECT asset FROM grants JOIN assets ON assets.id = grants.asset WHERE issuer = ?1"
    " AND owner = issuer AND kind = 'dataset' GROUP BY asset ORDER BY count(*) DESC, asset LIMIT 1",
    "model": "SELECT id FROM assets WHERE kind = 'model' AND owner = ?1 LIMIT 1",
    "offered": "SELECT id FROM assets WHERE kind = 'dataset' AND owner <> ?1 ORDER BY expires_at DESC LIMIT 1",
    "theirs": "SELECT id FROM assets WHERE kind = 'model' AND owner <> ?1 LIMIT 1",
    "receipt": "SELECT id FROM receipts WHERE provider = ?1 LIMIT 1",
}


class Taken(NamedTuple):
    """What a page took: milliseconds of the processor and by the clock, its size, and its status."""

    cpu_ms: float
    ms: float
    size: int
    status: int


class Node:
    """One that runs, and somebody who is logged in there."""

    def __init__(self, home: Path, rpc_url: str, database: str) -> None:
        self.home, self.database = home, database
        arguments = ("--database", database) if database else ()
        self.console = Console(None, home, rpc_url, *arguments)
        self.client = httpx.Client(timeout=120)
        self.things: dict[str, str] = {}

    def start(self) -> Node:
        """Run it and enter."""
        self.console.start()
        said = {"next": "", "name": "Big", "passphrase": PASSPHRASE, "again": PASSPHRASE}
        origin = {"origin": self.console.origin}
        answer = self.client.post(f"{self.console.url}enter", data=said, headers=origin)
        if answer.status_code != 303:
            raise RuntimeError(f"{answer.status_code} {answer.text[:2000]}")
        return self

    def fill(self, assets: int, grants: int, receipts: int, work: int) -> None:
        """Write so much into its database while it does not run."""
        with closing(Store(opening.for_writing(self.home, self.database))) as store:
            (own,) = {account for account, _ in store.parties()}
            big_store.fill(store, own, assets=assets, grants=grants, receipts=receipts, mine=OWN)
            big_store.fill_work(store, own, work)

    def look(self) -> None:
        """Which things its pages are asked about."""
        with closing(Store(opening.for_writing(self.home, self.database))) as store:
            (own,) = {account for account, _ in store.parties()}
            found = {name: store.rows(query.replace("?1", "?"), own) for name, query in THINGS.items()}
        self.things = {name: str(rows[0][0]) for name, rows in found.items() if rows}

    def worked_ms(self) -> float:
        """Milliseconds that the processor worked for its process, with threads that are over."""
        return time.clock_gettime((~self.console.pid << 3) | 2) * 1e3

    def took(self, page: str, times: int = TIMES) -> Taken | None:
        """What a page took; None where the node has nothing that the page is about."""
        if any(name not in self.things for name in re.findall(r"{(\w+)}", page)):
            return None
        address = self.console.url.removesuffix("/") + page.format(**self.things)
        ms, cpu, answer = [], [], httpx.Response(0)
        for _ in range(times):
            began, before = time.perf_counter(), self.worked_ms()
            answer = self.client.get(address, follow_redirects=True)
            ms.append((time.perf_counter() - began) * 1e3)
            cpu.append(self.worked_ms() - before)
        return Taken(statistics.median(cpu), statistics.median(ms), len(answer.content), answer.status_code)

    def file_took(self, page: str) -> tuple[float, float]:
        """Seconds of the processor that a file takes, and by how many MiB the node's memory ever grew for it."""
        Path(f"/proc/{self.console.pid}/clear_refs").write_text("5")
        before, began = self._memory_mb("VmRSS"), self.worked_ms()
        self.client.get(self.console.url.removesuffix("/") + page)
        return (self.worked_ms() - began) / 1e3, self._memory_mb("VmHWM") - before

    def _memory_mb(self, name: str) -> float:
        status = Path(f"/proc/{self.console.pid}/status").read_text()
        return int(re.findall(rf"{name}:\s+(\d+)", status)[0]) / 1024


@contextmanager
def nodes(
    folder: Path, chosen: argparse.Namespace, server: postgres_server.Server | None
) -> Iterator[dict[str, Node]]:
    """The three of them, filled where they were not, running."""
    chain = EmbeddedNode(folder / "chain")
    chain.start()
    found = {}
    try:
        with Rpc(chain.url) as rpc:
            deployments.deploy_missing(Chain(rpc), DEV_KEY)
        for name, less in (("empty", 0), ("small", SMALL), ("full", 1)):
            found[name] = one = Node(folder / name, chain.url, server.database(name) if server else "")
            if not one.home.exists():
                one.home.mkdir(mode=0o700)
                one.start()
                one.console.stop()
                if less:
                    parts = (chosen.assets, chosen.grants, chosen.receipts, chosen.work)
                    one.fill(*(max(60, part // less) for part in parts))
            one.look()
            one.start()
        yield found
    finally:
        for one in found.values():
            if one.console.is_running:
                one.console.stop()
        chain.stop()


def shown(page: str, took: dict[str, Taken | None]) -> str:
    """One line."""
    cells = [f"{one.cpu_ms:9.1f}" if one else " " * 9 for one in took.values()]
    _, small, full = took.values()
    assert full
    ratio = f"{full.cpu_ms / small.cpu_ms:7.2f}" if small else " " * 7
    wrong = "" if full.status == 200 else f"  {full.status}"
    return f"{page:34} {' '.join(cells)} {ratio} {full.ms:9.1f} {full.size / 1e3:8.1f}{wrong}"


def main() -> None:
    """Make the homes where they are not there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--receipts", type=int, default=110_000)
    parser.add_argument("--assets", type=int, default=12_000)
    parser.add_argument("--grants", type=int, default=2_000)
    parser.add_argument(
        "--work", type=int, default=2_000, help="jobs, requests, disputes, payments and acts, of each"
    )
    parser.add_argument("--homes", type=Path, help="keep the homes there, and take those that are there")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--only", default="", help="pages whose address begins so")
    chosen = parser.parse_args()
    serving = postgres_server.serving() if chosen.postgres else nullcontext()
    with TemporaryDirectory(ignore_cleanup_errors=True) as made, serving as server:
        folder = chosen.homes or Path(made)
        folder.mkdir(exist_ok=True)
        began = time.monotonic()
        with nodes(folder, chosen, server) as running:
            store = "Postgres" if server else "SQLite"
            print(f"{chosen.assets:,} assets, {chosen.receipts:,} receipts, {chosen.work:,} of what waits and was done,"
                  f" {store}, ready in {time.monotonic() - began:.0f} s")  # fmt: skip
            print(
                f"{'ms of the processor':34} {'empty':>9} {'small':>9} {'full':>9} {'ratio':>7} {'clock ms':>9} {'kB':>8}"
            )
            full = []
            for page in PAGES:
                # a facet that its asset has not
                if (
                    page.startswith(chosen.only)
                    and (one := running["full"].took(page, 1))
                    and one.status != 404
                ):
                    took = {name: one.took(page) for name, one in running.items()}
                    print(shown(page, took), flush=True)
                    full.append((took["full"].cpu_ms, page))
            print(f"{'file':34} {'cpu s':>9} {'grown MB':>9}")
            for page in FILES:
                if page.startswith(chosen.only):
                    seconds, grown = running["full"].file_took(page)
                    print(f"{page:34} {seconds:9.1f} {grown:9.1f}", flush=True)
    print(f"most {max(full)[0]:.1f} ms: {max(full)[1]}")


if __name__ == "__main__":
    main()

"""What each page of the console takes on a node with 10,000 datasets and 110,000 receipts, and on one with nothing.

    python bench/console.py [--assets 12000] [--receipts 110000] [--postgres]

The pages come over HTTP, to somebody who is logged in, out of a `freehold up` of its own; the middle one of a few
times is shown in milliseconds, with what the processor worked for it and the size of the page.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
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
from node_process import PASSPHRASE  # noqa: E402

from freehold.chain import deployments  # noqa: E402
from freehold.chain.client import Chain  # noqa: E402
from freehold.chain.embedded import DEV_KEY, EmbeddedNode  # noqa: E402
from freehold.chain.rpc import Rpc  # noqa: E402
from freehold.kernel.databases import opening  # noqa: E402
from freehold.kernel.store import Store  # noqa: E402

TIMES = 5
OWN = 10 / 12
PAGES = (
    "/", "/inbox", "/health", "/assets", "/assets?state=open", "/data", "/data?q=pulse+wine", "/data?sort=name",
    "/data?sort=-price&state=offered", "/assets/{dataset}", "/assets/{dataset}/access", "/assets/{dataset}/uses",
    "/assets/{dataset}/money", "/assets/{dataset}/lineage", "/market", "/market?q=needle", "/market?sort=name",
    "/market/models", "/models", "/assets/{model}", "/assets/{model}/money", "/uses", "/uses?q=pulse",
    "/uses?thing={dataset}", "/uses/{receipt}", "/lineage", "/log", "/trail", "/jobs", "/train", "/money", "/spending",
    "/settings", "/backup", "/publish", "/find?q=pulse+wine",
)  # fmt: skip


class Taken(NamedTuple):
    """What a page took: milliseconds by the clock and of the processor, and its size."""

    ms: float
    cpu_ms: float
    size: int


@contextmanager
def node(home: Path, rpc_url: str, database: str) -> Iterator[tuple[str, int]]:
    """A node that runs; its address and process."""
    command = [
        sys.executable,
        "-m",
        "freehold",
        "up",
        "--home",
        str(home),
        "--port",
        "0",
        "--rpc-url",
        rpc_url,
    ]
    command += ["--database", database] if database else []
    log = home.with_name(f"{home.name}.log")
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as run,
    ):
        try:
            deadline = time.monotonic() + 60
            while not (found := re.search(r"http://\S+?/console/", log.read_text())):
                if run.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text())
                time.sleep(0.1)
            yield found[0].removesuffix("/"), run.pid
        finally:
            run.terminate()


@contextmanager
def entered(url: str) -> Iterator[httpx.Client]:
    """Somebody who is logged in."""
    said = {"next": "", "name": "Big", "passphrase": PASSPHRASE, "again": PASSPHRASE}
    with httpx.Client(timeout=60) as client:
        answer = client.post(f"{url}/enter", data=said, headers={"origin": url.removesuffix("/console")})
        if answer.status_code != 303:
            raise RuntimeError(f"{answer.status_code} {answer.text[:2000]}")
        yield client


def worked(process: int) -> float:
    """Milliseconds that the processor worked for a process; so other work on the machine does not count."""
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e6


def took(client: httpx.Client, at: tuple[str, int], names: dict[str, str]) -> dict[str, Taken]:
    """What each page took."""
    url, process = at
    found = {}
    for page in PAGES:
        if any(name not in names for name in re.findall(r"{(\w+)}", page)):
            continue
        times, work, answer = [], [], None
        for _ in range(TIMES):
            began, before = time.perf_counter(), worked(process)
            answer = client.get(url + page.format(**names), follow_redirects=True)
            times.append((time.perf_counter() - began) * 1e3)
            work.append(worked(process) - before)
        assert answer is not None
        if answer.status_code != 200:
            print(f"{page}: {answer.status_code} {re.sub('<[^>]+>', ' ', answer.text)[-400:]}")
        found[page] = Taken(statistics.median(times), statistics.median(work), len(answer.content))
    return found


def main() -> None:
    """Measure an empty node, fill it, measure it again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--receipts", type=int, default=110_000)
    parser.add_argument("--assets", type=int, default=12_000)
    parser.add_argument("--grants", type=int, default=2_000)
    parser.add_argument("--postgres", action="store_true")
    chosen = parser.parse_args()
    serving = postgres_server.serving() if chosen.postgres else nullcontext()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, serving as server:
        home, chain = Path(folder) / "home", EmbeddedNode(Path(folder) / "chain")
        home.mkdir(mode=0o700)
        database = server.database("big") if server else ""
        chain.start()
        with Rpc(chain.url) as rpc:
            deployments.deploy_missing(Chain(rpc), DEV_KEY)
            with node(home, chain.url, database) as at, entered(at[0]) as client:
                empty = took(client, at, {})
            with closing(Store(opening.for_writing(home, database))) as store:
                (own,) = {account for account, _ in store.parties()}
                big_store.fill(
                    store, own, assets=chosen.assets, grants=chosen.grants, receipts=chosen.receipts, mine=OWN
                )
                names = {
                    kind: store.rows(query, own)[0][0]
                    for kind, query in {
                        "dataset": "SELECT asset FROM grants JOIN assets ON assets.id = grants.asset WHERE issuer = ?"
                        " AND kind = 'dataset' GROUP BY asset ORDER BY count(*) DESC LIMIT 1",
                        "model": "SELECT id FROM assets WHERE kind = 'model' AND owner = ? LIMIT 1",
                        "receipt": "SELECT id FROM receipts WHERE provider = ? LIMIT 1",
                    }.items()
                }
            with node(home, chain.url, database) as at, entered(at[0]) as client:
                full = took(client, at, names)
        chain.stop()
    print(f"{chosen.assets:,} assets, {chosen.receipts:,} receipts, {'Postgres' if server else 'SQLite'}")
    print(f"{'page':34} {'empty ms':>9} {'full ms':>9} {'full cpu ms':>12} {'full kB':>9}")
    for page, one in full.items():
        before = f"{empty[page].ms:9.1f}" if page in empty else " " * 9
        print(f"{page:34} {before} {one.ms:9.1f} {one.cpu_ms:12.1f} {one.size / 1e3:9.1f}")
    print(f"slowest {max(one.ms for one in full.values()):.1f} ms")


if __name__ == "__main__":
    main()

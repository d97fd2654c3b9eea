"""What each page of the console takes on a node with 10,000 datasets and 110,000 receipts, and on one with nothing.

    python bench/console.py [--assets 12000] [--receipts 110000] [--postgres]

The pages come over HTTP, to somebody who is logged in, out of a `freehold up` of its own; the middle one of a few
times is shown in milliseconds, with the size of the page.
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
    "/", "/data", "/data?q=pulse+wine", "/data?sort=name", "/data?sort=-price&state=offered", "/data/{dataset}",
    "/market", "/market?q=needle", "/market?sort=name", "/models", "/models/{model}", "/uses", "/uses?q=pulse",
    "/uses?thing={dataset}", "/uses/{receipt}", "/lineage", "/log", "/requests", "/earnings", "/spending", "/train",
    "/settings", "/backup", "/publish", "/find?q=pulse+wine",
)  # fmt: skip


@contextmanager
def node(home: Path, rpc_url: str, database: str) -> Iterator[str]:
    """A node that runs; its address."""
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
            yield found[0].removesuffix("/")
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


def took(client: httpx.Client, url: str, names: dict[str, str]) -> dict[str, tuple[float, int]]:
    """(milliseconds, bytes) of each page."""
    found = {}
    for page in PAGES:
        if any(name not in names for name in re.findall(r"{(\w+)}", page)):
            continue
        times, answer = [], None
        for _ in range(TIMES):
            began = time.perf_counter()
            answer = client.get(url + page.format(**names), follow_redirects=True)
            times.append(time.perf_counter() - began)
        assert answer is not None
        if answer.status_code != 200:
            print(f"{page}: {answer.status_code} {re.sub('<[^>]+>', ' ', answer.text)[-400:]}")
        found[page] = (statistics.median(times) * 1e3, len(answer.content))
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
            with node(home, chain.url, database) as url, entered(url) as client:
                empty = took(client, url, {})
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
            with node(home, chain.url, database) as url, entered(url) as client:
                full = took(client, url, names)
        chain.stop()
    print(f"{chosen.assets:,} assets, {chosen.receipts:,} receipts, {'Postgres' if server else 'SQLite'}")
    print(f"{'page':34} {'empty ms':>9} {'full ms':>9} {'full kB':>9}")
    for page, (ms, size) in full.items():
        before = f"{empty[page][0]:9.1f}" if page in empty else " " * 9
        print(f"{page:34} {before} {ms:9.1f} {size / 1e3:9.1f}")
    print(f"slowest {max(ms for ms, _ in full.values()):.1f} ms")


if __name__ == "__main__":
    main()

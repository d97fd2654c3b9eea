"""What lists, counts and look-ups take on a node that holds many documents, on SQLite and on Postgres.

    python bench/scale.py [--receipts 110000] [--assets 100000]

Each act runs in a process of its own kind of database, a few times; the middle one of the times is shown, by the
clock and of this process alone, with the most memory that the process ever had.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import big_store  # noqa: E402 - after the path
import postgres_server  # noqa: E402
import pytest  # noqa: E402

from freehold.chain import deployments  # noqa: E402
from freehold.chain.client import Chain  # noqa: E402
from freehold.chain.embedded import DEV_KEY, EmbeddedNode  # noqa: E402
from freehold.chain.rpc import Rpc  # noqa: E402
from freehold.features.data import catalogue, finding  # noqa: E402
from freehold.features.earnings import earning  # noqa: E402
from freehold.features.grants import granting  # noqa: E402
from freehold.features.models import shown  # noqa: E402
from freehold.features.proof import listing  # noqa: E402
from freehold.kernel import listed, selecting, uses  # noqa: E402
from freehold.kernel.databases import copying, opening  # noqa: E402
from freehold.kernel.node import Node  # noqa: E402
from freehold.kernel.own import status  # noqa: E402
from freehold.kernel.registry import everything  # noqa: E402
from freehold.kernel.settings import Settings  # noqa: E402
from freehold.vault.keystore import Keys  # noqa: E402

TIMES = 5
GRANTS = 60


def node_of(home_: Path, rpc_url: str, keys: Keys, database: str) -> Node:
    """The node of a home, on either database."""
    settings = Settings(name="big", rpc_url=rpc_url, database=database)
    node = Node(home_, keys, settings, Chain(Rpc(rpc_url)))
    node.prepare_local_account()
    node.ensure_party("http://127.0.0.1:1")
    return node


def acts(node: Node) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    host = everything().host(node)
    newest = listed.assets(node, limit=1)[0]
    return {
        "status": lambda: status(host),
        "receipts, newest 50": lambda: listing.receipts(node, 50),
        "receipts, newest 100": lambda: listing.receipts(node, 100),
        "lineage": lambda: listing.lineage(node, newest.id),
        "console home: latest uses": lambda: uses.listed(node, uses.NEWEST_FIRST, together=True),
        "console home: earnings": lambda: earning.overview(node),
        "search, all": lambda: finding.search(node, "", ""),
        "search, a common word": lambda: finding.search(node, big_store.COMMON, ""),
        "search, a rare word": lambda: finding.search(node, big_store.RARE, ""),
        "search, nothing": lambda: finding.search(node, "no such word", ""),
        "market: how many": lambda: selecting.count(
            node.store, listed.among_assets(node, others=True, valid_at=node.now())
        ),
        "grants": lambda: granting.overview(node),
        "models": lambda: shown.models(node),
        "asset by name": lambda: listed.named(node, newest.name),
        "asset by prefix": lambda: listed.find(node, newest.id[:16]),
        "last receipt": lambda: listing.find_receipt(node, "last"),
        "last grant": lambda: granting.find(node, "last"),
        "catalogue": lambda: catalogue.offered(node),
    }


def measure(home_: Path, rpc_url: str, database: str) -> None:
    """Print one JSON object: name -> [seconds by the clock, of this process], and the most memory in bytes."""
    found: dict[str, Any] = {}
    keys = Keys(*(bytes.fromhex(one) for one in json.loads((home_ / "keys.json").read_text())))
    node = node_of(home_, rpc_url, keys, database)
    for name, act in acts(node).items():
        took = []
        for _ in range(TIMES):
            began = time.perf_counter(), time.process_time()
            act()
            took.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        found[name] = [statistics.median(one[place] for one in took) for place in (0, 1)]
    node.store.close()
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found))


def main() -> None:
    """Make the store, copy it to a server, measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--receipts", type=int, default=110_000)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--measure", nargs=3, metavar=("HOME", "RPC", "DATABASE"))
    chosen = parser.parse_args()
    if chosen.measure:
        measure(Path(chosen.measure[0]), *chosen.measure[1:])
        return
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, postgres_server.serving() as server:
        home_, chain = Path(folder) / "home", EmbeddedNode(Path(folder) / "chain")
        # a home keeps to its database
        other = Path(folder) / "other"
        for one in (home_, other):
            one.mkdir()
        chain.start()
        with Rpc(chain.url) as rpc:
            deployments.deploy_missing(Chain(rpc), DEV_KEY)
            keys = Keys.generate()
            secrets = (keys.account_key, keys.log_seed, keys.encryption_key)
            for one in (home_, other):
                (one / "keys.json").write_text(json.dumps([secret.hex() for secret in secrets]))
            node = node_of(home_, chain.url, keys, "")
            began = time.monotonic()
            big_store.fill(
                node.store, node.account, assets=chosen.assets, grants=GRANTS, receipts=chosen.receipts
            )
            node.store.close()
            print(
                f"{chosen.receipts:,} receipts and {chosen.assets:,} assets kept in {time.monotonic() - began:.0f} s"
            )
            url = server.database("big")
            began = time.monotonic()
            with (
                closing(opening.for_reading(home_, "")) as source,
                closing(opening.for_writing(other, url)) as target,
                target.transaction() as connection,
            ):
                copying.copy(source, connection)
            print(
                f"copied to Postgres in {time.monotonic() - began:.0f} s; milliseconds by the clock (of this process)"
            )
            found = {
                kind: json.loads(
                    subprocess.run(
                        [sys.executable, __file__, "--measure", where, chain.url, database],
                        check=True, stdout=subprocess.PIPE, text=True,
                    ).stdout
                )
                for kind, where, database in (("SQLite", home_, ""), ("Postgres", other, url))
            }  # fmt: skip
        chain.stop()
    for name in found["SQLite"]:
        if name != "memory":
            both = (
                f"{kind} {took[name][0] * 1e3:7.1f} ({took[name][1] * 1e3:6.1f})"
                for kind, took in found.items()
            )
            print(f"{name:28}", "   ".join(both))
    print(
        "most memory                 ",
        "   ".join(f"{kind} {took['memory'] / 1e6:7.0f} MB" for kind, took in found.items()),
    )


if __name__ == "__main__":
    try:
        main()
    except pytest.skip.Exception as absent:
        sys.exit(str(absent))

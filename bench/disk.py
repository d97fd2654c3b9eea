"""What a hostile identity, then hundreds of fresh ones, add to a node's home and to its text log in a day.

    python bench/disk.py [--seconds 4] [--identities 200]

A real node in a process of its own is sent each kind of request as fast as it answers. What the home holds after
the first half, when all quotas are full, is the bound; what it grows in the second half is extrapolated to a day.
Sizes are those after a checkpoint.
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import node_tables  # noqa: E402 - after the path
from node_process import Process  # noqa: E402
from node_world import World  # noqa: E402
from strangers import Stranger, Target, acts, home_bytes, strangers  # noqa: E402

from freehold.core.signing import Domain  # noqa: E402
from freehold.kernel import pending  # noqa: E402

DAY_SECONDS = 86_400
FILLS = 2 * pending.GRANTS.each
"""More than one identity may leave of any kind."""


def size(node: Process) -> int:
    """Bytes of the home as after a checkpoint."""
    database = node.home / "node.sqlite"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        pages = [reader.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")]
    parts = sum(path.stat().st_size for path in node.home.glob("node.sqlite*"))
    return home_bytes(node.home) - parts + pages[0] * pages[1]


def text(node: Process) -> int:
    """Bytes of the text log."""
    return (node.home.parent / f"{node.name}.log").stat().st_size


def target_of(node: Process) -> Target:
    with httpx.Client(trust_env=False) as client:
        about = client.get(f"{node.url}/.well-known/freehold.json").json()
    domain = Domain("Freehold", about["chain_id"], about["contracts"]["Revocations"])
    return Target(node.url, about["chain_id"], domain, lambda: int(time.time()))


def hammer(act, who: Stranger, seconds: float) -> int:
    """As many requests as are answered in a time, and enough to fill every quota on a slow machine too."""
    ends, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends or count < FILLS:
        act(who, count)
        count += 1
    return count


def one_by_one(node: Process, client: httpx.Client, asset: str, seconds: float) -> None:
    print(f"{'one identity':28} {'requests/s':>10} {'left at once':>13} {'a day more':>11}")
    worst, began, said = 0.0, time.monotonic(), text(node)
    target = target_of(node)
    for name, act in acts(asset).items():
        who = next(strangers(target, client))
        before = size(node)
        done = hammer(act, who, seconds / 2)
        full = size(node)
        done += hammer(act, who, seconds / 2)
        scale = DAY_SECONDS / (seconds / 2)
        grown = (size(node) - full) * scale
        worst = max(worst, full - before + grown)
        print(
            f"{name:28} {done / seconds:10.0f} {(full - before) / 1e3:10.0f} kB {grown / 1e6:8.2f} MB",
            flush=True,
        )
    told = (text(node) - said) * DAY_SECONDS / (time.monotonic() - began)
    print(f"worst of one identity in a day: home {worst / 1e6:.2f} MB, text log {told / 1e6:.2f} MB")


def together(node: Process, client: httpx.Client, asset: str, identities: int) -> None:
    target, before, said = target_of(node), size(node), text(node)
    began, kinds = time.monotonic(), list(acts(asset).values())
    for who in itertools.islice(strangers(target, client), identities):
        for number in range(3):
            for act in kinds:
                act(who, number)
    requests = identities * len(kinds) * 3
    print(
        f"{identities} fresh identities, {requests} requests in {time.monotonic() - began:.0f} s:"
        f" home +{(size(node) - before) / 1e6:.2f} MB, text log +{(text(node) - said) / 1e3:.0f} kB"
    )
    print("bound of all strangers together: 2,000 parties (8 MB), 1,000 grants (8 MB), 500 requests (8 MB)")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--identities", type=int, default=200)
    chosen = parser.parse_args()
    with TemporaryDirectory() as home, httpx.Client(trust_env=False, timeout=60) as client:
        world = World(Path(home) / "world")
        node = Process(Path(home) / "node", world.rpc_url, peer_requests_per_minute=0).start()
        try:
            table = node_tables.write(Path(home) / "table.csv", node_tables.make(40, seed=1))
            asked = {"path": str(table), "label": node_tables.LABEL, "name": "table"}
            asset = node.api("/publish", asked)["asset"]["id"]
            one_by_one(node, client, asset, chosen.seconds)
            together(node, client, asset, chosen.identities)
        finally:
            node.terminate()
            world.close()


if __name__ == "__main__":
    main()

"""What a node takes of a machine: memory at rest and with a table, disk for each call, round, log entry and row.

    python bench/sizing.py [--calls 400]

Real nodes: one as a process of its own for memory, the others in this one for their databases' growth.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from inference_world import PRICE, Hand, Shop  # noqa: E402 - after the path
from node_process import Process  # noqa: E402
from node_world import World, run_job  # noqa: E402

from freehold.core.times import DAY_SECONDS  # noqa: E402
from freehold.features.gateway import pruning  # noqa: E402

if TYPE_CHECKING:
    from freehold.kernel.node import Node

ROWS, COLUMNS = 100_000, 30


def size(node: Node) -> int:
    """Bytes of the database without gaps, which later rows fill."""
    with TemporaryDirectory() as folder, node.store.reading() as connection:
        whole = Path(folder) / "whole"
        connection.execute("VACUUM INTO ?", (str(whole),))
        return whole.stat().st_size


def memory(process: Process, name: str) -> int:
    """MiB of a running process: `VmRSS` now, `VmHWM` at most."""
    assert process._running  # noqa: SLF001 - its process id
    status = Path(f"/proc/{process._running.pid}/status").read_text()  # noqa: SLF001
    return int(status.split(f"{name}:")[1].split()[0]) // 1024


def table(path: Path) -> int:
    """A table of made-up numbers; its bytes."""
    drawn = np.random.default_rng(1)
    cells = np.column_stack([drawn.normal(size=(ROWS, COLUMNS)).round(4), drawn.integers(0, 2, ROWS)])
    names = ",".join([*(f"c{i}" for i in range(COLUMNS)), "outcome"])
    np.savetxt(path, cells, delimiter=",", header=names, comments="", fmt=["%.4f"] * COLUMNS + ["%d"])
    return path.stat().st_size


def with_a_table(folder: Path, rpc_url: str) -> None:
    """Memory of a node as people run it, and what a table takes."""
    process = Process(folder / "alone", rpc_url).start()
    try:
        print(f"a node at rest: {memory(process, 'VmRSS')} MiB")
        taken = table(folder / "large.csv")
        process.api("/publish", {"path": str(folder / "large.csv"), "label": "outcome", "name": "large"})
        sealed = sum(
            path.stat().st_size for path in (folder / "alone" / "blobs").rglob("*") if path.is_file()
        )
        rows = sum(path.stat().st_size for path in (folder / "alone").glob("node.sqlite*"))
        print(
            f"a table of {ROWS:,} rows and {COLUMNS} columns, {taken / 1e6:.0f} MB as CSV:"
            f" {memory(process, 'VmHWM')} MiB at most while it was published,"
            f" {sealed / 1e6:.0f} MB sealed, {rows / ROWS:.0f} bytes a row in the database"
        )
    finally:
        process.terminate()


def of_calls(world: World, calls: int) -> None:
    """Disk of a seller for each call."""
    shop = Shop(world)
    hand = Hand.open(shop, shop.buyer(), deposit=(calls + 1) * PRICE, cap=(calls + 1) * PRICE)
    before = size(shop.builder.node)
    for number in range(calls):
        shop.builder.gateway.predict(shop.body(1, number), hand.voucher((number + 1) * PRICE))
    node = shop.builder.node
    grown, later = size(node) - before, node.now() + 40 * DAY_SECONDS
    node.now = lambda: later  # type: ignore[method-assign] - as if that time had passed
    pruning.prune(node)
    stays = size(node) - before
    print(
        f"a call: {grown / calls:,.0f} bytes at its seller while its answer is kept for a retry,"
        f" {stays / calls:,.0f} for good"
    )


def of_rounds(world: World) -> None:
    """Disk of an owner and of the builder for each round, and for each log entry."""
    owners, builder = world.owners(3, price_units=0), world.party("trainer")
    owner = owners[0].node
    run_job(builder, owners, rounds=2, epsilon_micro=10_000_000)
    marks = [size(owner), size(builder.node)]
    run_job(builder, owners, rounds=2, name="short", epsilon_micro=10_000_000)
    short = [size(owner) - marks[0], size(builder.node) - marks[1]]
    marks = [size(owner), size(builder.node)]
    run_job(builder, owners, rounds=42, name="long", epsilon_micro=10_000_000)
    long = [size(owner) - marks[0], size(builder.node) - marks[1]]
    each = [(more - less) / 40 for more, less in zip(long, short, strict=True)]
    print(f"a round of three owners: {each[0]:,.0f} bytes at an owner, {each[1]:,.0f} at the builder")
    before = size(owner)
    with owner.store.transaction() as tx:
        for number in range(10_000):
            tx.log.append(b'{"id":"0x%064x","type":"receipt"}' % number)
    print(f"a log entry: {(size(owner) - before) / 10_000:,.0f} bytes, without its document")


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=400)
    given = options.parse_args()
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            with_a_table(Path(folder), world.rpc_url)
            of_calls(world, given.calls)
            of_rounds(world)
        finally:
            world.close()


if __name__ == "__main__":
    main()

"""Calls per second of the paid gateway, beside the limits that no gateway can pass.

    python bench/inference.py [--calls 300] [--threads 4]

Each call carries a fresh voucher and gets a signed, logged receipt in a durable transaction. The
limits: one signature recovered and one made per call on one core, and one flush of the disk.
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from inference_world import PRICE, Hand, Shop  # noqa: E402 - after the path
from node_world import TOKEN, World  # noqa: E402

from freehold.core.signing import recover, sign_digest  # noqa: E402
from freehold.kernel.http import app  # noqa: E402


def rate(count: int, act: Callable[[int], object]) -> float:
    """Acts per second."""
    started = time.perf_counter()
    for i in range(count):
        act(i)
    return count / (time.perf_counter() - started)


def signature_limit(count: int = 2_000) -> float:
    """Signatures recovered and made, one of each, per second."""
    key, digest = b"\x01" * 32, b"\x02" * 32
    signature = sign_digest(key, digest)
    return rate(count, lambda _: (recover(digest, signature), sign_digest(key, digest)))


def flush_limit(home: Path, count: int = 300) -> float:
    """Durable one-row transactions per second."""
    database = sqlite3.connect(home / "flush.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE rows (value BLOB)")
    result = rate(count, lambda _: database.execute("INSERT INTO rows VALUES (?)", (b"\x00" * 2_000,)))
    database.close()
    return result


def gateway(shop: Shop, hand: Hand, calls: int) -> float:
    """Calls in this thread, without HTTP."""
    vouchers = [hand.voucher((i + 1) * PRICE) for i in range(calls)]
    bodies = [shop.body(1, i) for i in range(calls)]
    serve = shop.builder.gateway.predict
    return rate(calls, lambda i: serve(bodies[i], vouchers[i]))


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    """The builder's application on a socket of its own; yields its URL."""
    # asyncio switches Nagle's delay off only where the protocol is named
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app.guarded(shop.builder.services, TOKEN), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def over_http(shop: Shop, url: str, hands: list[Hand], calls: int) -> float:
    """Calls over HTTP with kept connections, one channel a thread."""
    work = [
        [(shop.body(1, i), hand.voucher((i + 1) * PRICE)) for i in range(calls // len(hands))]
        for hand in hands
    ]

    def ask(mine: list[tuple[bytes, str]]) -> None:
        with httpx.Client(trust_env=False, timeout=30) as client:
            for body, voucher in mine:
                headers = {"Freehold-Payment": voucher}
                response = client.post(f"{url}/v1/predict", content=body, headers=headers)
                response.raise_for_status()

    threads = [threading.Thread(target=ask, args=(mine,)) for mine in work]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(map(len, work)) / (time.perf_counter() - started)


def measure(calls: int, threads: int) -> dict[str, float]:
    """Rates per second, and their ratio to the limit of signatures."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            shop = Shop(world)
            payer = shop.buyer()
            room = {"deposit": (calls + 1) * PRICE, "cap": (calls + 1) * PRICE}
            hands = [Hand.open(shop, payer, **room) for _ in range(threads + 2)]
            signatures, flushes = signature_limit(), flush_limit(Path(folder))
            alone = gateway(shop, hands[0], calls)
            with served(shop) as url:
                one = over_http(shop, url, hands[1:2], calls)
                many = over_http(shop, url, hands[2:], calls)
        finally:
            world.close()
    return {
        "signatures_per_second": round(signatures),
        "flushes_per_second": round(flushes),
        "gateway_calls_per_second": round(alone),
        "http_calls_per_second": round(one),
        f"http_calls_per_second_{threads}_channels": round(many),
        "gateway_share_of_signature_limit": round(alone / signatures, 3),
    }


def main() -> None:
    """Measure and print one JSON object."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=300)
    options.add_argument("--threads", type=int, default=4)
    given = options.parse_args()
    print(json.dumps(measure(given.calls, given.threads), indent=2))


if __name__ == "__main__":
    main()

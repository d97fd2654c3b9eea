"""The transparency log against the hash rate it cannot beat, at several sizes.

Run: python bench/log.py
"""

import hashlib
import sqlite3
import tempfile
import time
from pathlib import Path

from freehold.log.store import TABLES, LogStore

ENTRY = b'{"id":"0x' + b"ab" * 32 + b'","type":"receipt"}'
SIZES = (1_000, 10_000, 100_000, 400_000)


def hash_rate():
    start = time.perf_counter()
    for _ in range(300_000):
        hashlib.sha256(b"\1" + bytes(64)).digest()
    return 300_000 / (time.perf_counter() - start)


def appends(connection, log, count):
    start = time.perf_counter()
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        log.append(ENTRY)
        connection.execute("COMMIT")
    return (time.perf_counter() - start) / count


def proofs(log, size):
    start = time.perf_counter()
    for index in range(0, size, max(1, size // 500)):
        log.inclusion_proof(index, size)
    return (time.perf_counter() - start) / len(range(0, size, max(1, size // 500)))


def main():
    limit = hash_rate() / 2
    print(f"limit, two SHA-256 an entry: {limit:,.0f} entries/s")
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "log.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        for statement in TABLES:
            connection.execute(statement)
        log, size = LogStore(connection), 0
        for target in SIZES:
            connection.execute("BEGIN IMMEDIATE")
            start = time.perf_counter()
            log.extend([ENTRY] * (target - size))
            rate = (target - size) / (time.perf_counter() - start)
            connection.execute("COMMIT")
            one = appends(connection, log, 200)
            size = target + 200
            print(
                f"{target:>8,} entries: {rate:>9,.0f}/s in bulk ({rate / limit:.0%} of the limit), "
                f"one durable append {one * 1e6:,.0f} us, inclusion proof {proofs(log, size) * 1e6:,.0f} us"
            )


if __name__ == "__main__":
    main()

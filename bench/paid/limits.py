"""What no seller of signed receipts can pass on this machine: its disk's flush, and two signatures."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from freehold.core.signing import recover, sign_digest

PAGE = bytes(4096)


def median_seconds(act: Callable[[], object], times: int) -> float:
    """Of one act."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def flush_seconds(folder: Path, times: int = 100) -> float:
    """4 KiB appended to a file and synced."""
    with (folder / "flush").open("ab", buffering=0) as file:

        def act() -> None:
            file.write(PAGE)
            os.fsync(file.fileno())

        return median_seconds(act, times)


def signature_seconds(times: int = 300) -> float:
    """One signature recovered and one made, as a voucher and its receipt need."""
    key, digest = b"\x01" * 32, b"\x02" * 32
    signature = sign_digest(key, digest)
    return median_seconds(lambda: (recover(digest, signature), sign_digest(key, digest)), times)

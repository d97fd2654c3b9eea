"""How long a person waits for `freehold --help`, and for `freehold verify` of nothing.

Run: python bench/startup.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

FREEHOLD = Path(sys.executable).with_name("freehold")


def seconds(*arguments):
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([FREEHOLD, *arguments], capture_output=True, check=False)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    print(f"freehold --help: {seconds('--help') * 1e3:.0f} ms, median of 7")
    print(f"freehold train --help: {seconds('train', '--help') * 1e3:.0f} ms, median of 7")


if __name__ == "__main__":
    main()

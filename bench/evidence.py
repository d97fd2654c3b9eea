"""How long a stranger needs to check one answer, with the package and with the standalone program.

Run: python bench/evidence.py [DIR]; without DIR the newest quickstart's evidence is used.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FREEHOLD = Path(sys.executable).with_name("freehold")


def newest():
    found = sorted(Path.home().glob(".freehold/quickstart/*/evidence"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit("run `make quickstart ARGS=--exit` first, or name an evidence directory")
    return found[-1]


def seconds(command):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else newest()
    files = [path for path in directory.rglob("*") if path.is_file()]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes")
    print(f"freehold verify: {seconds([FREEHOLD, 'verify', directory]):.2f} s")
    standalone = seconds([sys.executable, ROOT / "examples" / "verify_standalone.py", directory])
    print(f"examples/verify_standalone.py: {standalone:.2f} s")


if __name__ == "__main__":
    main()

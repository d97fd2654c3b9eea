"""How long a stranger needs to check one answer, with the package and with the standalone program.

Run: python bench/evidence.py [DIR]; without DIR a quickstart is run for its evidence.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FREEHOLD = Path(sys.executable).with_name("freehold")


def seconds(command):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    with tempfile.TemporaryDirectory() as home:
        if len(sys.argv) > 1:
            measure(Path(sys.argv[1]))
        else:
            subprocess.run(
                [FREEHOLD, "quickstart", "--exit", "--home", home], capture_output=True, check=True
            )
            measure(next(Path(home).glob("quickstart/*/evidence")))


def measure(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes")
    print(f"freehold verify: {seconds([FREEHOLD, 'verify', directory]):.2f} s")
    standalone = seconds([sys.executable, ROOT / "examples" / "verify_standalone.py", directory])
    print(f"examples/verify_standalone.py: {standalone:.2f} s")


if __name__ == "__main__":
    main()

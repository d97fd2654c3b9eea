"""What `make setup` installs on a fresh machine: MB in all, the largest packages, how many, and in what time.

Run: python bench/environment.py [--python PYTHON] [--most MB]

A copy of what the recipe needs is set up in a temporary folder, so that the checkout's own environment stays as it is.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK_BYTES = 512
"""Of which the file system counts what a file takes, as `du` does."""


def copied(into):
    """What git knows of the checkout, as it stands there now."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in filter(None, (one.decode() for one in names)):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes((ROOT / name).read_bytes())


def taken(path):
    """Bytes on the disk, folders with them."""
    return sum(one.lstat().st_blocks for one in (path, *path.rglob("*"))) * BLOCK_BYTES


def packages(site):
    """Bytes on the disk by package; what was compiled of a file counts with it."""
    sizes = Counter()
    for one in distributions(path=[str(site)]):
        files = {Path(one.locate_file(file)) for file in one.files or ()}
        sizes[f"{one.name} {one.version}"] = sum(
            file.lstat().st_blocks * BLOCK_BYTES for file in files if file.exists()
        )
    return sizes


def main():
    asked = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    asked.add_argument("--python", default=sys.base_prefix + "/bin/python3", help="with which to make it")
    asked.add_argument("--most", type=int, default=330, metavar="MB", help="more than this is a failure")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "freehold"
        checkout.mkdir()
        copied(checkout)
        start = time.perf_counter()
        subprocess.run(
            ["make", "-s", "setup", f"PYTHON={given.python}"],
            cwd=checkout,
            check=True,
            stderr=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - start
        whole = taken(checkout / ".venv") / (1 << 20)
        (site,) = (checkout / ".venv").glob("lib/python*/site-packages")
        found = packages(site)
    print(f"{whole:.0f} MB in {len(found)} packages, made in {seconds:.0f} s; at most {given.most} MB")
    for name, size in found.most_common(10):
        print(f"{size / (1 << 20):6.1f} MB  {name}")
    sys.exit(whole > given.most)


if __name__ == "__main__":
    main()

"""`python -m bench [NAME ...]`: run the measurements behind the figures in the documentation.

Each file here also runs alone: `python bench/log.py`. Without names all of them run, one after the other,
but for the mutation run, which takes hours and is asked for by its name.
"""

import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ASKED_FOR = {"mutation"}


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def main():
    known = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    chosen = sys.argv[1:] or [name for name in known if name not in ASKED_FOR]
    unknown = set(chosen) - set(known)
    if unknown:
        sys.exit(f"no measurement called {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, Python {platform.python_version()}, {platform.system()}"
    )
    for name in chosen:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, HERE / f"{name}.py"], check=True)


if __name__ == "__main__":
    main()

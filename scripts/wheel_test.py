"""Whether the built wheel runs: `python scripts/wheel_test.py dist/freehold-*.whl [--python 3.13 ...]`.

For each Python that is here, in an environment of its own: the committed lock is installed, checked by hash, then
the wheel beside it; the quickstart runs in an empty home, and what it leaves is verified by the same program.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")


def interpreter(version: str) -> Path | None:
    """A Python of this version: the one that runs this, one on the path, or one of pyenv's."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(
        roots.glob(f"{version}.*"), key=lambda path: [int(n) for n in path.name.split(".") if n.isdigit()]
    )
    named = shutil.which(f"python{version}")
    # what pyenv puts on the path answers only for the version that is chosen there
    for found in [*(one / "bin" / "python" for one in reversed(kept)), *([Path(named)] if named else [])]:
        done = subprocess.run([found, "-c", "import ensurepip, venv"], capture_output=True, check=False)
        if done.returncode == 0:
            return found
    return None


def run(*command: object, home: Path) -> str:
    """What a command prints. Ends this program where it fails or takes ten minutes."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("FREEHOLD", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=home,
        env={**keep, "HOME": str(home)},
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def try_out(wheel: Path, python: Path, place: Path) -> str:
    """Install, run, verify; what was found, in one line."""
    began = time.monotonic()
    home = place / "home"
    home.mkdir()
    subprocess.run([python, "-m", "venv", place / "venv"], check=True)
    made = place / "venv" / "bin" / "python"
    pip = (made, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", home=home)
    run(*pip, "--no-deps", wheel, home=home)
    run(made, "-m", "pip", "check", home=home)
    installed = time.monotonic() - began
    freehold = place / "venv" / "bin" / "freehold"
    version = run(freehold, "--version", home=home).strip()
    run(made, "-m", "freehold", "quickstart", "--exit", "--home", "world", home=home)
    [evidence] = home.glob("world/**/evidence/manifest.json")
    run(freehold, "verify", evidence.parent, home=home)
    whole = time.monotonic() - began
    return (
        f"{version}, installed in {installed:.0f} s, quickstart and verification in {whole - installed:.0f} s"
    )


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("wheel", type=Path)
    asked.add_argument("--python", action="append", choices=VERSIONS, help="only this version; repeatable")
    given = asked.parse_args()
    tried = 0
    for version in given.python or VERSIONS:
        python = interpreter(version)
        if python is None:
            print(f"Python {version}: left out, it is not installed here", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="freehold-wheel-") as place:
            print(f"Python {version}: {try_out(given.wheel.resolve(), python, Path(place))}", flush=True)
        tried += 1
    return 0 if tried else 1


if __name__ == "__main__":
    sys.exit(main())

"""The measurements behind the figures in the documentation.

Without names all of them run, one after the other, but for the mutation run, which takes hours, and the contracts of
others, which have to be fetched. Each file here also runs alone, and takes options then: `python bench/log.py`.
"""

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ASKED_FOR = {"gas_of_others", "mutation"}
NEEDS = ("pytest", "numpy", "hypothesis", "sklearn")
"""Some of what the tests need, and with it the measurements."""


def known():
    """What each measurement finds out, by its name."""
    files = (path for path in sorted(HERE.glob("*.py")) if not path.stem.startswith("_"))
    return {path.stem: ast.get_docstring(ast.parse(path.read_text())).split("\n")[0] for path in files}


def machine():
    names = [platform.processor() or platform.machine()]
    if (said := Path("/proc/cpuinfo")).exists():
        found = [
            line.split(":", 1)[1] for line in said.read_text().splitlines() if line.startswith("model name")
        ]
        names = [f"{len(found)} x {found[0].strip()}"] if found else names
    return f"{names[0]}, Python {platform.python_version()}, {platform.system()}"


def measured(name, quiet):
    """What one printed, with what is needed to read it; its output is shown meanwhile."""
    began, lines = time.monotonic(), []
    command = [sys.executable, HERE / f"{name}.py"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as run:
        for line in run.stdout:
            lines.append(line.rstrip("\n"))
            print(line, end="", flush=True, file=sys.stderr if quiet else sys.stdout)
    return {
        "command": f"python -m bench {name}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "seconds": round(time.monotonic() - began, 1),
        "exit_code": run.returncode,
        "output": lines,
    }


def save(name, one):
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    if path.exists() and (kept := json.loads(path.read_text()).get("kept")):
        # of a quieter machine; whoever shows the new times takes it out
        one = {**one, "kept": kept}
    path.write_text(json.dumps(one, indent=1, ensure_ascii=False) + "\n")


def arguments(names):
    asked = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("names", nargs="*", metavar="NAME", help="which to run; see --list")
    asked.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    asked.add_argument("--json", action="store_true", help="print exactly one JSON object on stdout")
    asked.add_argument("--save", action="store_true", help="keep what was measured in bench/results")
    given = asked.parse_args()
    if unknown := sorted(set(given.names) - set(names)):
        asked.error(f"no measurement called {', '.join(unknown)}; there are: {', '.join(names)}")
    return given


def main():
    about = known()
    given = arguments(about)
    if given.list:
        shown = [f"{name:22}{said}" for name, said in about.items()]
        print(json.dumps(about, indent=1) if given.json else "\n".join(shown))
        return 0
    if absent := [name for name in NEEDS if find_spec(name) is None]:
        sys.exit(
            f"measurements need what the tests need, and {', '.join(absent)} is not here: make setup-dev"
        )
    found = {}
    if not given.json:
        print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}")
    for name in given.names or [name for name in about if name not in ASKED_FOR]:
        if not given.json:
            print(f"\n== {name}", flush=True)
        found[name] = measured(name, quiet=given.json)
        if found[name]["exit_code"] == 0 and given.save:
            save(name, found[name])
    if given.json:
        print(json.dumps(found, indent=1))
    failed = [name for name, one in found.items() if one["exit_code"]]
    if failed:
        print(f"did not end well: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

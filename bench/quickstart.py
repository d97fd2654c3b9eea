"""The main job from a cold start, several times: nine processes, one model, one hundred paid answers.

Wall and processor seconds are those of the whole command, from its start to its end, and of all its processes. The
floors beside them: nine interpreters that do nothing, and nine that load a node's code.

Run: python bench/quickstart.py [RUNS]
"""

import json
import sys
import tempfile
from pathlib import Path

from _timing import interleaved, of_command, row
from startup import LIBRARIES, NODE

FREEHOLD = Path(sys.executable).with_name("freehold")
LIMITS = "at most 9 s wall on an idle machine, 14 s CPU"


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    reports = []

    def played():
        with tempfile.TemporaryDirectory() as home:
            took, said = of_command([FREEHOLD, "quickstart", "--exit", "--json", "--home", home])
        reports.append(json.loads(said))
        return took

    acts = {"the quickstart": played}
    for code in ("pass", LIBRARIES, NODE):
        acts[code] = lambda code=code: of_command([sys.executable, "-c", code])[0]
    found = interleaved(runs, acts)
    report = reports[-1]
    count = report["processes"]
    print(f"medians of {runs} interleaved runs; to reach: {LIMITS}")
    print(row("the quickstart", found["the quickstart"]))
    floors = {
        "pass": "processes that do nothing",
        LIBRARIES: "that load the libraries alone",
        NODE: "that load a node's code",
    }
    for code, said in floors.items():
        print(row(f"{count} {said}", [(wall * count, cpu * count) for wall, cpu in found[code]]))
    print(f"processes: {count}, receipts: {report['receipts']}, calls: {report['buyer']}")
    print(f"model: {report['model']}")
    for owner in report["owners"]:
        print(f"  {owner}")
    print(f"revenue: {report['revenue']}")
    print(f"gas: {json.dumps(report['gas'], indent=1)}")


if __name__ == "__main__":
    main()

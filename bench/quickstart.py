"""The main job from a cold start, several times: nine processes, one model, one hundred paid answers.

Run: python bench/quickstart.py [RUNS]
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FREEHOLD = Path(sys.executable).with_name("freehold")


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    walls, reports = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as home:
            command = [FREEHOLD, "quickstart", "--exit", "--json", "--home", home]
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            walls.append(time.perf_counter() - start)
        reports.append(json.loads(done.stdout))
    report = reports[-1]
    print(f"seconds: median {statistics.median(walls):.1f}, worst {max(walls):.1f} of {runs} runs")
    print(f"processes: {report['processes']}, receipts: {report['receipts']}, calls: {report['buyer']}")
    print(f"model: {report['model']}")
    for owner in report["owners"]:
        print(f"  {owner}")
    print(f"revenue: {report['revenue']}")
    print(f"gas: {json.dumps(report['gas'], indent=1)}")


if __name__ == "__main__":
    main()

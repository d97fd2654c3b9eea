"""How often two verifiers that share no code say the same of altered evidence, and how fast they say it.

Run: python bench/evidence_differences.py [N] [SEED]
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests" / "faults"), str(ROOT / "tests" / "support")]


def main():
    from evidence_comparison import compare

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    before = time.process_time()
    found = compare(sys.argv[2] if len(sys.argv) > 2 else "bench", count)
    busy = time.process_time() - before
    print(f"{found.bundles:,} altered bundles: {dict(found.verdicts)}")
    print(
        f"{len(found.faults)} differences, {found.seconds:.0f} s ({found.bundles / busy:.0f} a processor second)"
    )
    for reason, number in found.harmless.most_common():
        print(f"  {number:>5}  as before: {reason}")
    for fault in found.faults[:20]:
        print(f"  {fault}")
    sys.exit(bool(found.faults))


if __name__ == "__main__":
    main()

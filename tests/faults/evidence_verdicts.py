"""What the package and the standalone program say of evidence: of the first fault, the same file."""

from __future__ import annotations

import sys
from pathlib import Path

from freehold.evidence.replaying import replay
from freehold.evidence.verify import verify

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.append(str(EXAMPLES))
import verify_standalone  # noqa: E402


def alone(bundle, trusted=None):
    """The first file that the standalone verifier finds broken, None where all holds."""
    try:
        for _ in verify_standalone.checks(bundle.files, trusted):
            pass
    except Exception:  # noqa: BLE001 - as the program does: whatever evidence breaks on is a fault of its file
        return verify_standalone.E.file
    return None


def broken(bundle, trusted=None):
    """(check, file) of every failure; of the first, both verifiers must name the same file."""
    report = verify(bundle, replay=replay, trusted_block_hash=trusted)
    package = [(check.name, check.file) for check in report.checks if not check.ok]
    assert report.ok == (not package)
    assert alone(bundle, trusted) == (package[0][1] if package else None), (package, report.checks[-1].detail)
    return package


def agree(bundle):
    """Whether the evidence holds; both must say the same."""
    report = verify(bundle, replay=replay)
    found = alone(bundle)
    assert report.ok == (found is None), (found, [check for check in report.checks if not check.ok])
    return report.ok

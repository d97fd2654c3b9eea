"""What the package and the standalone program say of evidence: of the first fault, the same file."""

from __future__ import annotations

import sys
from pathlib import Path

from freehold.features.training.checks.replaying import replay
from freehold.kernel.evidence.verify import verify

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.append(str(EXAMPLES))
import verify_standalone  # noqa: E402

_check_signed, _good = verify_standalone.check_signed, dict[tuple, str]()


def _once(document, signatures):
    """As the program does; the same signatures under the same document are not computed again."""
    evidence, encode = verify_standalone.E, verify_standalone.jcs
    key = encode(document), encode(signatures), evidence.chain_id, evidence.contracts["Revocations"]
    if key not in _good or not all(one.signer in evidence.keys for one in signatures):
        _good[key] = _check_signed(document, signatures)
    return _good[key]


verify_standalone.check_signed = _once


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
    report = verify(bundle, trusted_block_hash=trusted)
    package = [(check.name, check.file) for check in report.checks if not check.ok]
    assert report.ok == (not package)
    assert alone(bundle, trusted) == (package[0][1] if package else None), (package, report.checks[-1].detail)
    return package


def verdict(bundle, trusted=None, *, replay=replay):
    """What both verifiers say: "holds", "no_lineage", "newer" or "fails"; they must say the same."""
    report = verify(bundle, rules={"training.replay": replay}, trusted_block_hash=trusted)
    try:
        groups = list(verify_standalone.checks(bundle.files, trusted))
        found = "no_lineage" if verify_standalone.NO_LINEAGE in groups else "holds"
    except verify_standalone.Newer:
        found = "newer"
    except Exception:  # noqa: BLE001 - as the program does: whatever evidence breaks on is a fault of its file
        found = "fails"
    broken = [check for check in report.checks if not check.ok]
    assert report.verdict == found, (found, verify_standalone.E.file, broken)
    return found


def agree(bundle):
    """Whether the evidence holds; both must say the same."""
    return verdict(bundle) == "holds"

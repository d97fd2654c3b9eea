"""Evidence of one answer: written, checked from its files alone, then checked with one field changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.canonical import canonical_bytes
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.verify import verify
from freehold.quickstart.patience import Patient


def prove(node: Patient, receipt: str, rpc_url: str, directory: Path) -> dict[str, Any]:
    """`{receipt, verify: {ok, checks, files, ...}, tamper: {detected, named}}`.

    The chain is asked for one thing, the hash of the block that everything else hangs on.
    """
    answer = node.post("/api/evidence", {"receipt": receipt})
    files = answer["files"]
    bundle = _written(
        Bundle.from_json(files if "files" in files else {"files": files}), directory / "evidence"
    )
    with Rpc(rpc_url) as rpc:
        report = verify(bundle, chain=Chain(rpc))
    changed = _written(_with_cheaper_receipt(bundle, receipt), directory / "evidence-tampered")
    broken = [check for check in verify(changed).checks if not check.ok]
    return {
        "receipt": receipt,
        "verify": {
            "ok": report.ok,
            "checks": len(report.checks),
            "files": len(bundle.files),
            "bytes": sum(map(len, bundle.files.values())),
            "block_hash": report.block_hash,
            "outcomes": [
                {"name": check.name, "ok": check.ok, "detail": check.detail} for check in report.checks
            ],
        },
        "tamper": {
            "detected": bool(broken),
            "named": f"{broken[0].name}: {broken[0].file} {broken[0].detail}" if broken else "",
        },
    }


def _with_cheaper_receipt(bundle: Bundle, receipt_id: str) -> Bundle:
    """The same files, but the receipt says that one unit less was paid; still canonical JSON."""
    path = f"documents/{receipt_id}.json"
    envelope = json.loads(bundle.files[path])
    for line in envelope["document"]["money"]:
        line["delta_units"] += 1 if line["delta_units"] < 0 else -1
    return Bundle({**bundle.files, path: canonical_bytes(envelope)})


def _written(bundle: Bundle, directory: Path) -> Bundle:
    """Write files and read them back, so that what is checked is what lies on disk."""
    bundle.write(directory)
    return Bundle.read(directory)

"""Evidence of one answer: written, checked from its files alone, then checked with one field changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.verify import verify
from freehold.quickstart import tampering
from freehold.quickstart.scene import Control


def prove(node: Control, receipt: str, rpc_url: str, directory: Path) -> dict[str, Any]:
    """`{receipt, verify: {ok, checks, files, ...}, tamper: {detected, named}}`.

    The chain is asked for one thing, the hash of the block that everything else hangs on.
    """
    answer = node.post("/api/evidence", {"receipt": receipt})
    files = answer["files"]
    bundle = tampering.write(
        Bundle.from_json(files if "files" in files else {"files": files}), directory / "evidence"
    )
    with Rpc(rpc_url) as rpc:
        report = verify(bundle, chain=Chain(rpc))
    changed = tampering.write(
        tampering.with_cheaper_receipt(bundle, receipt), directory / "evidence-tampered"
    )
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

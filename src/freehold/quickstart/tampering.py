"""A copy of evidence in which one field is changed, to show that the verifier names it."""

from __future__ import annotations

import json
from pathlib import Path

from freehold.core.canonical import canonical_bytes
from freehold.kernel.evidence.bundle import Bundle


def with_cheaper_receipt(bundle: Bundle, receipt_id: str) -> Bundle:
    """The same files, but the receipt says that one unit less was paid; still canonical JSON."""
    path = f"documents/{receipt_id}.json"
    envelope = json.loads(bundle.files[path])
    for line in envelope["document"]["money"]:
        line["delta_units"] += 1 if line["delta_units"] < 0 else -1
    return Bundle({**bundle.files, path: canonical_bytes(envelope)})


def write(bundle: Bundle, directory: Path) -> Bundle:
    """Write files and read them back, so that what is checked is what lies on disk."""
    bundle.write(directory)
    return Bundle.read(directory)

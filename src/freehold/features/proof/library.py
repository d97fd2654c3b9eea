"""Proof from Python, where that is more than an operation."""

from __future__ import annotations

from pathlib import Path

from freehold import plain_file
from freehold.core import causes
from freehold.features.proof import wire
from freehold.kernel.client import Identified, Performs


class Methods(Performs):
    """Methods that do more than their operation."""

    def evidence(self, receipt: str | Identified, directory: str | Path) -> wire.EvidenceWritten:
        """Write the public files that prove one answer into a new directory; "last" is the newest answer."""
        from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415 - takes 0.3 s to load

        found: wire.EvidenceFiles = self._perform(wire.EVIDENCE, receipt=receipt)
        bundle, target = Bundle.from_json({"files": found.files}), plain_file.named(directory)
        with causes.explained("write the evidence"):
            bundle.write(target)
        return wire.EvidenceWritten.of(target, bundle.files)

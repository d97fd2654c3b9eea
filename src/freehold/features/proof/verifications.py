"""Verifying a receipt in the background while its page shows each check as it is done."""

from __future__ import annotations

import logging
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from freehold.core.errors import FreeholdError
from freehold.features.proof.examining import GATHERED, Finding, examine

if TYPE_CHECKING:
    from freehold.kernel.evidence.bundle import Bundle
    from freehold.kernel.host import Host

MAX_KEPT = 2
"""Per session; one more forgets the oldest, with its evidence."""
_PIECE_BYTES = 64 * 1024
_log = logging.getLogger("freehold")

TITLES = {
    "receipt.stored": "Your copy is unchanged",
    "receipt.signed": "Both sides signed",
    "receipt.parties": "They are who they say",
    "receipt.grant": "The use was allowed",
    "log.entry": "It stands in your log",
    "log.inclusion": "The log leads to it",
    "log.anchored": "The log is anchored",
    "evidence.gathered": "All evidence gathered",
    "manifest.signature": "The evidence is signed",
    "manifest.files": "No file is missing or changed",
    "documents.ids": "Every document is what its name says",
    "documents.parties": "Every party is known",
    "documents.signatures": "Every signature is genuine",
    "documents.subject": "It is about this receipt",
    "documents.unknown": "Some documents count for nothing here",
    "chain.contracts": "The right contracts",
    "chain.state": "The chain's state is proven",
    "chain.id": "It is the chain of this node",
    "chain.block": "The block is on the chain",
    "logs.checkpoints": "Every log is signed by its keeper",
    "logs.anchors": "Every log is anchored",
    "logs.inclusion": "Every document stands in a log",
    "logs.order": "Things happened in order",
    "grants.terms": "Every grant keeps to the owner's terms",
    "grants.bought": "Every grant was paid",
    "receipts.use": "Every use was allowed",
    "receipts.money": "The money adds up",
    "revocation.standing": "Nothing was used after it was taken back",
    "times.anchors": "Nothing is dated ahead",
    "times.order": "Nothing is dated back",
    "times.revocation": "No use is dated after it was taken back",
    "model.lineage": "The model shows where it came from",
    "training.claims": "The run is told as a whole",
    "training.order": "The test was fixed before training",
    "training.grants": "Every owner agreed to this very run",
    "training.stamp": "The chain says when the plan was made",
    "training.receipts": "Every round has its receipts",
    "training.replay": "Training, computed again, gives the same",
    "training.model": "It is the model that was trained",
    "training.terms": "The model keeps to the owners' terms",
    "valuation.test": "The test table is the one promised",
    "valuation.shares": "The shares, computed again, are the same",
    "valuation.quality": "The model is as good as it says",
    "valuation.agreements": "Most owners computed the same shares",
    "valuation.lineage": "The model names all its data",
    "valuation.split": "The split on the chain pays those shares",
}


class Verification:
    """One receipt being examined, or examined."""

    def __init__(self, host: Host, receipt_id: str) -> None:
        self.receipt_id = receipt_id
        self.findings: list[Finding] = []
        self.bundle: Bundle | None = None
        self.done = False
        self._thread = threading.Thread(target=self._run, args=(host,), name="verify a receipt", daemon=True)
        self._thread.start()

    def _run(self, host: Host) -> None:
        try:
            self.bundle = examine(host, self.receipt_id, self.findings.append)
        except FreeholdError as error:
            self.findings.append(Finding(GATHERED, "bad", error.said))
        except Exception:  # noqa: BLE001 - a thread has no caller: the page says so
            _log.exception("verifying %s failed", self.receipt_id[:10])
            detail = "something went wrong here; the node's log says what"
            self.findings.append(Finding(GATHERED, "bad", detail))
        self.done = True

    @property
    def verdict(self) -> str:
        """running, good, bad or open."""
        if not self.done:
            return "running"
        outcomes = {finding.outcome for finding in self.findings}
        return "bad" if "bad" in outcomes else "open" if "open" in outcomes else "good"

    @property
    def named_failure(self) -> Finding | None:
        """The first check that failed."""
        return next((finding for finding in self.findings if finding.outcome == "bad"), None)


class Verifications:
    """Those of one session."""

    def __init__(self) -> None:
        self._kept: dict[str, Verification] = {}
        self._lock = threading.Lock()

    def begin(self, host: Host, receipt_id: str) -> Verification:
        """Examine now; one that runs already is not begun again."""
        with self._lock:
            known = self._kept.get(receipt_id)
            if known and not known.done:
                return known
            self._kept.pop(receipt_id, None)
            while len(self._kept) >= MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            made = self._kept[receipt_id] = Verification(host, receipt_id)
            return made

    def get(self, receipt_id: str) -> Verification | None:
        """The last one of a receipt."""
        with self._lock:
            return self._kept.get(receipt_id)


def zipped(bundle: Bundle, folder: str) -> Iterator[bytes]:
    """The files of evidence as a zip, a piece at a time; never twice in memory."""
    with tempfile.TemporaryFile() as sink:
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(bundle.files):
                # a fixed date: the same evidence is the same file
                entry = zipfile.ZipInfo(f"{folder}/{path}", (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, bundle.files[path])
        sink.seek(0)
        yield from iter(lambda: sink.read(_PIECE_BYTES), b"")

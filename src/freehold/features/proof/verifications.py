"""Verifying a receipt or model in the background while its page shows each check as it is done."""

from __future__ import annotations

import logging
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from freehold.core.errors import FreeholdError
from freehold.core.texts import said
from freehold.features.proof.examining import GATHERED, Finding, examine
from freehold.kernel.limits import Busy
from freehold.kernel.web.words import problem

if TYPE_CHECKING:
    from freehold.kernel.evidence.bundle import Bundle
    from freehold.kernel.host import Host

MAX_KEPT = 2
"""Per session; one more forgets the oldest, with its evidence."""
_PIECE_BYTES = 64 * 1024
_log = logging.getLogger("freehold")

TITLES = {
    "receipt.stored": said("Your copy is unchanged"),
    "receipt.signed": said("Both sides signed"),
    "receipt.parties": said("They are who they say"),
    "receipt.grant": said("The use was allowed"),
    "log.entry": said("It stands in your log"),
    "log.inclusion": said("The log leads to it"),
    "log.anchored": said("The log is anchored"),
    "evidence.read": said("The file could be read"),
    "evidence.gathered": said("All evidence gathered"),
    "manifest.signature": said("The evidence is signed"),
    "manifest.files": said("No file is missing or changed"),
    "documents.ids": said("Every document is what its name says"),
    "documents.parties": said("Every party is known"),
    "documents.signatures": said("Every signature is genuine"),
    "documents.subject": said("It is about this receipt"),
    "documents.unknown": said("Some documents count for nothing here"),
    "chain.contracts": said("The right contracts"),
    "chain.state": said("The chain's state is proven"),
    "chain.id": said("It is the chain of this node"),
    "chain.block": said("The block is on the chain"),
    "logs.checkpoints": said("Every log is signed by its keeper"),
    "logs.anchors": said("Every log is anchored"),
    "logs.inclusion": said("Every document stands in a log"),
    "logs.order": said("Things happened in order"),
    "grants.terms": said("Every grant keeps to the owner's terms"),
    "grants.bought": said("Every grant was paid"),
    "receipts.use": said("Every use was allowed"),
    "receipts.money": said("The money adds up"),
    "revocation.standing": said("Nothing was used after it was taken back"),
    "times.anchors": said("Nothing is dated ahead"),
    "times.order": said("Nothing is dated back"),
    "times.revocation": said("No use is dated after it was taken back"),
    "model.lineage": said("The model shows where it came from"),
    "training.claims": said("The run is told as a whole"),
    "training.order": said("The test was fixed before training"),
    "training.grants": said("Every owner agreed to this very run"),
    "training.stamp": said("The chain says when the plan was made"),
    "training.receipts": said("Every round has its receipts"),
    "training.replay": said("Training, computed again, gives the same"),
    "training.model": said("It is the model that was trained"),
    "training.terms": said("The model keeps to the owners' terms"),
    "valuation.test": said("The test table is the one promised"),
    "valuation.shares": said("The shares, computed again, are the same"),
    "valuation.quality": said("The model is as good as it says"),
    "valuation.agreements": said("Most owners computed the same shares"),
    "valuation.lineage": said("The model names all its data"),
    "valuation.split": said("The split on the chain pays those shares"),
}


Look = Callable[["Host", str, Callable[[Finding], None]], "Bundle | None"]
"""Examines a thing by its id, telling each finding; returns the evidence where there is some."""


class Verification:
    """One receipt or model being examined, or examined."""

    def __init__(self, host: Host, subject_id: str, look: Look) -> None:
        self.subject_id = subject_id
        self.findings: list[Finding] = []
        self.bundle: Bundle | None = None
        self.done = False
        self._thread = threading.Thread(target=self._run, args=(host, look), name="verify", daemon=True)
        self._thread.start()

    def _run(self, host: Host, look: Look) -> None:
        try:
            self.bundle = look(host, self.subject_id, self.findings.append)
        except FreeholdError as error:
            self.findings.append(Finding(GATHERED, "bad", problem(error)))
        except Exception:  # noqa: BLE001 - a thread has no caller: the page says so
            _log.exception("verifying %s failed", self.subject_id[:10])
            detail = said("something went wrong here; the node's log says what")
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

    def begin(self, host: Host, subject_id: str, look: Look = examine) -> Verification:
        """Examine now; one that runs already is not begun again. Raises `Busy`: as many run as are kept."""
        with self._lock:
            known = self._kept.get(subject_id)
            if known and not known.done:
                return known
            self._kept.pop(subject_id, None)
            while len(self._kept) >= MAX_KEPT:
                # what is forgotten while it runs would go on unseen, however many there were
                oldest = next((name for name, one in self._kept.items() if one.done), None)
                if oldest is None:
                    raise Busy(
                        said("other checks of yours are still running"),
                        hint=said("Wait for one of them, then try again."),
                    )
                del self._kept[oldest]
            made = self._kept[subject_id] = Verification(host, subject_id, look)
            return made

    def get(self, subject_id: str) -> Verification | None:
        """The last one of a receipt or model."""
        with self._lock:
            return self._kept.get(subject_id)


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

"""The holder's signatures under receipts, handed to the providers in batches."""

from __future__ import annotations

import threading
import time
from typing import Any

from freehold.core.errors import FreeholdError, NotFound, Unavailable
from freehold.core.signing import Envelope
from freehold.node.node import Node
from freehold.node.peers import Peers
from freehold.node.store import Transaction

BATCH = 200
FLUSH_AT = 20
FLUSH_AFTER_SECONDS = 5.0
_DUE = "countersign:"


class Countersigner:
    """Keeps what is due in the store, so that nothing is forgotten; usable from several threads."""

    def __init__(self, node: Node, peers: Peers) -> None:
        self._node, self._peers = node, peers
        self._lock = threading.Lock()
        self._waiting = len(node.store.states(_DUE))
        self._flushed_at = time.monotonic()

    def add(self, tx: Transaction, receipt: Envelope) -> None:
        """Note that a countersigned receipt is due to its provider."""
        provider = receipt.document.signers()["provider"]
        tx.set(f"{_DUE}{provider}:{receipt.document.id}", value=True)
        self._waiting += 1

    def flush_if_due(self) -> None:
        """Send when enough wait, or when some have waited for a while."""
        late = time.monotonic() - self._flushed_at > FLUSH_AFTER_SECONDS
        if self._waiting >= FLUSH_AT or (self._waiting and late):
            self.flush()

    def flush(self) -> dict[str, int]:
        """Send all that is due; what no provider takes now stays due.

        Returns:
            `sent`, `waiting`, and `refused`: receipts that their provider does not know or accept.
        """
        with self._lock:
            self._flushed_at = time.monotonic()
            by_provider: dict[str, list[str]] = {}
            for name in self._node.store.states(_DUE):
                provider, receipt_id = name.removeprefix(_DUE).split(":")
                by_provider.setdefault(provider, []).append(receipt_id)
            counts = {"sent": 0, "waiting": 0, "refused": 0}
            for provider, receipts in by_provider.items():
                for start in range(0, len(receipts), BATCH):
                    self._hand_over(provider, receipts[start : start + BATCH], counts)
            self._waiting = counts["waiting"]
            return counts

    def _hand_over(self, provider: str, receipts: list[str], counts: dict[str, int]) -> None:
        try:
            self._send(provider, receipts)
        except Unavailable:
            counts["waiting"] += len(receipts)
        except FreeholdError as error:
            if len(receipts) > 1:
                # one receipt that is refused must not hold up the others
                for receipt_id in receipts:
                    self._hand_over(provider, [receipt_id], counts)
                return
            counts["refused"] += 1
            self._done(provider, receipts, refused=error.code)
        else:
            counts["sent"] += len(receipts)
            self._done(provider, receipts)

    def _send(self, provider: str, receipts: list[str]) -> None:
        envelopes: list[dict[str, Any]] = []
        for receipt_id in receipts:
            try:
                envelopes.append(self._node.store.get(receipt_id).to_json())
            except NotFound:
                continue
        self._peers.ask(provider, "/peer/countersign", {"receipts": envelopes})

    def _done(self, provider: str, receipts: list[str], *, refused: str = "") -> None:
        with self._node.store.transaction() as tx:
            for receipt_id in receipts:
                tx.delete(f"{_DUE}{provider}:{receipt_id}")
                if refused:
                    tx.set(f"countersign_refused:{receipt_id}", refused)

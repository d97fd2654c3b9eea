"""The last step of a use: its holder signs the receipt too, and hands it to the provider, in batches."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from freehold.core.documents import Grant, Receipt
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidInput, NotFound, Unavailable
from freehold.core.signing import Envelope, parse_envelope
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.reaching import TIMEOUT_SECONDS
from freehold.kernel.rights.check import require_receipt_fits
from freehold.kernel.store import Transaction
from freehold.kernel.words import require_action

BATCH = 200
FLUSH_AT = 20
FLUSH_AFTER_SECONDS = 5.0
MOST_AT_ONCE = 8
"""Providers that are sent theirs at the same time."""
MOST_ACCEPTED = 1_000
_DUE = "countersign:"


def read(node: Node, value: Any, grant: Grant | None = None) -> tuple[Envelope, Receipt]:
    """A receipt as its provider hands it over: signed by it alone, for a use that the grant allows, where it is here.

    Raises `InvalidDocument`, `InvalidSignature`, `NotAllowed`.
    """
    envelope = parse_envelope(value)
    receipt = envelope.document
    if not isinstance(receipt, Receipt):
        raise InvalidDocument("a receipt was expected")
    if {signature.role for signature in envelope.signatures} != {"provider"}:
        raise InvalidDocument("a receipt comes signed by its provider alone", field="signatures")
    require_action(receipt.action)
    node.check(envelope, partial=True)
    if grant is not None:
        require_receipt_fits(receipt, grant)
    return envelope, receipt


def countersigned(node: Node, receipt: Envelope) -> Envelope:
    """The receipt with the holder's signature, which is this node's, beside the provider's."""
    return receipt.with_signature(node.seal(receipt.document, "holder").signatures[0])


def accept(node: Node, holder: str, values: Any) -> dict[str, Any]:
    """Take the holder's signatures under receipts this node gave.

    Raises `InvalidSignature`, `NotFound`, `InvalidInput`.
    """
    if not isinstance(values, list) or len(values) > MOST_ACCEPTED:
        count = f", not of {len(values):,}" if isinstance(values, list) else ""
        raise InvalidInput(
            f"receipts is a list of at most {MOST_ACCEPTED:,} envelopes{count}", hint="Send them in parts."
        )
    envelopes = [parse_envelope(value) for value in values]
    for envelope in envelopes:
        receipt = envelope.document
        if not isinstance(receipt, Receipt) or receipt.holder != holder or receipt.provider != node.account:
            raise InvalidDocument("only the holder of a receipt of this node can countersign it")
        node.store.get(receipt.id)
        node.check(envelope)
    with node.store.transaction() as tx:
        for envelope in envelopes:
            tx.put(envelope)
    return {"countersigned": len(envelopes)}


class Countersigner:
    """Keeps what is due in the store, so that nothing is forgotten; usable from several threads.

    Each provider has a lock and a deadline of its own: one that is slow holds up nobody else's signatures.
    """

    def __init__(self, node: Node, peers: Peers) -> None:
        self._node, self._peers = node, peers
        self._lock = threading.Lock()
        self._waiting = Counter(_provider(name) for name in node.store.states(_DUE))
        self._began = time.monotonic()
        self._flushed_at: dict[str, float] = {}

    def add(self, tx: Transaction, receipt: Envelope) -> None:
        """Note that a countersigned receipt is due to its provider."""
        provider = receipt.document.signers()["provider"]
        tx.set(f"{_DUE}{provider}:{receipt.document.id}", value=True)
        with self._lock:
            self._waiting[provider] += 1

    def flush_if_due(self, provider: str) -> None:
        """Send this provider its own when enough wait, or when some have waited for a while."""
        with self._lock:
            waiting, since = self._waiting[provider], self._flushed_at.get(provider, self._began)
        if waiting >= FLUSH_AT or (waiting and time.monotonic() - since > FLUSH_AFTER_SECONDS):
            self.flush(provider)

    def flush(self, provider: str = "") -> dict[str, int]:
        """Send all that is due, or one provider's; what is not taken now stays due.

        Gives `sent`, `waiting`, and `refused`: receipts that their provider does not know or accept.
        """
        providers = [provider] if provider else sorted({*map(_provider, self._node.store.states(_DUE))})
        counts: Counter[str] = Counter(sent=0, waiting=0, refused=0)
        if providers:
            with ThreadPoolExecutor(max_workers=min(len(providers), MOST_AT_ONCE)) as pool:
                for done in pool.map(self._flush_one, providers):
                    counts.update(done)
        return dict(counts)

    def _flush_one(self, provider: str) -> Counter[str]:
        due, counts = f"{_DUE}{provider}:", Counter[str]()
        with self._node.exclusive(f"countersigning:{provider}"):
            receipts = [name.removeprefix(due) for name in self._node.store.states(due)]
            deadline = time.monotonic() + TIMEOUT_SECONDS
            for start in range(0, len(receipts), BATCH):
                self._hand_over(provider, receipts[start : start + BATCH], counts, deadline)
            with self._lock:
                self._flushed_at[provider] = time.monotonic()
                self._waiting[provider] = len(self._node.store.states(due))
        return counts

    def _hand_over(self, provider: str, receipts: list[str], counts: Counter[str], deadline: float) -> None:
        try:
            self._send(provider, receipts, deadline)
        except Unavailable:
            counts["waiting"] += len(receipts)
        except FreeholdError as error:
            if len(receipts) > 1:
                # one receipt that is refused must not hold up the others
                for receipt_id in receipts:
                    self._hand_over(provider, [receipt_id], counts, deadline)
                return
            counts["refused"] += 1
            self._done(provider, receipts, refused=error.code)
        else:
            counts["sent"] += len(receipts)
            self._done(provider, receipts)

    def _send(self, provider: str, receipts: list[str], deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Unavailable(f"{provider} takes too long", account=provider)
        envelopes: list[dict[str, Any]] = []
        for receipt_id in receipts:
            try:
                envelopes.append(self._node.store.get(receipt_id).to_json())
            except NotFound:
                continue
        self._peers.ask(provider, "/peer/countersign", {"receipts": envelopes}, timeout=left)

    def _done(self, provider: str, receipts: list[str], *, refused: str = "") -> None:
        with self._node.store.transaction() as tx:
            for receipt_id in receipts:
                tx.delete(f"{_DUE}{provider}:{receipt_id}")
                if refused:
                    tx.set(f"countersign_refused:{receipt_id}", refused)


def _provider(name: str) -> str:
    return name.removeprefix(_DUE).partition(":")[0]

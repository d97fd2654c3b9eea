"""Transactions not in a block yet: those just offered, and those whose nonce is not due.

An offered transaction waits at most until the next block. One with a nonce gap is queued, on disk
too, until the gap closes. Both lists are bounded.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from freehold.chain.embedded.faults import REFUSED, Fault

_MOST_OFFERED = 10_000
_MOST_QUEUED = 4_096
_MOST_QUEUED_PER_SENDER = 64
_MOST_QUEUED_BYTES = 32 << 20


@dataclass(eq=False)
class Ticket:
    """One offered transaction and what became of it."""

    transaction: Any
    raw: bytes
    tx_hash: bytes
    settled: bool = False
    """True once it is in a block, queued or refused."""
    fault: Fault | None = None
    """Why it was refused."""
    is_long: bool = False
    """Whether it did not end in its first run."""


class Pool:
    """Offered and queued transactions. `offer` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offered: list[Ticket] = []
        self.queued: dict[tuple[bytes, int], Ticket] = {}
        """By sender and nonce; touched only under the ledger's lock."""

    def offer(self, ticket: Ticket) -> None:
        """Put a transaction in line for the next block."""
        with self._lock:
            if len(self._offered) >= _MOST_OFFERED:
                raise Fault(REFUSED, "txpool is full")
            self._offered.append(ticket)

    def take(self) -> list[Ticket]:
        """Every offered transaction, in order of arrival; the line is empty afterwards."""
        with self._lock:
            taken, self._offered = self._offered, []
        return taken

    def postpone(self, tickets: list[Ticket]) -> None:
        """Put back what was taken."""
        with self._lock:
            self._offered = tickets + self._offered

    def withdraw(self, ticket: Ticket) -> bool:
        """Take one back out of the line; False when a block has taken it."""
        with self._lock:
            if ticket not in self._offered:
                return False
            self._offered.remove(ticket)
            return True

    def queue(self, ticket: Ticket) -> Ticket | None:
        """Keep a transaction until its nonce is due; returns the one it replaces. Raises `Fault`."""
        transaction = ticket.transaction
        slot = (transaction.sender, transaction.nonce)
        held = self.queued.get(slot)
        if held is not None:
            # the usual rule of nodes: a replacement pays at least a tenth more
            if transaction.max_fee_per_gas * 10 < held.transaction.max_fee_per_gas * 11:
                raise Fault(REFUSED, "replacement transaction underpriced")
        elif len(self.queued) >= _MOST_QUEUED or self._queued_bytes() + len(ticket.raw) > _MOST_QUEUED_BYTES:
            raise Fault(REFUSED, "txpool is full")
        elif sum(sender == transaction.sender for sender, _ in self.queued) >= _MOST_QUEUED_PER_SENDER:
            raise Fault(REFUSED, f"more than {_MOST_QUEUED_PER_SENDER} queued transactions of one account")
        self.queued[slot] = ticket
        return held

    def _queued_bytes(self) -> int:
        return sum(len(held.raw) for held in self.queued.values())

    def due(self, sender: bytes, nonce: int) -> Ticket | None:
        """Take the queued transaction that follows, if it is here."""
        return self.queued.pop((sender, nonce), None)

"""What others left here before anybody authorised it: bounded for each party and in all, the oldest goes first.

Whoever has an account has as many as it likes, so what counts is the bound on all strangers together. A partner
(somebody this party has dealt with: granted and used, asked, or added as a peer) is bounded by its own share alone,
so strangers do not crowd it out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from freehold.core.connection import Connection
from freehold.core.errors import InvalidInput
from freehold.kernel.limits import Busy
from freehold.kernel.store import Transaction

MOST_AHEAD = 20_000
"""Nonces in the database, some 3 MB; clocks that are right need none."""
MOST = 200_000
"""Some minutes of as many requests as one process answers."""


class TooMuch(InvalidInput, code="pending.too_much", http_status=413):
    """One thing that is larger than all that its sender may leave here."""


@dataclass(frozen=True)
class Bounds:
    """How much of one kind is kept."""

    kind: str
    each: int
    """Of one party."""
    each_bytes: int
    strangers: int
    """Of all parties together that are no partners."""
    strangers_bytes: int


PARTIES = Bounds("party", 1, 16_384, 2_000, 8_000_000)
"""Party documents."""
GRANTS = Bounds("grant", 64, 512_000, 1_000, 8_000_000)
"""Grants that were neither used nor paid for, with their plans."""
ASSETS = Bounds("asset", 1_000, 8_000_000, 10_000, 64_000_000)
"""Offers of a catalogue that nothing was done with."""


def is_partner(connection: Connection, account: str) -> bool:
    """Whether this party has dealt with an account."""
    return connection.execute("SELECT 1 FROM partners WHERE account = ?", (account,)).fetchone() is not None


def befriend(tx: Transaction, account: str) -> None:
    """This party deals with the account from now on. Idempotent."""
    made = tx.connection.execute(
        "INSERT INTO partners VALUES (?) ON CONFLICT (account) DO NOTHING", (account,)
    )
    if made.rowcount == 1:
        tx.connection.execute("UPDATE pending SET known = ? WHERE party = ?", (True, account))
        tx.connection.execute("DELETE FROM pending WHERE kind = ? AND party = ?", (PARTIES.kind, account))


def add(tx: Transaction, bounds: Bounds, name: str, party: str, size: int) -> None:
    """Note what was just kept; `surplus` then says what has to go for it. Raises `TooMuch`."""
    if size > bounds.each_bytes:
        raise TooMuch(
            f"{size:,} bytes are more than one party may leave here",
            hint=f"At most {bounds.each_bytes:,} bytes of this kind.",
        )
    tx.connection.execute(
        "INSERT INTO pending (kind, name, party, bytes, known) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (kind, name) DO UPDATE SET bytes = excluded.bytes",
        (bounds.kind, name, party, size, is_partner(tx.connection, party)),
    )


def remove(tx: Transaction, kind: str, name: str) -> bool:
    """It was authorised, or is gone; says whether it was noted."""
    gone = tx.connection.execute("DELETE FROM pending WHERE kind = ? AND name = ?", (kind, name))
    return gone.rowcount == 1


def has(connection: Connection, kind: str, name: str) -> bool:
    """Whether it is noted."""
    found = connection.execute("SELECT 1 FROM pending WHERE kind = ? AND name = ?", (kind, name))
    return found.fetchone() is not None


def surplus(connection: Connection, bounds: Bounds, party: str, spare: int = 0) -> str | None:
    """The oldest that has to go so that `party` can leave `spare` more; None where there is room."""
    for where, values, most, most_bytes in (
        ("party = ?", (party,), bounds.each, bounds.each_bytes),
        ("known = ?", (False,), bounds.strangers, bounds.strangers_bytes),
    ):
        count, size, first = connection.execute(
            f"SELECT count(*), coalesce(sum(bytes), 0), min(rowid) FROM pending WHERE kind = ? AND {where}",  # noqa: S608 - fixed text
            (bounds.kind, *values),
        ).fetchone()
        if count + spare > most or size > most_bytes:
            name = connection.execute("SELECT name FROM pending WHERE rowid = ?", (first,)).fetchone()
            return str(name[0]) if name else None
    return None


class Nonces:
    """Nonces of strangers: in memory, bounded, so that whoever has an account can write nothing here by asking.

    Partners' nonces stand in the database and outlive the process. A stranger's do not, so what one signed before
    this process began is refused: it may have been answered then. What is dated ahead of this clock could have been
    too, so those few, bounded as well, stand in the database. Usable from several threads.
    """

    def __init__(self, started_at: int, most: int = MOST) -> None:
        self.started_at, self._most, self._lock = started_at, most, threading.Lock()
        self._seen: OrderedDict[int, int] = OrderedDict()

    def seen(self, sender: str, nonce: str, created_at: int, expires_at: int, now: int) -> bool:
        """Remember a nonce; True if it was here already, or may have been before this process began.

        Raises `Busy`: there is no room for one more that has not expired.
        """
        if created_at < self.started_at:
            return True
        key = hash((sender, nonce))
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now:
                self._seen.popitem(last=False)
            if key in self._seen:
                return True
            if len(self._seen) >= self._most:
                raise Busy(
                    "too many strangers ask",
                    hint="Wait as Retry-After says, then ask again.",
                    retry_after_seconds=10,
                )
            self._seen[key] = expires_at
        return False

    def holds(self, sender: str, nonce: str) -> bool:
        """Whether a nonce is here: its sender may have become a partner since."""
        with self._lock:
            return hash((sender, nonce)) in self._seen

    def __len__(self) -> int:
        return len(self._seen)

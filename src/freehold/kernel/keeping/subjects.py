"""What became of the acts about one subject (a channel, a payment): when it may be tried again, or that it may not.

Kept in the database, so that a restart changes nothing. A refusal before sending costs nothing: the next try
comes after a pause, each twice as long. A transaction that was mined and failed has burned gas: the subject is
left to the owner.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from freehold.core.errors import Conflict, FreeholdError
from freehold.kernel.keeping.purse import Reservation

if TYPE_CHECKING:
    from freehold.kernel.node import Node

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 60, 3_600
LOOK_AGAIN_SECONDS = 600
"""How often it is looked whether what was not worth its gas has become so, or has a deadline now."""
PREFIX = "keeping:"


class Quarantined(Conflict, code="gas.quarantined"):
    """A transaction about this subject was mined and failed, so no other is sent until the owner says so."""


@dataclass(frozen=True)
class Subject:
    """The record of one subject of one act; absent while all is well."""

    state: Literal["waiting", "refused", "quarantined"]
    """waiting: not worth its gas yet, or under way. refused: nothing was sent. quarantined: see above."""
    since: int
    """Unix seconds."""
    next_at: int
    """Not tried before; Unix seconds."""
    failures: int = 0
    """Refusals in a row that were its own fault."""
    code: str = ""
    title: str = ""
    """Of the last error."""
    wanted_micro: int = 0
    """What its subject has to bring in all to be worth its gas."""
    tx_hash: str = ""
    """A transaction whose fate is not known yet."""
    held_slot: str = ""
    held_act: str = ""
    held_gas: int = 0
    """What `purse` holds for it."""

    @property
    def held(self) -> Reservation:
        """The gas that is counted for the transaction under way."""
        return Reservation(self.held_slot, self.held_act, self.held_gas)

    def is_due(self, now: int, brings_micro: int) -> bool:
        """Whether it is worth a look; `brings_micro` in all, what came before included."""
        if self.state == "quarantined":
            return False
        return now >= self.next_at or (self.state == "waiting" and brings_micro >= self.wanted_micro)


def known(node: Node, act: str, subject: str) -> Subject | None:
    """The record of one."""
    kept = node.store.state(f"{PREFIX}{act}:{subject}")
    return None if kept is None else Subject(**kept)


def every(node: Node, act: str = "") -> dict[str, Subject]:
    """All records of an act, by subject; of all acts, by act and subject."""
    prefix = f"{PREFIX}{act}:" if act else PREFIX
    return {name.removeprefix(prefix): Subject(**kept) for name, kept in node.store.states(prefix).items()}


def quarantined(node: Node) -> dict[str, Subject]:
    """All that are left to the owner, by act and subject."""
    return {name: one for name, one in every(node).items() if one.state == "quarantined"}


def require_free(found: Subject | None) -> None:
    """It is not left to the owner. Raises `Quarantined`."""
    if found is not None and found.state == "quarantined":
        raise Quarantined(
            f"a transaction about it failed on chain, at the cost of its gas: {found.title}",
            hint="Look at `freehold channels list`; to try it once more: freehold channels retry CHANNEL.",
        )


def note_refused(node: Node, act: str, subject: str, error: FreeholdError) -> None:
    """A trial was refused: back off."""
    before, now = known(node, act, subject), node.now()
    failures = before.failures + 1 if before and before.state == "refused" else 1
    pause = min(FIRST_PAUSE_SECONDS << min(failures - 1, 20), LONGEST_PAUSE_SECONDS)
    since = before.since if before else now
    _keep(node, act, subject, Subject("refused", since, now + pause, failures, error.code, error.message))


def note_waiting(node: Node, act: str, subject: str, error: FreeholdError, wanted_micro: int) -> None:
    """It is not worth its gas yet."""
    before, now = known(node, act, subject), node.now()
    since = before.since if before else now
    made = Subject("waiting", since, now + LOOK_AGAIN_SECONDS, 0, error.code, error.message, wanted_micro)
    _keep(node, act, subject, made)


def note_failed(node: Node, act: str, subject: str, error: FreeholdError) -> None:
    """A transaction was mined and failed: leave it to the owner."""
    now = node.now()
    _keep(node, act, subject, Subject("quarantined", now, 0, 1, error.code, error.message))


def note_postponed(node: Node, act: str, subject: str, error: FreeholdError) -> None:
    """The endpoint or the price of gas stood in the way: a short pause, and nothing held against the subject."""
    before, now = known(node, act, subject), node.now()
    made = replace(
        before or Subject("refused", now, now),
        state="refused",
        next_at=now + FIRST_PAUSE_SECONDS,
        code=error.code,
        title=error.message,
    )
    _keep(node, act, subject, made)


def note_sent(node: Node, act: str, subject: str, tx_hash: str, held: Reservation) -> None:
    """A transaction is under way and nobody knows yet what became of it."""
    before, now = known(node, act, subject), node.now()
    made = replace(
        before or Subject("waiting", now, now),
        tx_hash=tx_hash,
        held_slot=held.slot,
        held_act=held.act,
        held_gas=held.gas,
    )
    _keep(node, act, subject, made)


def release(node: Node, act: str, subject: str) -> None:
    """The owner says that what failed may be tried again."""
    found = known(node, act, subject)
    if found is not None and found.state == "quarantined":
        clear(node, act, subject)


def clear(node: Node, act: str, subject: str) -> None:
    """All is well, or the owner says so."""
    if known(node, act, subject) is not None:
        with node.store.transaction() as tx:
            tx.delete(f"{PREFIX}{act}:{subject}")


def _keep(node: Node, act: str, subject: str, made: Subject) -> None:
    with node.store.transaction() as tx:
        tx.set(f"{PREFIX}{act}:{subject}", asdict(made))

"""Gas of the last 24 hours, counted in the database before it is spent.

Counted in quarters of an hour, each as a whole, so that what is kept does not grow with what is sent. What was
reserved by a process that died stays counted: it may have been spent. Time that lies ahead counts too, so a
clock set back gives nothing back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freehold.core.errors import Unavailable
from freehold.core.times import DAY_SECONDS
from freehold.kernel.keeping import costs

if TYPE_CHECKING:
    from freehold.kernel.account import Account
    from freehold.kernel.store import Transaction

SLOT_SECONDS = 900
KEPT_PERCENT = 25
"""Of the ceiling, for what has a deadline: the rest is routine."""
STATE = "gas_day"
_BY_HAND = "by hand"
_lock = threading.Lock()


class GasDaySpent(Unavailable):
    """What this node may spend on gas by itself in a day is spent; nothing was sent."""

    code = "gas.day_spent"


@dataclass(frozen=True)
class Day:
    """The last 24 hours."""

    acts: dict[str, int]
    """Gas by act that this node sent by itself, reservations included."""
    by_hand: int
    """Gas of what the owner ordered."""
    ceiling: int | None
    """The most that `acts` may be in all; None for no limit."""
    frees_at: int
    """When the oldest of it is older than a day; 0 where nothing is counted. Unix seconds."""

    @property
    def used(self) -> int:
        """Gas of all that this node sent by itself."""
        return sum(self.acts.values())

    @property
    def spent(self) -> bool:
        """Whether nothing is sent for now but what has a deadline or brings many times its cost."""
        return self.ceiling is not None and self.used + max(costs.USUAL_GAS.values()) > _routine(self.ceiling)

    def to_json(self) -> dict[str, Any]:
        """As answers show it."""
        return {
            "used": self.used,
            "ceiling": self.ceiling,
            "by_hand": self.by_hand,
            "acts": self.acts,
            "spent": self.spent,
            "frees_at": self.frees_at,
        }


@dataclass(frozen=True)
class Reservation:
    """Gas that is counted and not spent yet."""

    slot: str
    act: str
    gas: int


def day(node: Account) -> Day:
    """What was spent, as it is known here."""
    return summed(node.store.state(STATE) or {}, node.now(), costs.gas_per_day(node.settings, node.chain_id))


def summed(kept: dict[str, Any], now: int, ceiling: int | None) -> Day:
    """The day out of what is kept of it."""
    slots = _recent(kept, now)
    acts: dict[str, int] = {}
    for slot in slots.values():
        for act, gas in slot.items():
            acts[act] = acts.get(act, 0) + gas
    by_hand = acts.pop(_BY_HAND, 0)
    automatic = [int(slot) for slot, spent in slots.items() if set(spent) - {_BY_HAND}]
    frees_at = min(automatic, default=-DAY_SECONDS - SLOT_SECONDS) + DAY_SECONDS + SLOT_SECONDS
    return Day(acts, by_hand, ceiling, frees_at)


def require_room(node: Account, gas: int, *, pressing: bool, ceilings: int = 1) -> None:
    """So much gas fits into the day, for an act that may take the ceiling so many times (`costs.ceilings`).

    Raises `GasDaySpent`.
    """
    found = day(node)
    if found.ceiling is None:
        return
    room = found.ceiling if pressing else _routine(found.ceiling)
    if found.used + gas > room * ceilings:
        raise GasDaySpent(
            f"this node spent {found.used} of the {found.ceiling} gas that it may spend by itself in a day",
            hint="It goes on as the day passes. To allow more: freehold config set gas_per_day NUMBER."
            " What you order by hand is not stopped.",
            used=found.used,
            gas_per_day=found.ceiling,
            frees_at=found.frees_at,
        )


def reserve(
    node: Account, act: str, gas: int, *, pressing: bool, by_hand: bool, ceilings: int = 1
) -> Reservation:
    """Count gas before it is sent. Raises `GasDaySpent`: it does not fit into the day."""
    with _lock:
        if not by_hand:
            require_room(node, gas, pressing=pressing, ceilings=ceilings)
        now = node.now()
        one = Reservation(str(now - now % SLOT_SECONDS), _BY_HAND if by_hand else act, gas)
        with node.store.transaction() as tx:
            _add(node, tx, one, gas)
    return one


def spend(node: Account, one: Reservation, gas_used: int) -> None:
    """Correct a reservation to what was spent; 0 where nothing was sent."""
    with _lock, node.store.transaction() as tx:
        _add(node, tx, one, gas_used - one.gas)


def count_by_hand(node: Account, gas: int) -> None:
    """Note what the owner ordered."""
    spend(node, reserve(node, _BY_HAND, gas, pressing=False, by_hand=True), gas)


def _add(node: Account, tx: Transaction, one: Reservation, gas: int) -> None:
    slots = _recent(node.store.state(STATE) or {}, node.now())
    slot = slots.setdefault(one.slot, {})
    slot[one.act] = max(0, slot.get(one.act, 0) + gas)
    tx.set(STATE, slots)


def _recent(slots: dict[str, Any], now: int) -> dict[str, dict[str, int]]:
    return {slot: spent for slot, spent in slots.items() if int(slot) + SLOT_SECONDS > now - DAY_SECONDS}


def _routine(ceiling: int) -> int:
    return ceiling * (100 - KEPT_PERCENT) // 100

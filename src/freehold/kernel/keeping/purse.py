"""What acts cost, in gas, by measurement, and in dollars, by the rate that the owner declares; and what a day took.

Gas of the last 24 hours is counted in the database before it is spent, in quarters of an hour, each as a whole, so
that what is kept does not grow with what is sent. What was reserved by a process that died stays counted: it may have
been spent. Time that lies ahead counts too, so a clock set back gives nothing back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freehold.chain.networks import LOCAL_CHAIN_ID
from freehold.core.errors import Unavailable
from freehold.core.times import DAY_SECONDS

if TYPE_CHECKING:
    from freehold.kernel.account import Account
    from freehold.kernel.settings import Settings
    from freehold.kernel.store import Transaction

USUAL_GAS = {
    "Channels.settle": 79_000,
    "LogAnchors.anchor": 68_100,
    "Revenue.claim": 95_800,
    "Revenue.depositWithAuthorization": 84_600,
    "Timestamps.stamp": 45_200,
}
"""The dearest usual case of every act that a node sends by itself; bench/gas.json holds the measurements."""
CAP_FACTOR = 2
"""What an act may take beyond its usual cost: another token, or a signer that is a plain contract wallet."""
GAS_PER_DAY = 5_000_000
"""Unless the owner sets another: some sixty settlements."""
MICRO_PER_ETH = 5_000_000_000
"""Unless the owner sets another: rather too much, so that acts wait and are not done at a loss."""

_ROUTINE, _PATIENT, _PRESSING = 20, 2, 1
"""How many times its cost an act has to bring: usually, after `PATIENCE_SECONDS`, and before a deadline."""
PATIENCE_SECONDS = DAY_SECONDS
MOST_CEILINGS = 10
"""How many times the day's ceiling is what brings most may take it."""
SLOT_SECONDS = 900
KEPT_PERCENT = 25
"""Of the ceiling, for what has a deadline: the rest is routine."""
STATE = "gas_day"
_BY_HAND = "by hand"
_lock = threading.Lock()


def most_gas(act: str) -> int:
    """The gas an act may take at most."""
    return USUAL_GAS[act] * CAP_FACTOR


def gas_per_day(settings: Settings, chain_id: int) -> int | None:
    """The ceiling over all that a node sends by itself in a day; None on the local chain, where gas is free."""
    if settings.gas_per_day:
        return settings.gas_per_day
    return None if chain_id == LOCAL_CHAIN_ID else GAS_PER_DAY


def micro_per_eth(settings: Settings, chain_id: int) -> int:
    """Micro-dollars for one coin that gas is paid in; 0 on the local chain unless the owner sets a rate."""
    if settings.micro_per_eth:
        return settings.micro_per_eth
    return 0 if chain_id == LOCAL_CHAIN_ID else MICRO_PER_ETH


def cost_micro(node: Account, act: str, fee_wei: int) -> int:
    """What an act usually costs at a price of gas, in micro-dollars, rounded up."""
    return -(-USUAL_GAS[act] * fee_wei * micro_per_eth(node.settings, node.chain_id) // 10**18)


def wanted_micro(cost: int, *, pressing: bool, waited_seconds: int) -> int:
    """What an act has to bring to be sent now: many times its cost, less after a day, just more at a deadline."""
    margin = _PRESSING if pressing else _PATIENT if waited_seconds >= PATIENCE_SECONDS else _ROUTINE
    return cost * margin + pressing * bool(cost)


def ceilings(cost: int, worth_micro: int) -> int:
    """How many times the day's ceiling an act may take it: once more for every `_ROUTINE` times its cost that it brings.

    The ceiling is there against loss. Were it one for all, small payments that are just worth their gas could use
    it up while a large debt runs out of time; so it costs more to use up than the debt that it would void.
    """
    return max(1, min(MOST_CEILINGS, worth_micro // (_ROUTINE * cost))) if cost else 1


def most_wei(node: Account, worth_micro: int) -> int | None:
    """The wei an act may cost so that it never costs more than it brings, however its fees are raised."""
    rate = micro_per_eth(node.settings, node.chain_id)
    return worth_micro * 10**18 // rate if rate else None


class GasDaySpent(Unavailable, code="gas.day_spent"):
    """What this node may spend on gas by itself in a day is spent; nothing was sent."""


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
        return self.ceiling is not None and self.used + max(USUAL_GAS.values()) > _routine(self.ceiling)

    def to_json(self) -> dict[str, Any]:
        """As answers show it."""
        names = ("used", "ceiling", "by_hand", "acts", "spent", "frees_at")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Reservation:
    """Gas that is counted and not spent yet."""

    slot: str
    act: str
    gas: int


def day(node: Account) -> Day:
    """What was spent, as it is known here."""
    return summed(node.store.state(STATE) or {}, node.now(), gas_per_day(node.settings, node.chain_id))


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
    """So much gas fits into the day, for an act that may take the ceiling so many times (`ceilings`).

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

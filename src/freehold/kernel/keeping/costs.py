"""What acts cost: in gas, by measurement, and in dollars, by the rate that the owner declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.chain.networks import LOCAL_CHAIN_ID

if TYPE_CHECKING:
    from freehold.kernel.account import Account
    from freehold.kernel.settings import Settings

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
PATIENCE_SECONDS = 86_400
MOST_CEILINGS = 10
"""How many times the day's ceiling is what brings most may take it."""


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

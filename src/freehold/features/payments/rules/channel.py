"""Whom a channel pays, and whether a voucher pays for exactly the next call: the rule by which it advances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from freehold.core.errors import InvalidInput
from freehold.core.ids import hash_bytes
from freehold.features.payments.rules.errors import (
    ChannelClosing,
    DepositTooSmall,
    PaymentRefused,
    StaleVoucher,
)
from freehold.features.payments.rules.payment import Voucher

PayeeKind = Literal["pool", "account", "escrow"]


class PayeeNotPaid(InvalidInput, code="payment.payee"):
    """Channels do not pay this kind of payee; nothing was signed."""


@dataclass(frozen=True)
class Payee:
    """Where the money of calls goes, and what for."""

    kind: PayeeKind
    to: str
    """The pool's or escrow's id, or the account."""
    provider: str
    """Account of whoever answers the calls."""
    thing: str
    """Id of what is called: there is one channel for each at a time."""

    @property
    def pool(self) -> bytes:
        """The pool that the channel pays into. Raises PayeeNotPaid: it is no pool."""
        if self.kind != "pool":
            raise PayeeNotPaid(
                f"a channel pays into a revenue pool, not to an {self.kind}",
                hint="Nothing was paid. Pay it by one transfer, or name the pool of what is called.",
                kind=self.kind,
            )
        return hash_bytes(self.to)


@dataclass(frozen=True)
class ChannelState:
    """A channel as the chain holds it; all zero if there is none."""

    payer: str
    pool: str
    """32 bytes hex."""
    deposited_units: int
    settled_units: int
    closes_at: int
    """Unix seconds; 0 while the channel is open."""

    @property
    def exists(self) -> bool:
        """Whether it was ever opened."""
        return self.deposited_units > 0

    @property
    def ended(self) -> bool:
        """Whether its payer has withdrawn; the contract then says the latest of all times."""
        return self.closes_at == 2**64 - 1


def due(state: ChannelState, accepted_units: int, price_units: int) -> int:
    """The cumulative sum that pays for the next call.

    The chain may have settled more than is remembered here (this node was restored from an older
    copy): that much was promised already, so it is not asked for twice.
    """
    return max(accepted_units, state.settled_units) + price_units


def require_open(state: ChannelState, *, payer: str, pool: str) -> None:
    """The channel stands, is the payer's and pays into the pool. Raises PaymentRefused, ChannelClosing."""
    if not state.exists:
        raise PaymentRefused("there is no such channel on this chain", hint="Open it first, then retry.")
    if state.pool != pool:
        raise PaymentRefused(
            "the channel pays into another model's pool", hint="Open a channel for this pool."
        )
    if state.payer != payer:
        raise PaymentRefused(
            "the channel belongs to another payer than the grant",
            hint="Use the grant of the channel's payer.",
        )
    if state.closes_at:
        raise ChannelClosing(
            "the channel is closing or closed", hint="Open another one.", closes_at=state.closes_at
        )


def require_next(voucher: Voucher, state: ChannelState, accepted_units: int, price_units: int) -> None:
    """The voucher pays for one more call, no more and no less. Its signature is checked elsewhere.

    More than the price is refused too: nothing would ever give it back. Raises StaleVoucher, DepositTooSmall.
    """
    expected = due(state, accepted_units, price_units)
    if voucher.cumulative_units != expected:
        raise StaleVoucher
    if expected > state.deposited_units:
        raise DepositTooSmall(
            f"the channel holds {state.deposited_units} units, this call needs {expected}",
            hint="Top the channel up, or open another one.",
            deposited_units=state.deposited_units,
            expected_cumulative_units=expected,
        )

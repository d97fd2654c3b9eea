"""What the kernel's own operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.core.documents import Receipt
from freehold.core.signing import Signature
from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Gas, Id, Shape, Time, Units
from freehold.kernel.surface import Dollars


class GasDay(Shape):
    """Gas of the last 24 hours."""

    used: Gas
    """By transactions that the node sent by itself, those under way at their most."""
    ceiling: Gas | None
    """The most of that; nothing where gas is free."""
    by_hand: Gas
    """By what the owner ordered, which the ceiling does not stop."""
    acts: dict[str, Gas]
    """What `used` is made of."""
    spent: bool
    """Whether nothing is sent by itself for now but what has a deadline."""
    frees_at: Time
    """When the oldest of it is a day old; 0 where nothing was used."""


class PaymentMade(Shape):
    """Money that left the wallet, or may still."""

    at: Time
    """When it was signed."""
    purpose: Literal["deposit", "top-up", "grant", "call"]
    """What for."""
    about: Id
    """The dataset or model."""
    units: Units
    """How much."""
    state: Literal["reserved", "spent", "void"]
    """Not seen on chain yet, on chain, or never to be: what is void does not count."""


class Spending(Shape):
    """What this node may spend, and what the last 24 hours took of it."""

    spend_per_act_micro: Units
    """Ceiling of one act; 0 is not set."""
    spend_per_day_micro: Units
    """Ceiling of any 24 hours; 0 is not set."""
    spent_units: Units
    """What the last 24 hours took, deposits included."""
    left_units: Units | None
    """What the ceiling of 24 hours leaves; null where it is not set."""
    payments: list[PaymentMade]
    """The newest payments, newest first."""


class SignedReceipt(Shape):
    """A receipt with its signatures."""

    document: Receipt
    """The receipt; its id is the SHA-256 of its canonical JSON (RFC 8785)."""
    signatures: list[Signature]
    """EIP-712, by role."""


Ceiling = Annotated[int, Field(ge=0, lt=2**53)]


class Limits(Request):
    """Set what this node may spend.

    A limit is in dollars and counts from now on, also in a node that runs; what is left out stays, 0 is no limit.
    """

    spend_per_day_micro: Annotated[Ceiling | None, Dollars("per_day")] = None
    """Most to spend in any 24 hours from now on; 0 is no limit."""
    spend_per_act_micro: Annotated[Ceiling | None, Dollars("per_act")] = None
    """Most for one call with its deposit, one grant or one training job; 0 is no limit."""


class Spent(Nothing):
    """What this node may spend, and what the last 24 hours took of it."""


SPENDING = Operation("spending", Spent, Spending, "/spending", Effect.READS)
LIMIT = Operation("limit", Limits, Spending, "/spending", Effect.CHANGES, example="freehold spending")
OPERATIONS = (SPENDING, LIMIT)

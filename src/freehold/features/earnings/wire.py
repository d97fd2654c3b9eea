"""Earnings: what their operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Account, Bps, Gas, Id, Shape, Units
from freehold.kernel.surface import ARGUMENT, Reference


class Sold(Shape):
    """A grant somebody paid for."""

    grant: Id
    """The grant."""
    asset: Id
    """What it allows to use."""
    asset_name: str
    """As this node calls it."""
    holder: Account
    """Who bought it."""
    price_units: Units
    """What it cost."""


class Holding(Shape):
    """This account's part in one model's revenue."""

    asset: Id
    """The model."""
    name: str
    """As its owner calls it."""
    owner: Account
    """Whose it is."""
    own: bool
    """Whether it is this node's."""
    pool: Id
    """Its revenue pool on chain."""
    shares: Bps
    """This account's share."""
    total_shares: Literal[10_000]
    """What `shares` is out of."""
    revenue_units: Units
    """All that came into the pool."""
    paid_out_units: Units
    """What owners have claimed of it."""
    held_units: Units
    """What is left in the pool."""
    unsettled_units: Units
    """Promised by buyers and not on chain yet; 0 for another's model."""
    claimable_units: Units
    """This account's, to be claimed."""
    claimed_units: Units
    """This account's, claimed already."""


class Earnings(Shape):
    """What this account earned."""

    account: Account
    """This node's."""
    balance_units: Units
    """In its wallet."""
    grants: tuple[Sold, ...]
    """Grants sold."""
    models: tuple[Holding, ...]
    """Models owned or shared in."""
    sold_units: Units
    """From grants."""
    claimable_units: Units
    """From models, to be claimed."""
    claimed_units: Units
    """From models, claimed."""
    earned_units: Units
    """The three together."""
    lost_units: Units
    """Promised by buyers that withdrew before it was settled; in no pool."""


class ClaimPaid(Shape):
    """A pool that paid."""

    asset: Id
    """The model."""
    units: Units
    """What it paid to this account."""
    gas: Gas
    """Spent on it."""


class Claims(Shape):
    """Revenue moved to this node's wallet."""

    claims: tuple[ClaimPaid, ...]
    """Pools that paid."""
    units: Units
    """In all."""
    gas: Gas
    """In all."""

    @property
    def pools(self) -> int:
        """How many paid."""
        return len(self.claims)


class ShowEarnings(Nothing):
    """Show what grants and models earned this node."""


class ClaimRevenue(Request):
    """Move your share of revenue to your wallet."""

    model: Annotated[str | None, Reference(kind="model"), ARGUMENT] = None
    """One model only; by default all."""


EARNINGS = Operation("earnings", ShowEarnings, Earnings, "/earnings", Effect.READS, example="")
CLAIM = Operation("claim", ClaimRevenue, Claims, "/claim", Effect.LASTS, example="'Tumour model'")
OPERATIONS = (EARNINGS, CLAIM)

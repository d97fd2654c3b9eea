"""Answers about payment, channels and earnings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.kernel.shape import Account, Bps, Count, Gas, Id, Shape, Units
from freehold.kernel.wire import SignedReceipt


class Output(Shape):
    """A model's answer to one row."""

    label: Literal[0, 1]
    """1 where the probability is one half or more."""
    probability_ppm: Annotated[int, Field(ge=0, le=1_000_000)]
    """Probability of label 1, in millionths."""


class Prediction(Shape):
    """A paid answer."""

    model: Id
    """The model that answered."""
    outputs: list[Output]
    """One for each row, in order."""
    receipt: SignedReceipt
    """Signed by both sides."""


class CallQuote(Shape):
    """What a call would cost now, beside what this node may spend."""

    model: Id
    """The model."""
    per: Literal["call", "row"]
    """What its price is for."""
    rows: Count
    """Rows of the call."""
    price_units: Units
    """Cost of the call."""
    deposit_units: Units
    """What would be set aside before it, for this call and later ones; 0 where the channel has room."""
    free_units: Units
    """What the channel has for more calls."""
    gas: Gas
    """About what setting it aside takes."""
    balance_units: Units
    """In the wallet."""
    spend_per_act_micro: Units
    """Ceiling of one act; 0 is not set."""
    spend_per_day_micro: Units
    """Ceiling of any 24 hours; 0 is not set."""
    spent_units: Units
    """What the last 24 hours took."""


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
    grants: list[Sold]
    """Grants sold."""
    models: list[Holding]
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

    claims: list[ClaimPaid]
    """Pools that paid."""
    units: Units
    """In all."""
    gas: Gas
    """In all."""

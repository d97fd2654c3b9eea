"""Answers about payment, channels and earnings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.kernel.shape import Account, Bps, Count, Gas, Id, Shape, Time, Units
from freehold.shell.answers.proof import SignedReceipt


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


class Channel(Shape):
    """A payment channel this node pays from."""

    channel: Id
    """Its id."""
    model: Id
    """The model it pays for."""
    provider: Account
    """Owner of the model."""
    deposited_units: Units
    """Put in so far."""
    promised_units: Units
    """Signed away to the seller by vouchers, settled or not."""
    settled_units: Units
    """What the seller has brought to the chain."""
    free_units: Units
    """Left for more calls."""
    closes_at: Time
    """When the rest can be taken back; 0 unless it is closing."""
    status: Literal["open", "closing", "closed"]
    """Where it stands."""


class Unsettled(Shape):
    """A channel of somebody else, whose vouchers this node has accepted and not yet settled."""

    channel: Id
    """Its id."""
    model: Id
    """The model that was paid for."""
    promised_units: Units
    """By its newest voucher, in all."""
    state: Literal["due", "waiting", "refused", "quarantined"]
    """due: at the next pass. waiting: not worth its gas yet. refused: in a trial, which cost nothing. quarantined: it
    failed on chain, so it is sent again only after `freehold channels retry`."""
    code: str
    """Kind of the last error; empty without one."""
    title: str
    """A sentence on it."""
    next_try_at: Time
    """When it is looked at again; 0 if at the next pass or not by itself."""


class Lost(Shape):
    """A channel of somebody else, who withdrew before its last vouchers were settled."""

    channel: Id
    """Its id."""
    model: Id
    """The model that was to be paid for."""
    units: Units
    """Promised, and never to come."""
    at: Time
    """When this node found out."""


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


class Channels(Shape):
    """All channels this node pays from, and those it has vouchers of."""

    channels: list[Channel]
    """In no order."""
    unsettled: list[Unsettled]
    """Channels of others with something to settle."""
    lost: list[Lost]
    """Channels of others that ended with something promised, the newest first."""
    gas: GasDay
    """What the node spends on gas by itself."""


class Retried(Shape):
    """What came of trying a channel once more by hand."""

    channel: Id
    """Its id."""
    units: Units
    """Brought to the chain."""
    gas: Gas
    """Spent on it."""


class Closing(Shape):
    """What came of closing a channel."""

    channel: Id
    """Its id."""
    status: Literal["closing", "closed"]
    """Asked to close, or closed for good."""
    closes_at: Time
    """When the rest can be taken back; 0 once closed."""
    withdrawn_units: Units
    """Taken back by this call."""
    gas: Gas
    """Spent by this call."""


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


class ChannelSettled(Shape):
    """A channel whose vouchers became money in the pool."""

    channel: Id
    """Its id."""
    units: Units
    """What came in."""
    gas: Gas
    """Spent on it."""


class ChannelFailed(Shape):
    """A channel that could not be settled now."""

    channel: Id
    """Its id."""
    code: str
    """Kind of error."""
    title: str
    """A sentence."""


class Settlement(Shape):
    """What buyers paid, brought to the chain."""

    settled: list[ChannelSettled]
    """Channels that brought money."""
    failed: list[ChannelFailed]
    """Channels that are tried again next time."""
    units: Units
    """In all."""
    gas: Gas
    """In all."""

"""Payments: what their operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Account, Gas, Id, Shape, Time, Units
from freehold.kernel.surface import ARGUMENT
from freehold.kernel.wire import GasDay

GROUPS = {"channels": "Dollars set aside to pay for predictions."}


class OfChannel(Shape):
    """Of a payment channel."""

    channel: Id
    """Its id."""


class Channel(OfChannel):
    """A payment channel this node pays from."""

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


class Unsettled(OfChannel):
    """A channel of somebody else, whose vouchers this node has accepted and not yet settled."""

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


class Lost(OfChannel):
    """A channel of somebody else, who withdrew before its last vouchers were settled."""

    model: Id
    """The model that was to be paid for."""
    units: Units
    """Promised, and never to come."""
    at: Time
    """When this node found out."""


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


class Retried(OfChannel):
    """What came of trying a channel once more by hand."""

    units: Units
    """Brought to the chain."""
    gas: Gas
    """Spent on it."""


class Closing(OfChannel):
    """What came of closing a channel."""

    status: Literal["closing", "closed"]
    """Asked to close, or closed for good."""
    closes_at: Time
    """When the rest can be taken back; 0 once closed."""
    withdrawn_units: Units
    """Taken back by this call."""
    gas: Gas
    """Spent by this call."""


class ChannelSettled(OfChannel):
    """A channel whose vouchers became money in the pool."""

    units: Units
    """What came in."""
    gas: Gas
    """Spent on it."""


class ChannelFailed(OfChannel):
    """A channel that could not be settled now."""

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


class StatusPart(Shape):
    """What `status` says of payments."""

    lost_units: Units
    """Promised for answers by buyers that withdrew before it was settled: see `freehold channels list`."""


STATUS = StatusPart
ChannelId = Annotated[str, ARGUMENT]


class ListChannels(Nothing):
    """List channels: those paid from, and those still to settle."""


class CloseChannel(Request):
    """Take back what a channel still holds.

    The first call asks to close; the seller then has a day to settle what was paid. Call again after that
    to get the rest.
    """

    channel: ChannelId
    """Id of a channel, in full or its first digits."""


class RetryChannel(Request):
    """Settle a channel once more that failed or was refused.

    A settlement that was mined and failed has cost its gas, so the node does not send another by itself.
    """

    channel: ChannelId
    """Id of a channel, in full or its first digits."""


class Settle(Nothing):
    """Bring what buyers paid to the chain."""


LIST = Operation("channels.list", ListChannels, Channels, "/channels", Effect.READS, example="")
CLOSE = Operation(
    "channels.close",
    CloseChannel,
    Closing,
    "/channels/{channel}/close",
    Effect.LASTS,
    method="close_channel",
    example="0x1c9e",
)
RETRY = Operation(
    "channels.retry",
    RetryChannel,
    Retried,
    "/channels/{channel}/retry",
    Effect.LASTS,
    method="retry_channel",
    example="0x1c9e",
)
SETTLE = Operation("settle", Settle, Settlement, "/settle", Effect.LASTS, example="")
OPERATIONS = (LIST, CLOSE, RETRY, SETTLE)

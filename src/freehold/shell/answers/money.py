"""Answers about payment, channels and earnings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.kernel.shape import Count, Gas, Id, Shape, Units
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

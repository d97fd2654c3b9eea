"""Data: what its operations ask and answer."""

from __future__ import annotations

from typing import Any, Literal

from freehold.kernel.operation import Operation
from freehold.kernel.shape import Account, Count, Epsilon, Id, Shape, Time, Units

Approval = Literal["automatic", "ask"]
"""How grants on an asset come about: asking within its terms is consent, or its owner decides each request."""


class AssetRow(Shape):
    """A dataset or model as lists show it."""

    id: Id
    """The asset."""
    kind: Literal["dataset", "model"]
    """What it is."""
    name: str
    """As its owner calls it."""
    description: str
    """In its owner's words; may be empty."""
    owner: Account
    """Whose it is."""
    owner_name: str
    """As the owner calls itself."""
    rows: Count | None
    """Rows of a dataset; null for a model."""
    columns: list[str] | None
    """Names of the feature columns, in order."""
    label: str | None
    """Name of the 0/1 column."""
    subject: str | None
    """Column by which rows of one person or thing were told apart; null if none was named."""
    rows_each: Count
    """Most rows of one subject."""
    reveals: Literal["answers", "noised", "update"]
    """What a use shows of the rows: results only, noised updates, or exact updates."""
    epsilon_run_micro: Epsilon
    """Most that one training run may cost the rows."""
    epsilon_life_micro: Epsilon
    """Most that all runs together may cost them; what older versions promised may be less."""
    price_units: Units
    """Price of a grant, or of each use."""
    price_per: Literal["grant", "use"]
    """What the price is for."""
    per: Literal["call", "row"]
    """Of a price per use: for a call, or for each of its rows."""
    rows_per_call: Count
    """Most rows of one call."""
    round_to: Count
    """Decimals of a probability in an answer; 0 is the label alone."""
    expires_at: Time
    """When its terms end."""
    approval: Approval
    """Whether grants are issued at once or the owner decides each request."""
    mine: bool
    """Whether this node owns it."""


ASSET = AssetRow
"""What lists show of an asset, also those of whoever does not know this feature."""
OPERATIONS: tuple[Operation[Any], ...] = ()

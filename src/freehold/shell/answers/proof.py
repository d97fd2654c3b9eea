"""Answers about receipts, lineage, evidence and the log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.core.documents import Action
from freehold.features.data.wire import AssetRow
from freehold.kernel.shape import SOMETIMES, Account, Bps, Count, Id, Shape, Time, Units


class ReceiptRow(Shape):
    """A receipt as lists show it."""

    id: Id
    """The receipt."""
    action: Action
    """What was done."""
    provider: Account
    """Who did it."""
    provider_name: str
    """As it calls itself, or the beginning of its account."""
    holder: Account
    """For whom."""
    holder_name: str
    """As it calls itself, or the beginning of its account."""
    asset: Id
    """What was used."""
    grant: Id
    """Which grant allowed it."""
    units: Units
    """What it cost."""
    issued_at: Time
    """When."""
    position: Count | None
    """Its place in this node's log; null where it is in another's only."""
    anchored: bool
    """Whether the chain vouches for that place."""
    complete: bool
    """Whether both sides have signed."""


class Receipts(Shape):
    """The newest receipts with this party on either side."""

    receipts: list[ReceiptRow]
    """Oldest first."""
    total: Count
    """All there are, listed or not."""


class LineageNode(Shape):
    """A thing in a lineage: a dataset that is not known here, or a receipt."""

    id: Id
    """Its id."""
    kind: Literal["dataset", "receipt"]
    """What it is."""
    name: str
    """Its name; of a receipt, its action."""
    owner_name: str
    """Who owns it; of a receipt, who asked. Empty where unknown."""
    weight: Bps = SOMETIMES
    """Its share of what was made from it; not of receipts."""


class LineageAsset(AssetRow):
    """An asset in a lineage, with all its fields."""

    weight: Bps
    """Its share of what was made from it."""


class LineageEdge(Shape):
    """That one thing came from another."""

    from_: Annotated[Id, Field(alias="from")]
    """The source."""
    to: Id
    """What was made from it."""
    role: str
    """As what it was used."""
    weight: Bps
    """Its share of the result."""


class Lineage(Shape):
    """From an asset or receipt back to the data."""

    nodes: list[LineageAsset | LineageNode]
    """The things."""
    edges: list[LineageEdge]
    """How they hang together."""
    calls: Count
    """Answers bought or sold here, of any model."""


class EvidenceFiles(Shape):
    """Files that prove one answer; `freehold evidence` writes them."""

    files: dict[str, str]
    """Text by path."""

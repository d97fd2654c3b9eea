"""Answers about assets, grants and requests for grants."""

from __future__ import annotations

from typing import Literal

from freehold.core.documents import Action
from freehold.features.grants.wire import AskRow, RequestRow
from freehold.kernel.shape import Account, Count, Gas, Id, Shape, Time, Units


class GrantRow(Shape):
    """A grant that this node issued or holds."""

    id: Id
    """The grant."""
    issued: bool
    """True where this node issued it, false where it holds it."""
    asset: Id
    """What it allows to use."""
    asset_name: str
    """As its owner calls it; empty where the asset is not known here."""
    issuer: Account
    """Who gave it."""
    holder: Account
    """Who may use it."""
    actions: list[Action]
    """What it allows."""
    purposes: list[str]
    """For which purposes."""
    price_units: Units
    """Price of the grant, or of each use."""
    price_per: Literal["grant", "use"]
    """What the price is for."""
    uses: Count
    """Uses so far; a holder counts those it has receipts of."""
    max_uses: Count
    """Uses it allows."""
    spent_units: Units
    """Cost of the uses so far."""
    spend_cap_units: Units
    """Most that its uses may cost; 0 where uses are not charged."""
    expires_at: Time
    """When it ends."""
    revoked: bool
    """Whether its issuer took it back."""


class Grants(Shape):
    """All grants issued or held here."""

    grants: list[GrantRow]
    """Oldest first."""


class GrantPending(Shape):
    """No grant yet: its owner decides by hand (HTTP 202)."""

    status: Literal["waiting", "countered"]
    """Not answered yet, or other terms offered."""
    asked: AskRow
    """The request."""


class Revocation(Shape):
    """A grant taken back."""

    grant: Id
    """The grant."""
    claim: Id
    """The signed statement that says so."""
    gas: Gas
    """Spent on anchoring the log and on the bit on chain."""


class Requests(Shape):
    """Requests for grants that owners decide by hand, both ways."""

    requests: list[RequestRow]
    """Made to this node, oldest first."""
    asked: list[AskRow]
    """Made by this node and not granted yet, oldest first."""


class Decided(Shape):
    """A request after this node's word."""

    request: RequestRow
    """As it stands now."""


class Dropped(Shape):
    """A request of this node that is forgotten."""

    asked: AskRow
    """As it last stood."""

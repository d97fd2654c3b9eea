"""Grants: what their operations ask and answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import with_config
from typing_extensions import TypedDict

from freehold.core.documents import Action
from freehold.kernel.operation import Operation
from freehold.kernel.shape import STRICT, Account, Count, Epsilon, Id, Time, Units

State = Literal["waiting", "countered", "accepted", "refused"]
AskState = Literal["asked", "waiting", "countered", "refused", "dropped"]


@with_config(STRICT)
class OfferRow(TypedDict):
    """Other terms that an owner offers."""

    id: Id
    """Names these very terms."""
    purposes: list[str]
    """For which purposes."""
    max_uses: Count
    """Uses it allows."""
    expires_at: Time
    """When the grant would end."""
    price_units: Units
    """Price of the grant, or of each use."""
    price_per: Literal["grant", "use"]
    """What the price is for."""
    total_units: Units
    """Most it costs in all."""
    note: str
    """The owner's line for the asker; may be empty."""


@with_config(STRICT)
class PlannedRow(TypedDict):
    """An owner that takes part in a training run."""

    account: Account
    """The owner."""
    name: str
    """As it calls itself; the first digits of its account where it is not known here."""
    rows: Count
    """Rows of its dataset."""


@with_config(STRICT)
class RequestedRun(TypedDict):
    """The training run that a request is for, as its plan says."""

    run: Id
    """The plan's hash, which the grant would name."""
    level: Literal["noised", "update"]
    """What owners would reveal."""
    epsilon_micro: Epsilon
    """What it would cost this owner's rows, in millionths of epsilon; 0 at level update, which has no bound."""
    delta_exponent: Count
    """Delta is ten to the minus this."""
    rows_each: Count
    """Most rows of one subject; epsilon is for all of them together."""
    rounds: Count
    """Rounds of training."""
    owners: list[PlannedRow]
    """Who would take part, this owner among them."""
    test_rows: Count
    """Rows of the test table."""
    test_positives: Count
    """Those of label 1."""
    test_holder: Account
    """Who keeps the test table until the end: the builder, or a validator."""
    earlier_runs: list[Id]
    """Runs that used the same rows before."""
    left_micro: Epsilon
    """Largest epsilon of a run that would still fit into the budget of these rows afterwards."""


@with_config(STRICT)
class RequestRow(TypedDict):
    """A request as the owner is shown it."""

    id: Id
    """The request."""
    state: State
    """Where it stands."""
    holder: Account
    """Account that asks."""
    holder_name: str
    """As it called itself when it asked; anyone may take any name."""
    asset: Id
    """What is asked for."""
    asset_name: str
    """As its owner calls it."""
    actions: list[Action]
    """What the grant would allow."""
    purposes: list[str]
    """For which purposes."""
    max_uses: Count
    """Uses it would allow."""
    expires_at: Time
    """When the grant would end."""
    price_units: Units
    """Price of the grant, or of each use."""
    price_per: Literal["grant", "use"]
    """What the price is for."""
    spend_cap_units: Units
    """Most that its uses may cost; 0 where uses are not charged."""
    total_units: Units
    """Most it pays in all."""
    asked_at: Time
    """When it was made."""
    lapses_at: Time
    """After which it is forgotten."""
    offer: OfferRow | None
    """Other terms its owner offered; null for none."""
    reason: str
    """Of a refusal; else empty."""
    grant: str
    """Id of the grant it became; else empty."""
    training: RequestedRun | None
    """The run it is for; null where it is not for training."""


@with_config(STRICT)
class AskRow(TypedDict):
    """A request as the asker is shown it."""

    id: Id
    """The request."""
    state: AskState
    """Where it stands."""
    asset: Id
    """What is asked for."""
    asset_name: str
    """As its owner calls it."""
    owner: Account
    """Who decides."""
    owner_name: str
    """As it calls itself."""
    action: Action
    """What the grant is to allow."""
    purpose: str | None
    """None is the asset's first."""
    max_uses: Count | None
    """None is as many as the terms allow."""
    spend_cap_units: Units
    """Most that its uses may cost; 0 where uses are not charged."""
    price_units: Units
    """As published."""
    asked_at: Time
    """When it was made."""
    job: str
    """Training job it was made for; else empty."""
    offer: OfferRow | None
    """Other terms the owner offers; null for none."""
    reason: str
    """Of a refusal; else empty."""
    ask_again_at: Time
    """After a refusal; else 0."""


OPERATIONS: tuple[Operation[Any], ...] = ()

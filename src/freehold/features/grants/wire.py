"""Grants: what their operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.core.documents import Action, Word
from freehold.features.data.wire import MOST_DAYS
from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Account, Count, Epsilon, Gas, Id, Shape, Time, Units
from freehold.kernel.surface import ARGUMENT, Dollars, Flag, Reference
from freehold.kernel.wire import AtMost, Before, Ceiling, PageSize

PAGE = 100

State = Literal["waiting", "countered", "accepted", "refused"]
AskState = Literal["asked", "waiting", "countered", "agreed", "refused", "dropped"]


class Priced(Shape):
    """Terms as every row shows them."""

    purposes: tuple[str, ...]
    """For which purposes."""
    price_units: Units
    """Price of the grant, or of each use."""
    price_per: Literal["grant", "use"]
    """What the price is for."""


class Open(Shape):
    """A request as both sides are shown it."""

    id: Id
    """The request."""
    asset: Id
    """What is asked for."""
    asset_name: str
    """As its owner calls it."""
    spend_cap_units: Units
    """Most that its uses may cost; 0 where uses are not charged."""
    asked_at: Time
    """When it was made."""
    reason: str
    """Of a refusal; else empty."""


class OfferRow(Priced):
    """Other terms that an owner offers."""

    id: Id
    """Names these very terms."""
    max_uses: Count
    """Uses it allows."""
    expires_at: Time
    """When the grant would end."""
    total_units: Units
    """Most it costs in all."""
    note: str
    """The owner's line for the asker; may be empty."""


class PlannedRow(Shape):
    """An owner that takes part in a training run."""

    account: Account
    """The owner."""
    name: str
    """As it calls itself; the first digits of its account where it is not known here."""
    rows: Count
    """Rows of its dataset."""


class RequestedRun(Shape):
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
    owners: tuple[PlannedRow, ...]
    """Who would take part, this owner among them."""
    test_rows: Count
    """Rows of the test table."""
    test_positives: Count
    """Those of label 1."""
    test_holder: Account
    """Who keeps the test table until the end: the builder, or a validator."""
    judge: str
    """Account that may be shown all rows of one owner after the run, as the terms name it too; else empty."""
    earlier_runs: tuple[Id, ...]
    """Runs that used the same rows before."""
    left_micro: Epsilon
    """Largest epsilon of a run that would still fit into the budget of these rows afterwards."""


class RequestRow(Open, Priced):
    """A request as the owner is shown it."""

    state: State
    """Where it stands."""
    holder: Account
    """Account that asks."""
    holder_name: str
    """As it called itself when it asked; anyone may take any name."""
    actions: tuple[Action, ...]
    """What the grant would allow."""
    max_uses: Count
    """Uses it would allow."""
    expires_at: Time
    """When the grant would end."""
    total_units: Units
    """Most it pays in all."""
    lapses_at: Time
    """After which it is forgotten."""
    offer: OfferRow | None
    """Other terms its owner offered; null for none."""
    grant: str
    """Id of the grant it became; else empty."""
    training: RequestedRun | None
    """The run it is for; null where it is not for training."""

    @property
    def rounds(self) -> int | None:
        """Of the training run it is for; None where it is for something else."""
        return self.training.rounds if self.training else None

    @property
    def level(self) -> str:
        """noised, or update for exact updates; empty where it is not for training."""
        return self.training.level if self.training else ""

    @property
    def epsilon_micro(self) -> int | None:
        """What that run would cost these rows."""
        return self.training.epsilon_micro if self.training else None

    @property
    def left_micro(self) -> int | None:
        """Largest epsilon of a run that would still fit afterwards."""
        return self.training.left_micro if self.training else None

    @property
    def owners(self) -> tuple[str, ...]:
        """Who would take part, by account, you among them."""
        return tuple(one.account for one in self.training.owners) if self.training else ()

    @property
    def test_rows(self) -> int | None:
        """Of the test table."""
        return self.training.test_rows if self.training else None

    @property
    def test_positives(self) -> int | None:
        """Those of label 1."""
        return self.training.test_positives if self.training else None

    @property
    def earlier_runs(self) -> tuple[str, ...]:
        """On the same rows."""
        return self.training.earlier_runs if self.training else ()


class AskRow(Open):
    """A request as the asker is shown it."""

    state: AskState
    """Where it stands."""
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
    price_units: Units
    """As published."""
    job: str
    """Training job it was made for; else empty."""
    offer: OfferRow | None
    """Other terms the owner offers; null for none."""
    ask_again_at: Time
    """After a refusal; else 0."""


class GrantRow(Priced):
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
    actions: tuple[Action, ...]
    """What it allows."""
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

    grants: tuple[GrantRow, ...]
    """Oldest first."""
    earlier: str
    """What `before` takes for the page of older ones; empty where there are none."""


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

    requests: tuple[RequestRow, ...]
    """Made to this node, oldest first."""
    asked: tuple[AskRow, ...]
    """Made by this node and not granted yet, oldest first."""


class Decided(Shape):
    """A request after this node's word."""

    request: RequestRow
    """As it stands now."""


class Dropped(Shape):
    """A request of this node that is forgotten."""

    asked: AskRow
    """As it last stood."""


class ListGrants(Request):
    """List the grants that this node issued or holds."""

    limit: PageSize = PAGE
    """How many of the newest, by default 100."""
    before: Annotated[Before, Flag(metavar="GRANT")] = ""


class AskGrant(Request):
    """Get a grant for an asset, paying its price if it has one.

    Runs ask for grants on datasets themselves, by their plans; such a grant by itself would permit nothing.
    Where the owner decides by hand, the request waits and nothing is paid; asking again is the same request.
    """

    asset: Annotated[str, Reference(kind="asset"), ARGUMENT]
    """Id of the asset, in full or its first digits."""
    action: Annotated[Action, Flag(first=True)] = "infer"
    """What it is to allow, by default infer; training asks for its own grants."""
    purpose: Word | None = None
    """One of the asset's purposes; by default its first."""
    max_uses: Annotated[int, Field(ge=1, le=2**53 - 1)] | None = None
    """Fewer uses than the terms allow."""
    spend_cap_units: Annotated[Ceiling, Dollars()] = 0
    """Most to spend under this grant."""
    at_most_units: AtMost = None
    """Most that it may take from the wallet; the node's own limits count besides."""


class RevokeGrant(Request):
    """Take a grant back.

    Denied here at once, said in the log, which is anchored with it, and shown to everybody by one bit on chain.
    What was trained before stays trained.
    """

    grant_id: Annotated[str, Reference(face="grant", kind="grant"), ARGUMENT]
    """Id of a grant issued here; "last" is the newest of those."""


class ListRequests(Nothing):
    """List requests that wait for an owner's word, both ways.

    Those made to you, where you decide each one by hand, and those you made to others.
    """


class OfIncoming(Request):
    """A request made to this node."""

    request_id: Annotated[str, Reference(face="request", kind="request"), ARGUMENT]
    """Id of the request, in full or its first digits."""


class OfOutgoing(Request):
    """A request of this node."""

    request_id: Annotated[str, Reference(face="request"), ARGUMENT]
    """Id of the request, in full or its first digits."""


class AcceptRequest(OfIncoming):
    """Issue the grant that was asked for."""


class CounterRequest(OfIncoming):
    """Offer other terms for a request.

    They stay within the published terms, and the price does not go below the published one.
    """

    price_units: Annotated[Ceiling | None, Dollars()] = None
    """Dollars, such as 2.50."""
    max_uses: Annotated[int, Field(ge=1, le=2**53 - 1)] | None = None
    """Other number of uses."""
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None
    """Other length, from now."""
    purposes: Annotated[
        list[Word] | None, Field(min_length=1, max_length=32), Flag(("--purpose",), metavar="PURPOSE")
    ] = None
    """Other purpose of those published; repeatable."""
    note: str = ""
    """A line for the asker."""


class RefuseRequest(OfIncoming):
    """Say no to a request, and why.

    The same account is not heard about the same asset for a day.
    """

    reason: Annotated[str, Flag(first=True)]
    """One line, which the asker reads."""


OfferSeen = Annotated[str, Field(pattern=r"^0x[0-9a-f]{16,64}$"), Reference(face="offer")]
"""As many digits as nobody finds another offer for."""


class TakeOffer(OfOutgoing):
    """Take up the other terms an owner offered, and pay."""

    offer: OfferSeen | None = None
    """The offer that you saw, by 16 of its digits or more; without it, the owner's newest that was heard here."""
    at_most_units: AtMost = None
    """Most that it may take from the wallet; the node's own limits count besides."""


class DropRequest(OfOutgoing):
    """Forget a request you made; a training job that made it stops."""


LIST = Operation("grants.list", ListGrants, Grants, "/grants", Effect.READS, gives="grants", example="")
ASK = Operation(
    "grants.ask",
    AskGrant,
    GrantRow,
    "/grants",
    Effect.SPENDS,
    method="grant",
    waiting=GrantPending,
    example="0x3f2a --action infer --max-uses 30",
)
REVOKE = Operation(
    "grants.revoke", RevokeGrant, Revocation, "/grants/{grant_id}/revoke", Effect.LASTS, example="0x5d01"
)
REQUESTS = Operation(
    "grants.requests", ListRequests, Requests, "/requests", Effect.READS, gives="requests", example=""
)
ACCEPT = Operation(
    "grants.accept",
    AcceptRequest,
    Decided,
    "/requests/{request_id}/accept",
    Effect.LASTS,
    gives="request",
    example="0x8e44",
)
COUNTER = Operation(
    "grants.counter",
    CounterRequest,
    Decided,
    "/requests/{request_id}/counter",
    Effect.LASTS,
    gives="request",
    example="0x8e44 --days 30",
)
REFUSE = Operation(
    "grants.refuse",
    RefuseRequest,
    Decided,
    "/requests/{request_id}/refuse",
    Effect.LASTS,
    gives="request",
    example="0x8e44 --reason 'only for research'",
)
TAKE = Operation(
    "grants.take", TakeOffer, GrantRow, "/requests/{request_id}/take", Effect.SPENDS, example="0x8e44"
)
DROP = Operation(
    "grants.drop",
    DropRequest,
    Dropped,
    "/requests/{request_id}/drop",
    Effect.LASTS,
    gives="asked",
    example="0x8e44",
)
OPERATIONS = (LIST, ASK, REVOKE, REQUESTS, ACCEPT, COUNTER, REFUSE, TAKE, DROP)
GROUPS = {"grants": "Permissions to use data and models: yours and others'."}

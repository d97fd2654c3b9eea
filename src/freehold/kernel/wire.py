"""What the kernel's own operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, create_model

from freehold.core.documents import Name, Receipt
from freehold.core.signing import Signature
from freehold.kernel import installed
from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Account, Count, Gas, Id, Reason, Shape, Time, Units
from freehold.kernel.surface import ARGUMENT, Dollars, Flag, Reference


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


class SignedReceipt(Shape):
    """A receipt with its signatures."""

    document: Receipt
    """The receipt; its id is the SHA-256 of its canonical JSON (RFC 8785)."""
    signatures: list[Signature]
    """EIP-712, by role."""


class ChainSeen(Shape):
    """The chain a node works with."""

    id: Count
    """Chain id (EIP-155)."""
    block: Count | None
    """Newest block; null while it does not answer."""
    rpc_url: str
    """JSON-RPC endpoint."""


class LogSize(Shape):
    """How long the log is."""

    size: Count
    """Entries."""
    anchored: Count | None
    """Entries the chain vouches for; null while it does not answer."""


class Counts(Shape):
    """Documents kept here."""

    party: Count
    """Parties."""
    asset: Count
    """Datasets and models, of anyone."""
    grant: Count
    """Grants issued or held."""
    receipt: Count
    """Receipts."""
    claim: Count
    """Claims."""


class WorkRow(Shape):
    """Work the node does again and again by itself."""

    name: str
    """Short."""
    about: str
    """What it does."""
    state: Literal["waiting", "running", "failing"]
    """A failing one is tried again, ever more seldom."""
    every_seconds: Count
    """Pause after a success."""
    runs: Count
    """How often it was done since the node started."""
    attempts: Count
    """Failures in a row."""
    last_error: Reason | None
    """The newest failure, even if mended since."""
    last_ended_at: Time | None
    """When it was last done."""
    last_success_at: Time | None
    """When it last succeeded."""
    next_try_at: Time | None
    """When it is done next."""


class TaskRow(Shape):
    """A job as the node's overview shows it."""

    id: Id
    """The job."""
    name: str
    """Of what it makes."""
    state: Literal["running", "waiting", "stopped", "done"]
    """A waiting one is taken up again by the node, a stopped one by its owner."""
    step: str
    """What it does, or where it stands still."""
    attempts: Count
    """Failures at this step, in a row."""
    last_error: Reason | None
    """Of the newest attempt."""
    next_try_at: Time | None
    """When it is taken up again; null if it waits for its owner or runs."""


class Overview(Shape):
    """Recurring work and jobs."""

    work: tuple[WorkRow, ...]
    """Recurring work."""
    jobs: tuple[TaskRow, ...]
    """Jobs, oldest first."""


class Notice(Shape):
    """Something that its owner must know and do something about."""

    code: str
    """Of the error."""
    title: str
    """What is wrong."""
    hint: str
    """What to do."""


class Status(Overview):
    """A node at a glance."""

    name: str
    """As others see it."""
    account: Account
    """Its account."""
    url: str
    """Where others reach it."""
    chain: ChainSeen
    """Its chain."""
    database: str
    """Where its rows are kept; never with a password."""
    balance_units: Units | None
    """In its wallet; null while the chain does not answer."""
    log: LogSize
    """Its transparency log."""
    counts: Counts
    """What it keeps."""
    gas: GasDay
    """What it spends on gas by itself."""
    quarantined: tuple[str, ...]
    """Acts and subjects that failed on chain and wait for the owner: see `freehold channels list`."""
    notices: tuple[Notice, ...]
    """What is wrong with this home, the gravest first; mostly nothing."""
    version: str
    """Of Freehold."""

    @property
    def chain_id(self) -> int:
        """Of the chain (EIP-155)."""
        return self.chain.id

    @property
    def block(self) -> int | None:
        """Newest block of the chain; None while it does not answer."""
        return self.chain.block

    @property
    def log_size(self) -> int:
        """Log entries."""
        return self.log.size

    @property
    def log_anchored(self) -> int | None:
        """Log entries that the chain vouches for; None while it does not answer."""
        return self.log.anchored


def whole_status() -> type[Status]:
    """A status with what each feature adds to it: `STATUS` in its `wire`."""
    parts = (kind for owner, kind in installed.said("wire", "STATUS") if owner != installed.KERNEL)
    return create_model("Status", __base__=(*parts, Status), __doc__=Status.__doc__, __module__=__name__)


class Anchored(Shape):
    """What the chain vouches for now."""

    size: Count
    """Entries."""
    root: Id
    """Merkle root over them."""
    gas: Gas
    """Spent on it."""


class LogShown(Shape):
    """This node's transparency log."""

    origin: str
    """Its name in checkpoints."""
    key: str
    """Verifier key of its signed notes."""
    size: Count
    """Entries."""
    root: Id
    """Merkle root over them (RFC 6962)."""
    anchored: Count | None
    """Entries the chain vouches for; null while it does not answer."""
    checkpoint: str
    """Signed note over size and root (C2SP tlog-checkpoint)."""


Ceiling = Annotated[int, Field(ge=0, le=2**53 - 1)]
TypedAccount = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{40}$", to_lower=True)]
"""An account as people type it, in any case; documents write it in lower case."""

MOST_LISTED = 1_000
PageSize = Annotated[int, Field(ge=1, le=MOST_LISTED)]
"""How many a list shows at once."""
Before = Annotated[
    str,
    Field(
        max_length=66,
        description="For the next page: the `earlier` of this one, or the oldest that it shows.",
    ),
    Reference(),
]
"""Where a page begins."""
AtMost = Annotated[
    Ceiling | None,
    Dollars(face="at_most"),
    Flag(
        ("--max",),
        help="Most that this may take from the wallet, deposit included; the node's own limits count besides.",
    ),
]
"""Most that an act may cost, field `at_most_units` of every request that spends."""


class ShowStatus(Nothing):
    """Show this node, its chain and its money."""


class ShowWork(Nothing):
    """What the node does by itself, and its jobs: state, attempts, last error, next try."""


class ShowLog(Nothing):
    """Show this node's transparency log.

    The checkpoint is signed; the chain vouches for the entries that are anchored.
    """


class Anchor(Nothing):
    """Put the fingerprint of this node's log on chain, so that what stands in it can be proven from now on."""


class ShowGas(Nothing):
    """Gas that this node has spent, by kind of act."""


class Limits(Request):
    """Set what this node may spend.

    A limit is in dollars and counts from now on, also in a node that runs; what is left out stays, 0 is no limit.
    """

    spend_per_day_micro: Annotated[Ceiling | None, Dollars(face="per_day")] = None
    """Most to spend in any 24 hours from now on; 0 is no limit."""
    spend_per_act_micro: Annotated[Ceiling | None, Dollars(face="per_act")] = None
    """Most for one call with its deposit, one grant or one training job; 0 is no limit."""


class Spent(Nothing):
    """What this node may spend, and what the last 24 hours took of it."""


InvitedRole = Literal["decider", "finance", "auditor"]


class PersonShown(Shape):
    """Somebody with a log-in in this node's console."""

    name: str
    """Under which they log in."""
    role: InvitedRole
    """What they may do."""
    waits: bool
    """Whether they have not chosen a password yet."""
    added_at: Time
    """When the owner invited them."""
    seen_at: Time
    """When they last logged in; 0 for never."""


class PeopleShown(Shape):
    """Everybody with a log-in besides the owner."""

    people: list[PersonShown]
    """By their names."""


class CodeMade(Shape):
    """A code with which somebody chooses a password."""

    name: str
    """For whom."""
    code: str
    """Shown this once; typed on the page for codes. It works once."""
    until: Time
    """When it stops to."""


class ListPeople(Nothing):
    """List the people who have a log-in besides the owner."""


class AddPerson(Request):
    """Invite somebody into the console, with a code shown once.

    With the code they choose a password, within 72 hours. The node signs with its own keys for all of them; who acted inside it, its trail says.
    """

    name: Annotated[Name, ARGUMENT]
    """Under which they log in."""
    role: Annotated[InvitedRole, ARGUMENT]
    """decider, finance or auditor: what they may do."""


class ChangeRole(Request):
    """Give somebody another role.

    Whoever is logged in under that name has to log in again.
    """

    name: Annotated[Name, ARGUMENT]
    """Whose."""
    role: Annotated[InvitedRole, ARGUMENT]
    """decider, finance or auditor."""


class ResetPerson(Request):
    """Make a new code for somebody who lost the password.

    Their password and their sessions end at once.
    """

    name: Annotated[Name, ARGUMENT]
    """Whose."""


class RemovePerson(Request):
    """Take somebody's log-in away at once.

    What they did stays in the trail.
    """

    name: Annotated[Name, ARGUMENT]
    """Whose."""


GROUPS = {"people": "People with a log-in of their own in this node's console."}
PEOPLE = Operation(
    "people.list", ListPeople, PeopleShown, "/people", Effect.READS, gives="people", example="", personal=True
)
ADD_PERSON = Operation(
    "people.add",
    AddPerson,
    CodeMade,
    "/people",
    Effect.CHANGES,
    method="add_person",
    example='"Anna Berg" auditor',
    personal=True,
)
CHANGE_ROLE = Operation(
    "people.role",
    ChangeRole,
    PeopleShown,
    "/people/role",
    Effect.CHANGES,
    method="change_role",
    example='"Anna Berg" finance',
    personal=True,
)
RESET_PERSON = Operation(
    "people.reset",
    ResetPerson,
    CodeMade,
    "/people/reset",
    Effect.CHANGES,
    method="reset_person",
    example='"Anna Berg"',
    personal=True,
)
REMOVE_PERSON = Operation(
    "people.remove",
    RemovePerson,
    PeopleShown,
    "/people/remove",
    Effect.CHANGES,
    method="remove_person",
    example='"Anna Berg"',
    personal=True,
)
SPENDING = Operation("spending", Spent, Spending, "/spending", Effect.READS)
LIMIT = Operation("limit", Limits, Spending, "/spending", Effect.CHANGES, personal=True)
STATUS = Operation("status", ShowStatus, whole_status, "/status", Effect.READS, example="--json")
WORK = Operation("work", ShowWork, Overview, "/work", Effect.READS)
LOG = Operation("log", ShowLog, LogShown, "/log", Effect.READS, example="--anchor")
ANCHOR = Operation("anchor", Anchor, Anchored, "/anchor", Effect.LASTS)
GAS = Operation("gas", ShowGas, dict[str, Gas], "/gas", Effect.READS)
OPERATIONS = (
    STATUS, WORK, LOG, ANCHOR, GAS, SPENDING, LIMIT, PEOPLE, ADD_PERSON, CHANGE_ROLE, RESET_PERSON, REMOVE_PERSON,
)  # fmt: skip

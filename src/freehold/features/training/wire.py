"""Training: what its operations ask and answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from freehold.core.documents import EXACT_DECIMALS, MAX_ROWS_PER_CALL, Name, Word
from freehold.core.errors import InvalidInput
from freehold.features.data.wire import READ_AS, ReadAs
from freehold.features.grants.wire import AskRow
from freehold.features.models.wire import Level, Scores
from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Account, Bps, Count, Gas, Id, Reason, Rows, Shape, Time, Units
from freehold.kernel.surface import ARGUMENT, DOLLARS, EPSILON, FILE, Flag, LocalFile, Plain, Reference
from freehold.kernel.wire import AtMost, Ceiling, TypedAccount

GROUPS = {"tests": "Test tables kept for builders until a run is over."}
MAX_OWNERS = 256
"""As many as can share a model on chain (ModelShares); more is for simulations."""
MAX_ROUNDS = 200
_COMMITMENT = re.compile(r"0x[0-9a-fA-F]{64}")

Step = Literal["plan", "grants", "rounds", "open", "value", "agree", "release", "done", "withheld"]


class Away(Shape):
    """An owner that was left out of rounds."""

    rounds: tuple[Count, ...]
    """Which; none means it takes no part at all."""
    code: str
    """What kind of failure, the last time."""
    why: str
    """In words."""
    at: Time
    """When, the last time."""


class LeftOut(Away):
    """Who was left out of rounds, and of which."""

    account: Account
    """The owner."""


class Job(Shape):
    """A training job as it stands now."""

    id: Id
    """The job."""
    name: str
    """Name of the model it makes."""
    step: Step
    """What it does, or where it stands still."""
    round: Count
    """Newest round that is over."""
    rounds: Count
    """Rounds it trains in all."""
    left_out: Annotated[dict[Account, Away], Field(alias="absent")]
    """Owners that were left out of rounds, in which and why."""
    not_agreed: Annotated[dict[Account, str], Field(alias="silent")]
    """Owners that have not agreed to the split, and why."""
    grants: dict[Account, Id]
    """Grants it uses, by owner; those obtained so far."""
    owners: Count
    """How many owners were asked to take part."""
    level: Level
    """What owners reveal."""
    epsilon_micro: Count
    """Privacy budget that the run costs each owner's rows, in millionths of epsilon; 0 at level update."""
    quorum_bps: Bps
    """Part of the rows without which no round counts."""
    scores: Scores | None
    """On the test table, once it is opened."""
    model: Id | None
    """The model, once released."""
    run: Id | None
    """The training run, once planned."""
    held: bool
    """Whether it was stopped by hand until it is resumed."""
    asked: Annotated[list[AskRow], Field(alias="waiting")]
    """Requests that stand between it and its grants."""
    reason: Annotated[Reason | None, Field(alias="error")]
    """Why it stands still; null while it runs."""
    running: bool
    """Whether it goes on right now."""

    @property
    def job(self) -> str:
        """Its id."""
        return self.id

    @property
    def absent(self) -> Rows[LeftOut]:
        """Owners that were left out, kept over restarts."""
        return Rows(
            LeftOut.model_construct(account=account, **one.model_dump())
            for account, one in sorted(self.left_out.items())
        )

    @property
    def silent(self) -> tuple[str, ...]:
        """Owners (accounts) that have not agreed to the shares."""
        return tuple(sorted(self.not_agreed))

    @property
    def waiting(self) -> tuple[str, ...]:
        """Owners (by name) who decide by hand and have not agreed yet."""
        return tuple(row.owner_name for row in self.asked)

    @property
    def test_rows(self) -> int | None:
        """Of the opened test table; None before it is opened."""
        return self.scores.rows if self.scores else None

    @property
    def correct(self) -> int | None:
        """Of them, those the model gets right."""
        return self.scores.correct if self.scores else None

    @property
    def majority_correct(self) -> int | None:
        """Those that always giving the commoner label gets right."""
        return self.scores.majority_correct if self.scores else None

    @property
    def single_correct(self) -> int | None:
        """Those that the best single owner's direction gets right."""
        return self.scores.single_correct if self.scores else None

    @property
    def error(self) -> str:
        """Why it stands still; empty while it runs and when it is done."""
        return self.reason.title if self.reason else ""


class Jobs(Shape):
    """All training jobs."""

    jobs: list[Job]
    """Oldest first."""


class Preview(Shape):
    """What an order would come to, before anything is asked or paid."""

    rounds: Count
    """Steps of the common model."""
    uses: Count
    """Uses it makes of each dataset."""
    level: Level
    """What owners reveal."""
    epsilon_micro: Count
    """Privacy budget it costs each owner's rows, in millionths of epsilon."""
    delta_exponent: Count
    """Delta is ten to the minus this."""
    guess_ppm: Count
    """Most often that somebody who knows all else tells a row's presence, in millionths."""
    compared: bool
    """Whether owners' rows are compared, so that copies count once."""
    accuracy_without_bps: Bps
    """Right answers of a simulation on made-up rows without noise."""
    accuracy_with_bps: Bps
    """The same with the noise of this run."""
    share_error_bps: Bps
    """How uncertain a share is in that simulation; 10,000 says nothing at all."""
    test_rows: Count
    """Rows of the test table."""
    positives: Count
    """Those of label 1."""
    total_units: Units
    """Price of all grants."""
    gas: Gas
    """About what buying them takes."""
    spend_per_act_micro: Units
    """Ceiling of one act of this node; 0 is not set."""
    spend_per_day_micro: Units
    """Ceiling of any 24 hours; 0 is not set."""
    spent_units: Units
    """What the last 24 hours took."""

    @property
    def sentence(self) -> str:
        """What the epsilon means."""
        from freehold.features.privacy.rules import promises  # noqa: PLC0415

        return promises.of_use(self.model_dump())


class Audited(Shape):
    """What a judge found when an owner opened its table and noise."""

    run: Id
    """The training run."""
    owner: Account
    """Who was checked."""
    holds: bool
    """Whether table, noise and every update are the ones it committed to."""
    detail: str
    """In words."""
    claim: Id
    """The judge's signed finding."""


class TestHeld(Shape):
    """A test table that this node keeps for a builder."""

    test: Id
    """Its commitment, by which it is named."""
    rows: Count
    """How many it has."""
    positives: Count
    """Those of label 1."""
    label: str
    """Name of the label."""


class TestRow(TestHeld):
    """A test table among those that this node keeps."""

    run: Id | None
    """For which run it was opened; null while nobody saw it."""
    at: Time
    """Since when it is kept."""


class TestsHeld(Shape):
    """Test tables that this node keeps for builders."""

    tests: list[TestRow]
    """Oldest first."""


class JobStarted(Shape):
    """A training job that was begun."""

    job: Id
    """Its id."""


@dataclass(frozen=True)
class Exact(Plain):
    """Level update is typed as `exact`."""

    face: str = "exact"
    python = "bool"

    def take(self, given: Any) -> Any:
        """The level."""
        return "update" if given else "noised"


@dataclass(frozen=True)
class TestTable(LocalFile):
    """A file, or the commitment to a table that a validator keeps."""

    def take(self, given: Any) -> Any:
        """Its absolute path, or the commitment as it is."""
        kept = str(given).startswith("0x") and not Path(given).exists()
        return str(given) if kept else super().take(given)

    def is_path(self, value: str) -> bool:
        """Whether it is no commitment."""
        return not _COMMITMENT.fullmatch(value)


class Order(Request):
    """Train a model on datasets of others.

    Buys grants where needed, trains inside the owners' nodes under noise, measures what each contributed, lets
    the owners check it, and releases the model with shares and a revenue pool. Owners who decide by hand are
    asked first; the job names those who have not answered, and goes on by itself once they agree. A model that
    is no better than always giving the commoner label is held back, and one to `review` until it was seen.
    """

    assets: Annotated[
        list[str], Field(min_length=1, max_length=MAX_OWNERS), Reference(kind="dataset"), ARGUMENT
    ]
    """Ids of datasets, one of each owner."""
    test: Annotated[str, TestTable(), Flag(metavar="FILE")]
    """Table that no owner has, to measure with; all of it is public in the end, so none that is secret."""
    name: Name
    """Name of the model."""
    price_units: Annotated[Ceiling, DOLLARS] = 1_000
    """Dollars, such as 2.50."""
    per: Literal["call", "row"] = "call"
    """call, or row: what the price of an answer is for."""
    rows_per_call: Annotated[int, Field(ge=1, le=MAX_ROWS_PER_CALL)] = MAX_ROWS_PER_CALL
    """Most rows of one call of the model."""
    round_to: Annotated[int, Field(ge=0, le=EXACT_DECIMALS)] = EXACT_DECIMALS
    """Decimals of a probability in an answer; 0 is the label only."""
    at_most_units: AtMost = None
    """Most that the grants may cost together; the node's own limits count besides."""
    shown_units: Annotated[Ceiling | None, DOLLARS] = None
    """What they were shown to cost; more is refused."""
    epsilon_micro: Annotated[
        Annotated[int, Field(ge=1, le=100_000_000)] | None, EPSILON, Flag(metavar="NUMBER")
    ] = None
    """Most it may cost each owner's rows, such as 1 or 0.5; else all that the owners allow."""
    level: Annotated[Level, Exact()] = "noised"
    """Exact updates, where every owner offers them to you by name."""
    rounds: Annotated[int, Field(ge=1, le=MAX_ROUNDS)] | None = None
    """Rounds of training; else what suits the data."""
    quorum_bps: Annotated[
        int, Field(ge=5_001, le=10_000), Flag(names=("--quorum",), metavar="PERCENT", scale=100)
    ] = 5_001
    """Per cent of the rows without which no round counts, over 50."""
    patience_seconds: Annotated[
        int, Field(ge=1, le=86_400), Flag(names=("--patience",), metavar="SECONDS")
    ] = 60
    """Seconds a round waits for owners beyond the quorum."""
    weight_cap_bps: Annotated[
        int, Field(ge=5_000, le=10_000), Flag(names=("--weight-cap",), metavar="PERCENT", scale=100)
    ] = 5_000
    """Most per cent that one owner of three or more weighs in the model."""
    least_correct_bps: Annotated[
        int, Field(ge=0, le=10_000), Flag(names=("--least",), metavar="PERCENT", scale=100)
    ] = 0
    """Per cent of right answers below which the model is held back."""
    review: bool = False
    """Hold the model back until you have seen its scores."""
    compare: Annotated[bool, Flag(help="Do not compare owners' rows; copies then count each time.")] = True
    """Compare owners' rows, so that copies count once."""
    positive: str | None = None
    """The label value that means 1."""
    read_as: Annotated[ReadAs, READ_AS] = Field(default=[])
    """How the test table is meant where it could mean two things; repeatable. Else it is asked."""
    purpose: Word | None = None
    """Purpose to ask grants for."""
    validator: Annotated[TypedAccount | None, Flag(metavar="ACCOUNT")] = None
    """Account of a node that keeps the test table; --test is then its commitment."""
    judge: Annotated[
        str, StringConstraints(pattern="^(0x[0-9a-fA-F]{40})?$", to_lower=True), Flag(metavar="ACCOUNT")
    ] = ""
    """Account that owners let look into their tables in a dispute; only those who name it take part."""

    @classmethod
    def require_together(cls, asked: Mapping[str, Any]) -> None:
        """Exact updates have no epsilon, a commitment somebody who keeps its table. Raises InvalidInput."""
        if _COMMITMENT.fullmatch(str(asked.get("test", ""))) and not asked.get("validator"):
            raise InvalidInput(
                "a commitment says nothing without the account that keeps its table",
                hint="Name it as the validator, or name a file.",
            )
        if asked.get("level") == "update" and asked.get("epsilon_micro") is not None:
            raise InvalidInput(
                "exact updates have no epsilon",
                hint="Ask for exact updates or give an epsilon, not both: exact is without noise.",
            )


class Draft(Order):
    """What `train` with the same arguments would come to; nobody is asked and nothing is paid."""

    name: Name = "model"
    """Name of the model."""


class ListJobs(Nothing):
    """List training jobs.

    Under the list stands who was away in which rounds and why, who has not agreed to the shares, and what
    was held back.
    """


class OneJob(Request):
    """Look at a training job."""

    job: Annotated[str, Reference()]
    """Its id, or the beginning of it."""


class ResumeJob(OneJob):
    """Go on with a training job, or look at one that runs or is done.

    Grants that are missing are bought. What it may cost is counted from the order on, and never more than was
    allowed then.
    """

    at_most_units: AtMost = None
    """Most that the grants may cost together from the order on; else as it was ordered."""


class HoldTest(Request):
    """Keep a test table for a builder who is not to see it yet.

    It is shown once the run that it measures is over. It is sealed in this node's vault. The builder orders with the commitment this prints and with your account.
    """

    path: Annotated[str, FILE, Flag(positional=True, metavar="FILE")]
    """A table that nobody trains on."""
    label: str
    """Name of the label column."""
    builder: TypedAccount
    """Account of the builder, who alone may have it opened."""
    positive: str | None = None
    """The label value that means 1."""
    read_as: Annotated[ReadAs, READ_AS] = Field(default=[])
    """How the file is meant where it could mean two things; repeatable. Else it is asked."""


class ListTests(Nothing):
    """List test tables kept here, and the run each was opened for."""


class Audit(Request):
    """Have an owner open its table to you, and repeat its updates.

    The finding is a signed claim in your log. The table stays in memory and is not kept.
    """

    model: Annotated[str, Reference(kind="model"), ARGUMENT]
    """A released model whose run names you as its judge."""
    owner: TypedAccount | None = None
    """Account to check; by default one drawn by chance."""


PLAN = Operation("plan", Draft, Preview, "/plan", Effect.READS, verb="POST")
TRAIN = Operation(
    "train",
    Order,
    JobStarted,
    "/train",
    Effect.SPENDS,
    gives="job",
    example="0x3f2a 0x91c0 --test test.csv --name 'Tumour model' --price 0.02 --epsilon 2",
)
JOBS = Operation("jobs", ListJobs, Jobs, "/jobs", Effect.READS, gives="jobs", example="")
PROGRESS = Operation("progress", OneJob, Job, "/jobs/{job}", Effect.READS)
RESUME = Operation("resume", ResumeJob, Job, "/jobs/{job}/resume", Effect.SPENDS, gives="id")
RELEASE = Operation(
    "release",
    OneJob,
    Job,
    "/jobs/{job}/release",
    Effect.LASTS,
    gives="id",
    words="Release a model that was held back as no better than its baseline.",
)
HOLD = Operation(
    "tests.hold",
    HoldTest,
    TestHeld,
    "/tests",
    Effect.LASTS,
    method="hold_test",
    example="held-out.csv --label outcome --builder 0x5a0b54d5dc17e0aadc383d2db43b0a0d3e029c4c",
)
TESTS = Operation("tests.list", ListTests, TestsHeld, "/tests", Effect.READS, gives="tests", example="--json")
AUDIT = Operation("audit", Audit, Audited, "/audits", Effect.LASTS, example="'Tumour model'")
OPERATIONS = (PLAN, TRAIN, JOBS, PROGRESS, RESUME, RELEASE, HOLD, TESTS, AUDIT)

"""Answers about training jobs and the models they release."""

from __future__ import annotations

from typing import Literal

from freehold.node.answers.market import AssetRow
from freehold.node.answers.shape import SOMETIMES, Account, Bps, Count, Id, Reason, Shape, Time, Units
from freehold.node.asking import AskRow

Step = Literal["grants", "commit", "statistics", "plan", "rounds", "open", "value", "release", "done"]


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
    absent: dict[Account, str]
    """Owners that took no part in the newest round, and why."""
    grants: dict[Account, Id]
    """Grants it uses, by owner; those obtained so far."""
    owners: Count
    """How many owners take part."""
    model: Id | None
    """The model, once released."""
    run: Id | None
    """The training run, once planned."""
    held: bool
    """Whether it was stopped by hand until it is resumed."""
    waiting: list[AskRow]
    """Requests that stand between it and its grants."""
    error: Reason | None
    """Why it stands still; null while it runs."""
    running: bool
    """Whether it goes on right now."""


class Jobs(Shape):
    """All training jobs."""

    jobs: list[Job]
    """Oldest first."""


class JobStarted(Shape):
    """A training job that was begun."""

    job: Id
    """Its id."""


class TaskRow(Shape):
    """A training job as the node's overview shows it."""

    id: Id
    """The job."""
    name: str
    """Name of the model it makes."""
    state: Literal["running", "waiting", "stopped", "done"]
    """A waiting one is taken up again by the node, a stopped one by its owner."""
    step: Step
    """What it does, or where it stands still."""
    attempts: Count
    """Failures at this step, in a row."""
    last_error: Reason | None
    """Of the newest attempt."""
    next_try_at: Time | None
    """When it is taken up again; null if it waits for its owner or runs."""


class ModelRow(AssetRow):
    """A model as lists show it."""

    serving: bool
    """Whether this node sells its answers."""


class Models(Shape):
    """Every known model."""

    models: list[ModelRow]
    """Oldest first."""


class Metrics(Shape):
    """How good a model is on the test table."""

    correct: Count
    """Rows it labels as the table does."""
    test_rows: Count
    """Rows of the table."""


class RecipeShown(Shape):
    """All that decides a training run besides data and owners."""

    name: str
    """The method."""
    rounds: Count
    """Rounds of local training and averaging."""
    local_steps: Count
    """Gradient steps an owner makes in a round."""
    learning_rate_q16: Count
    """Step size, in 65,536ths."""
    l2_q16: Count
    """Shrinkage of weights, in 65,536ths."""


class Contribution(Shape):
    """What one owner brought to a model."""

    account: Account
    """The owner."""
    name: str
    """As it calls itself."""
    share_bps: Bps
    """Its share of the model's revenue."""
    rows: Count | None
    """Rows of its dataset; null where the dataset is not known here."""


class Pool(Shape):
    """A model's revenue pool on chain."""

    id: Id
    """The pool."""
    split_root: Id
    """Merkle root of the shares."""
    in_units: Units
    """All revenue so far."""
    paid_out_units: Units
    """What owners have claimed of it."""
    held_units: Units
    """What is left of it."""


class ModelShown(ModelRow):
    """One model in full."""

    metrics: Metrics | None
    """Null where its document has none."""
    run: Id
    """The training run it came from."""
    recipe: RecipeShown | None
    """How it was trained; null where its document does not say."""
    contribution: list[Contribution] = SOMETIMES
    """Where the builder's statement about it is known here."""
    utilities: list[int] = SOMETIMES
    """What each coalition of owners achieved on the test table, by bit mask of owners."""
    correct: list[Count] = SOMETIMES
    """Rows each coalition labels rightly; the last is of all owners together."""
    test_rows: Count = SOMETIMES
    """Rows of the test table."""
    pool: Pool = SOMETIMES
    """Where its release is known here."""


class Served(Shape):
    """Whether a model is on sale."""

    model: Id
    """The model."""
    serving: bool
    """From now on."""

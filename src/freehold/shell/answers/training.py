"""Answers about training jobs and the models they release."""

from __future__ import annotations

from typing import Literal

from freehold.features.data.wire import AssetRow
from freehold.features.grants.wire import AskRow
from freehold.kernel.shape import SOMETIMES, Account, Bps, Count, Gas, Id, Reason, Shape, Time, Units

Step = Literal["plan", "grants", "rounds", "open", "value", "agree", "release", "done", "withheld"]
Level = Literal["noised", "update"]


class Away(Shape):
    """An owner that was left out of rounds."""

    rounds: list[Count]
    """Which; none means it takes no part at all."""
    code: str
    """What kind of failure, the last time."""
    why: str
    """In words."""
    at: Time
    """When, the last time."""


class Scores(Shape):
    """How good a model is on the opened test table."""

    rows: Count
    """Rows of the table."""
    correct: Count
    """Rows it labels rightly."""
    majority_correct: Count
    """Rows that always giving the commoner label gets right."""
    single_correct: Count
    """Rows that the best of the directions gets right into which one owner's updates alone point."""
    auc_ppm: Count
    """Area under the ROC curve, in millionths."""
    brier_ppm: Count
    """Mean squared error of the probability, in millionths."""
    calibration_ppm: Count
    """Mean distance of probability from frequency, in millionths."""


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
    absent: dict[Account, Away]
    """Owners that were left out of rounds, in which and why."""
    silent: dict[Account, str]
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


class ModelRow(AssetRow):
    """A model as lists show it."""

    serving: bool
    """Whether this node sells its answers."""


class Models(Shape):
    """Every known model."""

    models: list[ModelRow]
    """Oldest first."""


class Metrics(Scores):
    """How good a model is on the test table, with what chance allows."""

    accuracy_bps: list[Bps]
    """Lower and upper end of the 95 % interval of the part it labels rightly."""
    auc_bps: list[Bps]
    """The same of the area under the ROC curve."""


class RecipeShown(Shape):
    """All that decides a training run besides data and owners."""

    name: str
    """The method."""
    rounds: Count
    """Steps of the common model."""
    local_steps: Count = SOMETIMES
    """Of models trained by an earlier Freehold."""
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
    value_ppm: int
    """Its measured value, in millionths of the sum of all that are above nothing; 0 where nobody's is."""
    error_ppm: Count
    """Standard error of it, from the noise, in the same unit."""
    agreed: bool
    """Whether its owner signed that it recomputed and agrees."""
    away: Count
    """Rounds it was left out of."""
    without_correct: Count | None
    """Test rows the model would label rightly without this owner's updates, about; null where not known here."""
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


class Privacy(Shape):
    """What a training run revealed, and cost the rows."""

    level: Level
    """What owners revealed."""
    epsilon_micro: Count
    """Privacy budget, in millionths of epsilon; 0 at level update, which has no bound."""
    delta_exponent: Count
    """Delta is ten to the minus this."""
    guess_ppm: Count
    """Most often that somebody who knows all else tells a row's presence, in millionths."""


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
    privacy: Privacy = SOMETIMES
    """What it cost the rows; where its plan is known here."""
    earlier_runs: list[Id] = SOMETIMES
    """Runs on the same rows before the one it came from."""
    pool: Pool = SOMETIMES
    """Where its release is known here."""


class Served(Shape):
    """Whether a model is on sale."""

    model: Id
    """The model."""
    serving: bool
    """From now on."""

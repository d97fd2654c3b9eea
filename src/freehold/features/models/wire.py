"""Models: what their operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.features.data.wire import AssetRow
from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import SOMETIMES, Account, Bps, Count, Id, Rows, Shape, Units
from freehold.kernel.surface import ARGUMENT, Reference

Level = Literal["noised", "update"]


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

    accuracy_bps: tuple[Bps, ...]
    """Lower and upper end of the 95 % interval of the part it labels rightly."""
    auc_bps: tuple[Bps, ...]
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

    @property
    def sentence(self) -> str:
        """What that means."""
        from freehold.features.privacy.rules import promises  # noqa: PLC0415

        return promises.of_use(self.model_dump())


class ModelShown(ModelRow):
    """One model in full."""

    metrics: Metrics | None
    """Null where its document has none."""
    run: Id | None
    """The training run it came from; null where its document names none."""
    recipe: RecipeShown | None
    """How it was trained; null where its document does not say."""
    contribution: tuple[Contribution, ...] = SOMETIMES
    """Where the builder's statement about it is known here."""
    cost: Annotated[Privacy, Field(alias="privacy")] = SOMETIMES
    """What it cost the rows; where its plan is known here."""
    earlier_runs: tuple[Id, ...] = SOMETIMES
    """Runs on the same rows before the one it came from."""
    pool: Pool = SOMETIMES
    """Where its release is known here."""

    @property
    def contributions(self) -> Rows[Contribution]:
        """Who brought what; empty where it is not known here."""
        return Rows(self.contribution or ())

    @property
    def correct(self) -> int | None:
        """Test rows it gets right."""
        return self.metrics.correct if self.metrics else None

    @property
    def test_rows(self) -> int | None:
        """Rows of the test table."""
        return self.metrics.rows if self.metrics else None

    @property
    def accuracy_bps(self) -> tuple[int, ...]:
        """Both ends of the 95 % interval of the part it gets right; empty where not known."""
        return self.metrics.accuracy_bps if self.metrics else ()

    @property
    def majority_correct(self) -> int | None:
        """Test rows that always giving the commoner label gets right."""
        return self.metrics.majority_correct if self.metrics else None

    @property
    def single_correct(self) -> int | None:
        """Test rows that the best single owner's direction gets right."""
        return self.metrics.single_correct if self.metrics else None

    @property
    def auc_ppm(self) -> int | None:
        """Area under the ROC curve, in millionths."""
        return self.metrics.auc_ppm if self.metrics else None

    @property
    def level(self) -> str:
        """Noised or update; empty where its plan is not known here."""
        return self.cost.level if self.cost else ""

    @property
    def epsilon_micro(self) -> int | None:
        """What its run cost each owner's rows, in millionths of epsilon."""
        return self.cost.epsilon_micro if self.cost else None

    @property
    def privacy(self) -> str:
        """The same in a sentence."""
        return self.cost.sentence if self.cost else ""

    @property
    def revenue_units(self) -> int:
        """All that its pool ever took in."""
        return self.pool.in_units if self.pool else 0


class ListModels(Nothing):
    """List models."""


class ShowModel(Request):
    """Show one model: whose data made it, how good it is, what its pool holds."""

    model: Annotated[str, Reference(kind="model"), ARGUMENT]
    """One model in detail."""


LIST = Operation("models", ListModels, Models, "/models", Effect.READS, gives="models")
SHOW = Operation("models.show", ShowModel, ModelShown, "/models/{model}", Effect.READS, method="model")
OPERATIONS = (LIST, SHOW)

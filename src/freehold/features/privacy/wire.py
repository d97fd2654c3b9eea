"""Privacy: what its operation asks and answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.kernel.operation import Effect, Operation, Request
from freehold.kernel.shape import Account, Count, Epsilon, Id, Shape, Time
from freehold.kernel.surface import ARGUMENT, Reference

MOST_LINES = 100


class BudgetAsset(Shape):
    """A dataset of a privacy line."""

    id: Id
    """The asset."""
    name: str
    """As its owner calls it."""


class BudgetRun(Shape):
    """A training run that was charged to a privacy line."""

    run: Id
    """Hash of its plan."""
    holder: Account
    """For whom."""
    epsilon_micro: Epsilon
    """What it costs alone; 0 for exact updates, which have no bound."""
    at: Time
    """When it was charged."""
    asset: Id
    """The dataset it used."""


class BudgetLine(Shape):
    """The privacy budget of rows: of all tables that share some."""

    line: Id
    """Id of the first of them."""
    tables: Annotated[tuple[BudgetAsset, ...], Field(alias="assets")]
    """The newest tables, newest first."""
    reveals: Literal["answers", "noised", "update"]
    """Most that answers about these rows may show."""
    epsilon_life_micro: Epsilon
    """Most that all runs together may cost a row: the least that was ever promised."""
    spent_micro: Epsilon
    """What the runs so far cost together."""
    left_micro: Epsilon
    """Epsilon of the largest run that still fits; more than the difference, for costs add up slowly."""
    delta_exponent: Count
    """Epsilon holds with a delta of 10^-delta_exponent."""
    guess_ppm: Count
    """How often, in millionths, somebody who knows every other row is right about one row, at most, so far."""
    guess_life_ppm: Count
    """The same when everything is spent."""
    run_count: Count
    """Runs so far."""
    exact_runs: Count
    """Those of exact updates, from which rows can be rebuilt."""
    runs: tuple[BudgetRun, ...]
    """The newest runs, newest first."""

    @property
    def assets(self) -> tuple[str, ...]:
        """Ids of the newest tables, newest first."""
        return tuple(one.id for one in self.tables)

    @property
    def names(self) -> tuple[str, ...]:
        """What the newest tables are called, newest first."""
        return tuple(one.name for one in self.tables)

    @property
    def sentence(self) -> str:
        """Where the budget stands."""
        from freehold.features.privacy.rules import promises  # noqa: PLC0415

        return promises.of_line(self.model_dump())


class Budgets(Shape):
    """What training has cost the rows of this node."""

    lines: list[BudgetLine]
    """Newest first."""


class ShowBudgets(Request):
    """Show the privacy budget of your data and what was spent.

    Tables that share a row share their budget. What is left is the epsilon of the largest run that still fits:
    costs add up more slowly than their epsilons.
    """

    asset: Annotated[str, Reference(kind="dataset"), ARGUMENT] = ""
    """A dataset's id or its beginning; by default all."""
    limit: Annotated[int, Field(ge=1, le=1_000)] = MOST_LINES
    """Most lines."""


BUDGETS = Operation(
    "privacy", ShowBudgets, Budgets, "/privacy", Effect.READS, gives="lines", example="0x3f2a --runs"
)
OPERATIONS = (BUDGETS,)

"""A training run as evidence shows it, and what is known of it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from freehold.core.documents import Asset, Claim, Receipt

PLAN, START, ROUNDS, TEST = (f"training/{name}.json" for name in ("plan", "start", "rounds", "test"))


@dataclass(frozen=True)
class Replayed:
    """What a run comes to when it is computed again from its recorded updates."""

    model: str
    """Hash of the final model: its asset's content commitment."""
    previous: Sequence[str]
    """Hash of the model before each recorded round."""
    last: str
    """Hash of the model after the last round, as an opening names it."""
    test_commitment: str
    """Of the opened test table under the opened salt."""
    worth: Mapping[str, Any]
    """As a contribution claim says it: accounts, values, errors, shares_bps, scores."""

    @property
    def shares(self) -> dict[str, int]:
        """Owner -> share in basis points; they sum to 10,000."""
        return dict(zip(self.worth["accounts"], self.worth["shares_bps"], strict=True))


class Replay(Protocol):
    """Recomputes a training run: `replaying.replay` by this package's rules; `verify` takes others as rules of `training.replay`."""

    def __call__(
        self, plan: Any, start: Any, rounds: Sequence[tuple[Any, Any]], test: Any, salt: str
    ) -> Replayed:
        """From the JSON of `plan.json`, `start.json` and `test.json`, and for each round (statement, revealed).

        Raises FreeholdError: the record contradicts itself; field `part` says where: "plan", "start",
        "rounds", "test" or "opening" (the salt).
        """
        ...


@dataclass(frozen=True)
class RoundShown:
    """One round as evidence shows it."""

    claim: Claim
    """By the builder, before any update was revealed."""
    receipts: tuple[Receipt, ...]
    """One for each commitment."""
    revealed: Any
    """JSON, by owner."""


@dataclass(frozen=True)
class Run:
    """The run that made the model, as the claims about it tell it."""

    id: str
    model: Asset
    plan: Any
    """JSON; its hash is the id."""
    rounds: Sequence[RoundShown]
    committed: Claim
    """To the test table, by who keeps it."""
    planned: Claim
    started: Claim
    opening: Claim
    contribution: Claim
    release: Claim

    @property
    def grants(self) -> dict[str, str]:
        """Owner that takes part -> its grant, in the plan's order."""
        grants = self.started.statement["start"]["grants"]
        return {owner: grants[owner] for owner in sorted(grants)}

    @property
    def owners(self) -> dict[str, dict[str, Any]]:
        """Account -> `{account, asset, rows}` of each owner in the plan."""
        return {owner["account"]: owner for owner in self.plan["owners"]}


@dataclass
class Story:
    """What the checks found out about a run."""

    rounds: list[RoundShown] = field(default_factory=list)
    """As `training/rounds.json` lists them."""
    run: Run = field(init=False)
    replayed: Replayed = field(init=False)

"""What an owner chooses when publishing: the terms, and how the rows of a file are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from freehold.core import epsilons
from freehold.core.documents import Terms, invalid
from freehold.core.errors import InvalidInput
from freehold.kernel.node import Node

DAY_SECONDS = 86_400
EPSILON_RUN_MICRO = 1_000_000
EPSILON_LIFE_MICRO = 4_000_000
"""Where nobody chooses; docs/decisions/0013-default-epsilon.md says why."""


@dataclass(frozen=True)
class Licence:
    """The terms a person chooses when publishing."""

    price_units: int = 0
    """Price of one grant."""
    purposes: tuple[str, ...] = ("model-training",)
    max_uses: int = 100
    """Uses per grant; a training run of R rounds makes R + 1."""
    days: int = 365
    """How long grants may last from now."""
    duties: tuple[str, ...] = ()
    epsilon_run_micro: int = EPSILON_RUN_MICRO
    """Most that one training run may cost the rows."""
    epsilon_life_micro: int = EPSILON_LIFE_MICRO
    """Most that all runs together may cost them, over all versions."""
    reveals: Literal["noised", "update"] = "noised"
    """What an update shows: a noised sum, or (to named holders only) the exact one."""
    holders: tuple[str, ...] = ()
    """Accounts that alone may hold a grant; empty is anyone."""
    judges: tuple[str, ...] = ()
    """Accounts to which the table is opened after a run that names one of them."""

    def terms(self, node: Node) -> Terms:
        """As a document; the result of training may be used and sold (derive, infer).

        Raises:
            InvalidInput: the choices contradict each other, or one is out of its range.
        """
        self._check()
        try:
            return Terms(
                purposes=tuple(sorted(set(self.purposes))),
                actions=("derive", "infer", "train"),
                expires_at=node.now() + self.days * DAY_SECONDS,
                max_uses=self.max_uses,
                price_units=self.price_units,
                token=node.token,
                duties=tuple(sorted(set(self.duties))),
                reveals=self.reveals,
                epsilon_run_micro=self.epsilon_run_micro,
                epsilon_life_micro=self.epsilon_life_micro,
                holders=tuple(sorted({holder.lower() for holder in self.holders})),
                judges=tuple(sorted({judge.lower() for judge in self.judges})),
            )
        except ValidationError as error:
            raise invalid(error) from None

    def _check(self) -> None:
        run, life = self.epsilon_run_micro, self.epsilon_life_micro
        if run < 1:
            raise InvalidInput(
                "a run that may cost no epsilon can learn nothing",
                hint="Choose an epsilon for one run, such as 1.",
                field="epsilon_run_micro",
            )
        if run > life:
            raise InvalidInput(
                f"one run may cost {epsilons.text(run)}, which is more than the"
                f" {epsilons.text(life)} that all runs together may",
                hint="Lower the epsilon of a run, or raise that of all runs.",
                field="epsilon_life_micro",
            )
        if self.reveals == "update" and not self.holders:
            raise InvalidInput(
                "exact updates are for holders that are named",
                hint="Rows can be rebuilt from them: name the accounts that you trust with the rows.",
                field="holders",
            )


@dataclass(frozen=True)
class Rows:
    """How the rows of a file are to be counted."""

    subject: str | None = None
    """Column that names the person or thing a row is about; it is not published and not learned from."""
    rows_each: int = 1
    """Most rows of one subject; later ones are left out."""
    bounds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Column -> (low, high) between which its values lie by their nature: from knowledge, not from the rows."""


ALL_ROWS = Rows()

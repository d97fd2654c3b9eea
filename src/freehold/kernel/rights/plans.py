"""What a wish brings along where the terms of its asset do not say everything of the uses it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from freehold.core.documents import Asset, Terms
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction


class Plan(Protocol):
    """Uses that belong together, said exactly, so that nothing of them changes once they are granted."""

    @property
    def run_id(self) -> str:
        """Its hash, which its grants name as `run`."""

    def to_json(self) -> dict[str, Any]:
        """As it travels."""


P = TypeVar("P", bound=Plan)


class Plans(Protocol[P]):
    """How an action reads the plan that comes with each wish for it, judges and remembers it."""

    def read(self, value: Any) -> P:
        """A plan as it came. Raises `InvalidInput`: there is none, or it is malformed."""

    def admit(self, node: Node, asset: Asset, holder: str, plan: P) -> None:
        """It fits what this owner offers. May ask the chain, so it is called outside transactions.

        Raises `NotAllowed` and its kin: it does not.
        """

    def narrow(self, terms: Terms, plan: P) -> dict[str, Any]:
        """Fields of the asset's terms that it narrows, its number of uses among them."""

    def remember(self, node: Node, tx: Transaction, asset: Asset, plan: P) -> tuple[str, ...]:
        """Keep what was agreed to; the runs before it on the same asset, which its grant names.

        Raises `Conflict`: it was granted before. `NotAllowed`: there is no room for it any more.
        """

    def recall(self, tx: Transaction, plan: P) -> None:
        """Keep what was agreed to once and forgotten meanwhile."""

    def size(self, node: Node, run: str) -> int:
        """Bytes that are kept of it."""

    def forget(self, tx: Transaction, run: str) -> None:
        """Nothing came of it."""

    def describing(self, node: Node) -> Callable[[str, P], Any]:
        """What says `(asset id, plan)` to the owner who decides; one list shares its look-ups."""

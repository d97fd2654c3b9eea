"""Who takes part, and on what terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from freehold.core.money import units


class Control(Protocol):
    """The control API of one node."""

    url: str
    """Where the node answers."""
    token: str
    """Its bearer token."""

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The JSON object at a path."""
        ...

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a POST answers."""
        ...


Connect = Callable[..., Control]
"""From a home directory to the node that runs there; raises `Unavailable` while it does not."""


@dataclass(frozen=True)
class Owner:
    """An owner of data and what it asks for."""

    name: str
    """Its name, and that of its part of the table."""
    title: str
    """What its dataset is called."""
    price_units: int
    """Of one grant."""
    purposes: tuple[str, ...]
    days: int
    """How long grants last."""


_CARE = "diagnosis-support"
_TRAIN = "model-training"

OWNERS = (
    Owner("alder", "Alder screening centre", units("0.60"), (_TRAIN, _CARE), 365),
    Owner("birch", "Birch screening centre", units("0.55"), (_TRAIN,), 365),
    Owner("cedar", "Cedar hospital", units("0.45"), (_TRAIN, _CARE), 180),
    Owner("dogwood", "Dogwood hospital", units("0.40"), (_TRAIN,), 180),
    Owner("elm", "Elm clinic", units("0.35"), (_TRAIN, "teaching"), 730),
    Owner("fir", "Fir screening centre", units("0.50"), (_TRAIN,), 90),
)
NOTES = (
    "Cedar and Dogwood hold the same rows: a copy adds nothing, so the two share the value of one.",
    "Two of five labels at Elm are wrong: they make models worse, so Elm's share is nothing or next to it.",
    "Screening centres see the healthy, hospitals the ill: together they know what neither knows alone.",
)
"""What the shares show; how the tables were made is in `freehold.training.demo`."""
BUILDER = "builder"
BUYER = "buyer"
MODEL = "Biopsy classifier"
CALLS = 100
CALL_PRICE_UNITS = units("0.05")
PURPOSE = _TRAIN


def recipe() -> dict[str, int]:
    """The training recipe as the training order takes it."""
    from freehold.training.demo import RECIPE  # noqa: PLC0415

    return {"rounds": RECIPE.rounds}

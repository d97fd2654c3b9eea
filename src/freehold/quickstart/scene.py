"""Who takes part, and on what terms."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.core.money import units


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
EPSILON_RUN_MICRO, EPSILON_LIFE_MICRO = 4_000_000, 8_000_000
"""What every owner allows one run, and all runs together, to cost its rows, in millionths of epsilon."""
NOTES = (
    "Two of five labels at Elm are wrong: what it adds cannot be told from nothing, so it earns nothing or next to it.",
    (
        "Cedar and Dogwood hold the same 70 rows. At this epsilon so few rows cannot be told from strangers' rows, so"
        " both are paid; in tables of many hundreds of rows copies are found, and count once."
    ),
    "This table is easy: one screening centre alone, without noise, comes close to all rows together.",
    "How good a model without noise would be is known here only because all rows lie on one machine.",
)
"""What the shares show; how the tables were made is in `freehold.quickstart.demo`."""
BUILDER = "builder"
BUYER = "buyer"
MODEL = "Biopsy classifier"
CALLS = 100
CALL_PRICE_UNITS = units("0.05")
PURPOSE = _TRAIN

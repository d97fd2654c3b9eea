"""From a table's cells to rows as vectors of length at most one: what bounds how far one row can move anything.

A `Scaling` may come from anyone: whatever it is, `unit_rows` never makes a row longer than one, so what an
owner promises about its rows does not depend on it. A good one keeps columns apart; `typical` takes it from a
table that may be shown (the test table), `from_bounds` from bounds that owners declare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from freehold.core.errors import InvalidInput
from freehold.core.fixed import (
    FEATURE_BITS,
    FEATURE_LIMIT,
    FEATURE_ONE,
    UNIT,
    IntArray,
    divide_round,
    root_up,
)
from freehold.core.late import np, npt
from freehold.features.data.rules.table import MAX_COLUMNS, MICRO_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.features.data.rules.table import Table

_BLOCK_ROWS = 1_024
"""So many rows at a time stay in the cache of a core while they are worked on."""


class InvalidScaling(InvalidInput, code="training.scaling"):
    """A scaling is malformed, or does not fit the columns."""


@dataclass(frozen=True)
class Scaling:
    """How a column becomes a standardised feature: (x - mean) / scale, all in micro-units."""

    mean: tuple[int, ...]
    """What counts as the middle of each column."""
    scale: tuple[int, ...]
    """What counts as one step away from it, at least 1; beyond four steps values count as four."""

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.scale)
        if not 1 <= len(self.mean) == len(self.scale) <= MAX_COLUMNS:
            raise InvalidScaling("a scaling has a mean and a scale for each column")
        if any(type(n) is not int or abs(n) > MICRO_LIMIT for n in numbers) or min(self.scale) < 1:
            raise InvalidScaling("a scaling holds bounded integers, its scales at least 1")

    def to_json(self) -> dict[str, Any]:
        """A JSON object of plain integers (all below 2^53)."""
        return {"mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidScaling`."""
        if not isinstance(value, dict) or set(value) != {"mean", "scale"}:
            raise InvalidScaling("a scaling needs exactly mean and scale")
        if not all(isinstance(value[name], list) for name in value):
            raise InvalidScaling("a scaling is two lists of integers")
        return cls(tuple(value["mean"]), tuple(value["scale"]))


def typical(table: Table) -> Scaling:
    """Mean and standard deviation of each column of a table that may be shown to all."""
    values = [[int(cell) for cell in column] for column in table.features.T]
    count = table.rows
    sums = [sum(column) for column in values]
    squares = [sum(cell * cell for cell in column) for column in values]
    return Scaling(
        mean=tuple((2 * total + count) // (2 * count) for total in sums),
        scale=tuple(
            max(1, math.isqrt((count * square - total * total) // (count * count)))
            for total, square in zip(sums, squares, strict=True)
        ),
    )


def from_bounds(bounds: Sequence[Sequence[int]]) -> Scaling:
    """The scaling of columns of which (low, high) in micro-units are declared: their middle, a quarter of their width."""
    return Scaling(
        mean=tuple((low + high) // 2 for low, high in bounds),
        scale=tuple(max(1, (high - low) // 4) for low, high in bounds),
    )


def unit_rows(features: IntArray, scaling: Scaling) -> npt.NDArray[np.int16]:
    """Rows as Q14 vectors (rows, columns + 1), the last a bias, each of Euclidean length at most `UNIT`.

    `features` (rows, columns) micro-units. With q the standardised row and its bias 1 in Q10, each cell
    is q * UNIT / max(|q|, sqrt(width)) rounded towards zero: a row whose cells are of ordinary size has
    about length one, a longer one is shortened to it.
    """
    rows, columns = features.shape
    if columns != len(scaling.mean):
        raise InvalidScaling(f"{columns} columns do not fit a scaling of {len(scaling.mean)}")
    result = np.empty((rows, columns + 1), dtype=np.int16)
    ordinary = int(root_up(np.array([(columns + 1) << (2 * FEATURE_BITS)], dtype=np.int64))[0])
    for start in range(0, rows, _BLOCK_ROWS):
        block = features[start : start + _BLOCK_ROWS]
        q = np.empty((len(block), columns + 1), dtype=np.int64)
        q[:, columns] = FEATURE_ONE
        standardise(block, scaling, q)
        length = np.maximum(root_up(np.einsum("rc,rc->r", q, q)), ordinary)
        result[start : start + _BLOCK_ROWS] = np.sign(q) * (np.abs(q) * UNIT // length[:, np.newaxis])
    return result


def standardise(features: IntArray, scaling: Scaling, into: IntArray) -> None:
    """Cells in Q10 steps from the middle of their columns, at most four, into the first columns of `into`."""
    mean, scale = np.array(scaling.mean, dtype=np.int64), np.array(scaling.scale, dtype=np.int64)
    # |values - mean| <= 2 * MICRO_LIMIT < 2^51, so 2 * numerator + scale stays below 2^63
    steps = divide_round((features - mean) << FEATURE_BITS, scale)
    into[:, : len(mean)] = np.minimum(np.maximum(steps, -FEATURE_LIMIT), FEATURE_LIMIT)

"""What owners tell each other about their columns before training: exact sums, nothing else.

Each owner sends rows, sum and sum of squares per column; the pooled mean and standard deviation
follow by integer arithmetic (`math.isqrt`), the same wherever they are computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from freehold.core.errors import InvalidInput
from freehold.training.fixed import FEATURE_BITS, FEATURE_LIMIT, FEATURE_ONE, IntArray, divide_round
from freehold.training.table import MAX_COLUMNS, MAX_ROWS, MICRO_LIMIT, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIMB_BITS = 18
_MAX_DIGITS = 60


class InvalidStatistics(InvalidInput):
    """An owner's column sums are malformed or impossible."""

    code = "training.statistics"


@dataclass(frozen=True)
class Statistics:
    """One owner's column sums, in micro-units."""

    rows: int
    """Number of rows, at least 1."""
    sums: tuple[int, ...]
    """Sum of each column."""
    squares: tuple[int, ...]
    """Sum of squares of each column."""

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= MAX_ROWS or not 1 <= len(self.sums) <= MAX_COLUMNS:
            raise InvalidStatistics(f"{self.rows} rows and {len(self.sums)} columns are out of range")
        if len(self.squares) != len(self.sums):
            raise InvalidStatistics("sums and squares differ in length")
        for column, (total, square) in enumerate(zip(self.sums, self.squares, strict=True)):
            # Cauchy-Schwarz: no column of real numbers has sum^2 > rows * squares
            if total * total > self.rows * square or square > self.rows * MICRO_LIMIT**2:
                raise InvalidStatistics(f"the sums of column {column} are impossible", column=column)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; sums as decimal strings because they may exceed 2^53."""
        return {
            "rows": self.rows,
            "sums": [str(value) for value in self.sums],
            "squares": [str(value) for value in self.squares],
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidStatistics`."""
        if (
            not isinstance(value, dict)
            or set(value) != {"rows", "sums", "squares"}
            or type(value["rows"]) is not int
        ):
            raise InvalidStatistics("statistics need exactly rows, sums and squares")
        return cls(value["rows"], integers(value["sums"]), integers(value["squares"]))


@dataclass(frozen=True)
class Scaling:
    """How a column becomes a standardised feature: (x - mean) / scale, all in micro-units."""

    mean: tuple[int, ...]
    """Rounded pooled mean of each column."""
    scale: tuple[int, ...]
    """Pooled standard deviation (floor of the root), at least 1; a constant column has 1."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object of plain integers (all below 2^53)."""
        return {"mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidStatistics`."""
        if not isinstance(value, dict) or set(value) != {"mean", "scale"}:
            raise InvalidStatistics("a scaling needs exactly mean and scale")
        mean, scale = value["mean"], value["scale"]
        plain = (
            isinstance(mean, list) and isinstance(scale, list) and 1 <= len(mean) == len(scale) <= MAX_COLUMNS
        )
        if (
            not plain
            or any(type(n) is not int or abs(n) > MICRO_LIMIT for n in (*mean, *scale))
            or min(scale) < 1
        ):
            raise InvalidStatistics("a scaling is two equally long lists of bounded integers")
        return cls(tuple(mean), tuple(scale))


def integers(value: Any) -> tuple[int, ...]:
    """Decimal strings of at most 60 digits as integers; raises `InvalidStatistics`."""
    if not isinstance(value, list) or len(value) > MAX_COLUMNS:
        raise InvalidStatistics("a list of decimal strings was expected")
    parsed = []
    for item in value:
        body = item.removeprefix("-") if isinstance(item, str) else ""
        if not (body.isascii() and body.isdigit() and len(body) <= _MAX_DIGITS) or str(int(item)) != item:
            raise InvalidStatistics("a number is not a plain decimal string")
        parsed.append(int(item))
    return tuple(parsed)


def measure(table: Table) -> Statistics:
    """The exact sums of a table's columns.

    Squares are summed by 18-bit limbs, so that every int64 partial sum stays below
    2^36 * rows <= 2^56.
    """
    features = table.features
    low = features & ((1 << _LIMB_BITS) - 1)
    middle = (features >> _LIMB_BITS) & ((1 << _LIMB_BITS) - 1)
    high = features >> (2 * _LIMB_BITS)
    limbs = (low, middle, high)
    sums = [0] * features.shape[1]
    squares = [0] * features.shape[1]
    for i, left in enumerate(limbs):
        for column, total in enumerate(left.sum(axis=0).tolist()):
            sums[column] += total << (_LIMB_BITS * i)
        for j, right in enumerate(limbs):
            for column, total in enumerate(np.einsum("rc,rc->c", left, right).tolist()):
                squares[column] += total << (_LIMB_BITS * (i + j))
    return Statistics(table.rows, tuple(sums), tuple(squares))


def pool(statistics: Iterable[Statistics]) -> Scaling:
    """The scaling of all owners together; independent of their order.

    variance = squares / n - (sum / n)^2, so scale = isqrt((n * squares - sum^2) // n^2).
    """
    parts = list(statistics)
    if not parts or len({len(part.sums) for part in parts}) != 1:
        raise InvalidStatistics("statistics of at least one owner, over the same columns, are needed")
    rows = sum(part.rows for part in parts)
    sums = [sum(column) for column in zip(*(part.sums for part in parts), strict=True)]
    squares = [sum(column) for column in zip(*(part.squares for part in parts), strict=True)]
    return Scaling(
        mean=tuple((2 * total + rows) // (2 * rows) for total in sums),
        scale=tuple(
            max(1, math.isqrt((rows * square - total * total) // (rows * rows)))
            for total, square in zip(sums, squares, strict=True)
        ),
    )


def standardise(table: Table, scaling: Scaling) -> npt.NDArray[np.int16]:
    """Q10 features with a last bias column of 1.0, shape (rows, columns + 1), clipped to +-8."""
    return standardise_rows(table.features, scaling)


def standardise_rows(features: IntArray, scaling: Scaling) -> npt.NDArray[np.int16]:
    """As `standardise`, for micro-unit rows of shape (rows, columns)."""
    rows, columns = features.shape
    if columns != len(scaling.mean):
        raise InvalidStatistics(f"{columns} columns do not fit a scaling of {len(scaling.mean)}")
    result = np.empty((rows, columns + 1), dtype=np.int16)
    result[:, columns] = FEATURE_ONE
    for column, (mean, scale) in enumerate(zip(scaling.mean, scaling.scale, strict=True)):
        result[:, column] = _standardised(features[:, column], mean, scale)
    return result


def _standardised(values: IntArray, mean: int, scale: int) -> IntArray:
    # |values - mean| <= 2 * MICRO_LIMIT < 2^51, so 2 * numerator + scale stays below 2^63
    numerator = (values - mean) << FEATURE_BITS
    return np.clip(divide_round(numerator, scale), -FEATURE_LIMIT, FEATURE_LIMIT)

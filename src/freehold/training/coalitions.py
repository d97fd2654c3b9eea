"""Coalitions of owners, and how one round's updates become every coalition's next model.

A coalition is a bitmask over the sorted owners: bit i is owner i. Models of all coalitions are one
array (2^owners, columns + 1) Q16 whose index is the mask; row 0, the empty coalition, stays zero.
Training every coalition makes the contribution game exact; ten owners are 1,023 models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from freehold.core.errors import InvalidInput
from freehold.training.fixed import WEIGHT_LIMIT, IntArray, magnitude
from freehold.training.table import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_OWNERS = 10


class InvalidUpdate(InvalidInput):
    """An owner's update cannot be aggregated; `fields["owner"]` names the owner."""

    code = "training.update"


class InvalidOwners(InvalidInput):
    """The list of owners is empty, too long, unsorted or repeats an owner."""

    code = "training.owners"


def check_owners(owners: Sequence[str]) -> None:
    """Raise `InvalidOwners` unless there are 1 to 10 distinct names in ascending order."""
    if not 1 <= len(owners) <= MAX_OWNERS:
        raise InvalidOwners(f"{len(owners)} owners; 1 to {MAX_OWNERS} can train together")
    if list(owners) != sorted(set(owners)):
        raise InvalidOwners("owners must be distinct and in ascending order")


def initial_models(owners: int, width: int) -> IntArray:
    """Zero models of every coalition, shape (2^owners, width)."""
    return np.zeros((1 << owners, width), dtype=np.int64)


def masks_of(owner: int, owners: int) -> IntArray:
    """The masks that contain owner `owner` (an index), ascending, shape (2^(owners - 1),)."""
    masks = np.arange(1 << owners, dtype=np.int64)
    members: IntArray = masks[(masks >> owner) & 1 == 1]
    return members


def parse_update(value: Any, owner: str, shape: tuple[int, int]) -> IntArray:
    """An update from JSON (lists of lists of integers) as a checked array of `shape`.

    Booleans, floats and anything huge are refused by type before an array is made.
    """
    rows, width = shape
    if not isinstance(value, list) or len(value) != rows:
        raise _refused(owner, f"a list of {rows} models was expected")
    for model in value:
        if not isinstance(model, list) or len(model) != width:
            raise _refused(owner, f"a model of {width} integers was expected")
        if any(type(number) is not int or not -WEIGHT_LIMIT <= number <= WEIGHT_LIMIT for number in model):
            raise _refused(owner, "a weight is not an integer within the limit")
    return check_update(np.array(value, dtype=np.int64), owner, shape)


def check_update(update: Any, owner: str, shape: tuple[int, int]) -> IntArray:
    """`update` itself if it is an int64 array of `shape` within `WEIGHT_LIMIT`, else `InvalidUpdate`."""
    if not isinstance(update, np.ndarray) or update.dtype != np.int64:
        raise _refused(owner, "it is not an array of 64-bit integers")
    if update.shape != shape:
        raise _refused(owner, f"its shape is {update.shape}, not {shape}")
    if magnitude(update) > WEIGHT_LIMIT:
        raise _refused(owner, f"a weight is beyond +-{WEIGHT_LIMIT}")
    return update


def aggregate(
    previous: IntArray, owners: Sequence[str], updates: Mapping[str, IntArray], rows: Mapping[str, int]
) -> IntArray:
    """The next model of every coalition: the mean of its present members' models, by rows.

    `previous` (2^owners, width); `updates` maps each present owner to (2^(owners - 1), width), in
    the order of `masks_of`. An absent owner is left out of every coalition; a coalition none of
    whose members is present keeps its model. Raises `InvalidUpdate` and `InvalidOwners`.
    """
    check_owners(owners)
    if previous.shape[0] != 1 << len(owners):
        raise InvalidOwners(f"{previous.shape[0]} models do not fit {len(owners)} owners")
    unknown = sorted(set(updates) - set(owners))
    if unknown:
        raise _refused(unknown[0], "it is not an owner in this run")
    total = np.zeros(previous.shape, dtype=np.int64)
    weight = np.zeros((len(previous), 1), dtype=np.int64)
    for index, owner in enumerate(owners):
        if owner not in updates:
            continue
        masks = masks_of(index, len(owners))
        # |w| * rows * owners <= 2^21 * 2^20 * 10 < 2^45
        total[masks] += _rows(rows, owner) * check_update(
            updates[owner], owner, (len(masks), previous.shape[1])
        )
        weight[masks] += rows[owner]
    present = weight[:, 0] > 0
    result = previous.copy()
    result[present] = (2 * total[present] + weight[present]) // (2 * weight[present])
    return result


def _rows(rows: Mapping[str, int], owner: str) -> int:
    count = rows.get(owner)
    if type(count) is not int or not 1 <= count <= MAX_ROWS:
        raise _refused(owner, f"its row count is not 1 to {MAX_ROWS:,}")
    return count


def _refused(owner: str, reason: str) -> InvalidUpdate:
    return InvalidUpdate(
        f"the update of {owner} is refused: {reason}",
        hint="Leave the owner out of the round, or ask it to train again.",
        owner=owner,
    )

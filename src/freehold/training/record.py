"""The record of a training run, from which anyone can recompute every model and every share.

A `RunPlan` fixes owners, their committed data, column sums, recipe and test commitment before
training. Each `RoundRecord` holds the updates as the owners sent them, and hashes. `replay` redoes
the aggregation of every coalition; `replay_owner` redoes one owner's training on its opened table;
`value` recomputes utilities and shares.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import rfc8785

from freehold.core.errors import InvalidInput, VerificationFailed
from freehold.training import coalitions, valuation
from freehold.training.logistic import Recipe, train_locally
from freehold.training.statistics import Scaling, Statistics, measure, pool, standardise
from freehold.training.table import MAX_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from freehold.training.fixed import IntArray
    from freehold.training.table import Table

_HASH = re.compile(r"0x[0-9a-f]{64}")


class InvalidRecord(InvalidInput):
    """A run plan or round record is malformed."""

    code = "training.record"


@dataclass(frozen=True)
class RunPlan:
    """What is agreed before the first round."""

    owners: tuple[str, ...]
    """Identifiers of the owners, ascending; bit i of a coalition is owner i."""
    columns: tuple[str, ...]
    """Feature names, in order."""
    label: str
    """Name of the label."""
    data: tuple[str, ...]
    """Commitment to each owner's table, 0x hex, in the order of owners."""
    statistics: tuple[Statistics, ...]
    """Each owner's column sums; they give rows and scaling."""
    recipe: Recipe
    test_commitment: str
    """Commitment to the test table, 0x hex; opened after the last round."""

    def __post_init__(self) -> None:
        coalitions.check_owners(self.owners)
        if not len(self.owners) == len(self.data) == len(self.statistics):
            raise InvalidRecord("a plan needs data and statistics for each owner")
        if (
            not 1 <= len(self.columns) <= MAX_COLUMNS
            or len({*self.columns, self.label}) != len(self.columns) + 1
        ):
            raise InvalidRecord("a plan needs distinct columns and a label")
        if any(len(part.sums) != len(self.columns) for part in self.statistics):
            raise InvalidRecord("statistics do not fit the columns")
        if not all(_HASH.fullmatch(text) for text in (*self.data, self.test_commitment)):
            raise InvalidRecord("commitments are 0x and 64 lower-case hex digits")

    @cached_property
    def scaling(self) -> Scaling:
        """The pooled scaling, recomputed from the statistics."""
        return pool(self.statistics)

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each owner: its weight in an average."""
        return {owner: part.rows for owner, part in zip(self.owners, self.statistics, strict=True)}

    @property
    def width(self) -> int:
        """Numbers in a model: one for each column and the bias."""
        return len(self.columns) + 1

    @cached_property
    def run_id(self) -> str:
        """0x hex SHA-256 of the plan's canonical JSON."""
        return _hex(b"freehold/training-plan/v1\0" + rfc8785.dumps(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """A JSON object of strings and integers below 2^53."""
        return {
            "owners": list(self.owners),
            "columns": list(self.columns),
            "label": self.label,
            "data": list(self.data),
            "statistics": [part.to_json() for part in self.statistics],
            "recipe": self.recipe.to_json(),
            "test_commitment": self.test_commitment,
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidInput` subclasses."""
        keys = {"owners", "columns", "label", "data", "statistics", "recipe", "test_commitment"}
        _object(value, keys, "plan")
        if not isinstance(value["statistics"], list) or len(value["statistics"]) > coalitions.MAX_OWNERS:
            raise InvalidRecord("plan: statistics must be a short list")
        return cls(
            owners=_texts(value["owners"], coalitions.MAX_OWNERS),
            columns=_texts(value["columns"], MAX_COLUMNS),
            label=_texts([value["label"]], 1)[0],
            data=_texts(value["data"], coalitions.MAX_OWNERS),
            statistics=tuple(Statistics.from_json(part) for part in value["statistics"]),
            recipe=Recipe.from_json(value["recipe"]),
            test_commitment=_texts([value["test_commitment"]], 1)[0],
        )


@dataclass(frozen=True, eq=False)
class RoundRecord:
    """One round: what each present owner sent, and what came of it."""

    number: int
    """From 1."""
    updates: Mapping[str, IntArray]
    """Each present owner's models, (2^(owners - 1), width), in the order of `masks_of`."""
    update_hashes: Mapping[str, str]
    """`update_hash` of each, as the owner signed it."""
    models_hash: str
    """`models_hash` of every coalition's model after the round."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object; arrays as lists of lists of integers."""
        return {
            "number": self.number,
            "updates": {owner: self.updates[owner].tolist() for owner in sorted(self.updates)},
            "update_hashes": {owner: self.update_hashes[owner] for owner in sorted(self.update_hashes)},
            "models_hash": self.models_hash,
        }

    def summary(self) -> dict[str, Any]:
        """The hashes without the numbers: what a public statement of the round contains."""
        return {key: part for key, part in self.to_json().items() if key != "updates"}

    @classmethod
    def from_json(cls, value: Any, plan: RunPlan) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidRecord` and `InvalidUpdate`."""
        _object(value, {"number", "updates", "update_hashes", "models_hash"}, "round")
        updates, hashes = value["updates"], value["update_hashes"]
        if not isinstance(updates, dict) or not isinstance(hashes, dict) or set(updates) != set(hashes):
            raise InvalidRecord("round: updates and update_hashes must name the same owners")
        if not set(updates) <= set(plan.owners) or type(value["number"]) is not int:
            raise InvalidRecord("round: an owner is not in the plan or the number is not an integer")
        if not all(
            isinstance(h, str) and _HASH.fullmatch(h) for h in (*hashes.values(), value["models_hash"])
        ):
            raise InvalidRecord("round: a hash is malformed")
        shape = (1 << (len(plan.owners) - 1), plan.width)
        parsed = {owner: coalitions.parse_update(part, owner, shape) for owner, part in updates.items()}
        return cls(value["number"], parsed, dict(hashes), value["models_hash"])


@dataclass(frozen=True)
class Valuation:
    """What `value` recomputes from a replayed run and the opened test table."""

    utilities: tuple[int, ...]
    """Of each coalition, index = mask; unit as in `valuation.utilities`."""
    shapley: tuple[Fraction, ...]
    """Of each owner, same unit; sums to the utility of all owners minus that of none."""
    shares_bps: tuple[int, ...]
    """Of each owner; sums to 10,000."""
    correct: tuple[int, ...]
    """Test rows each coalition's model gets right."""
    test_rows: int


def update_hash(plan: RunPlan, number: int, owner: str, update: IntArray) -> str:
    """Hash of an owner's update, bound to run, round and owner."""
    return _array_hash({"kind": "update", "run": plan.run_id, "round": number, "owner": owner}, update)


def models_hash(plan: RunPlan, number: int, models: IntArray) -> str:
    """Hash of every coalition's model after a round, bound to run and round."""
    return _array_hash({"kind": "models", "run": plan.run_id, "round": number}, models)


def model_hash(model: IntArray, scaling: Scaling, recipe: Recipe, columns: Sequence[str]) -> str:
    """Hash of one released model with all that is needed to use it."""
    context = {
        "kind": "model",
        "scaling": scaling.to_json(),
        "recipe": recipe.to_json(),
        "columns": list(columns),
    }
    return _array_hash(context, model)


def make_round(
    plan: RunPlan, number: int, previous: IntArray, updates: Mapping[str, IntArray]
) -> tuple[RoundRecord, IntArray]:
    """Aggregate a round and record it: `(record, models after the round)`."""
    models = coalitions.aggregate(previous, plan.owners, updates, plan.rows)
    hashes = {owner: update_hash(plan, number, owner, update) for owner, update in updates.items()}
    return RoundRecord(number, dict(updates), hashes, models_hash(plan, number, models)), models


def replay(plan: RunPlan, rounds: Sequence[RoundRecord]) -> IntArray:
    """The final models of every coalition, recomputed from the recorded updates.

    Raises `VerificationFailed` naming round and, where one is to blame, owner.
    """
    if len(rounds) != plan.recipe.rounds:
        raise VerificationFailed(f"{len(rounds)} rounds are recorded, the plan has {plan.recipe.rounds}")
    models = coalitions.initial_models(len(plan.owners), plan.width)
    for number, record in enumerate(rounds, start=1):
        models = _replay_round(plan, number, record, models)
    return models


def replay_owner(plan: RunPlan, rounds: Sequence[RoundRecord], owner: str, table: Table) -> None:
    """Redo one owner's training on its opened table; raises `VerificationFailed` at the first difference.

    The caller checks the table against the owner's commitment.
    """
    if owner not in plan.owners:
        raise InvalidRecord(f"{owner} is not an owner in this run", owner=owner)
    index = plan.owners.index(owner)
    if measure(table) != plan.statistics[index]:
        raise VerificationFailed(f"the table of {owner} does not have the sums it declared", owner=owner)
    z, masks = standardise(table, plan.scaling), coalitions.masks_of(index, len(plan.owners))
    models = coalitions.initial_models(len(plan.owners), plan.width)
    for number, record in enumerate(rounds, start=1):
        if owner in record.updates:
            again = train_locally(z, table.labels, models[masks], plan.recipe)
            if (again != record.updates[owner]).any():
                raise _failed(number, "did not train as the recipe says", owner)
        models = _replay_round(plan, number, record, models)


def value(plan: RunPlan, replayed: IntArray, test: Table) -> Valuation:
    """Utilities, exact Shapley values and shares of replayed models on the opened test table."""
    if test.columns != plan.columns or test.label != plan.label:
        raise VerificationFailed("the test table has other columns than the plan")
    z = standardise(test, plan.scaling)
    gains = valuation.utilities(replayed, z, test.labels)
    shapley = valuation.exact_shapley(gains)
    return Valuation(
        utilities=tuple(gains),
        shapley=tuple(shapley),
        shares_bps=tuple(valuation.shares_bps(shapley)),
        correct=tuple(valuation.correct(replayed, z, test.labels)),
        test_rows=test.rows,
    )


def _replay_round(plan: RunPlan, number: int, record: RoundRecord, models: IntArray) -> IntArray:
    if record.number != number:
        raise _failed(number, f"is recorded as round {record.number}")
    if set(record.updates) != set(record.update_hashes):
        raise _failed(number, "does not have one hash for each update")
    for owner, update in record.updates.items():
        if update_hash(plan, number, owner, update) != record.update_hashes[owner]:
            raise _failed(number, "sent another update than the recorded hash", owner)
    try:
        models = coalitions.aggregate(models, plan.owners, record.updates, plan.rows)
    except coalitions.InvalidUpdate as error:
        raise _failed(number, error.message, error.fields["owner"]) from error
    if models_hash(plan, number, models) != record.models_hash:
        raise _failed(number, "does not lead to the recorded models")
    return models


def _failed(number: int, reason: str, owner: str | None = None) -> VerificationFailed:
    if owner is None:
        return VerificationFailed(f"round {number} {reason}", hint="The record was changed.", round=number)
    return VerificationFailed(
        f"round {number}: {owner} {reason}", hint="The record was changed.", round=number, owner=owner
    )


def _array_hash(context: dict[str, Any], array: IntArray) -> str:
    header = rfc8785.dumps({**context, "shape": list(array.shape)})
    numbers = array.astype("<i8").tobytes()
    return _hex(b"freehold/training-array/v1\0" + len(header).to_bytes(8, "big") + header + numbers)


def _hex(data: bytes) -> str:
    return "0x" + hashlib.sha256(data).hexdigest()


def _object(value: Any, keys: set[str], what: str) -> None:
    if not isinstance(value, dict) or set(value) != keys:
        raise InvalidRecord(f"a {what} needs exactly {', '.join(sorted(keys))}")


def _texts(value: Any, most: int) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or len(value) > most
        or not all(isinstance(t, str) and len(t) <= 256 for t in value)
    ):
        raise InvalidRecord(f"at most {most} strings of at most 256 characters were expected")
    return tuple(value)

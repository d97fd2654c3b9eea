"""A run recomputed from its public record by the rules of `freehold.features.training.rules`: as `training.replay` does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from freehold.core.errors import FreeholdError, InvalidTable, VerificationFailed
from freehold.core.late import np
from freehold.features.data.rules import table as tables
from freehold.features.data.rules.table import MICRO_LIMIT, Table
from freehold.features.models.rules.model import model_hash
from freehold.features.training.checks.run import Replayed
from freehold.features.training.rules import record
from freehold.features.training.rules.record import RunPlan, Start
from freehold.features.training.rules.valuation import MAX_TEST_ROWS

T = TypeVar("T")
_SALT = re.compile(r"0x([0-9a-f]{2}){16,64}")


def replay(plan: Any, start: Any, rounds: Sequence[tuple[Any, Any]], test: Any, salt: str) -> Replayed:
    """The run computed again: from the JSON of its files and, for each round, (statement, revealed).

    Raises FreeholdError: the record contradicts itself; field `part` says where: "plan", "start", "rounds",
    "test" or "opening" (the salt).
    """
    run: RunPlan = _part("plan", lambda: RunPlan.from_json(plan))
    who = _part("start", lambda: Start.from_json(start, run))
    made = _part("rounds", lambda: [record.parse_round(run, said, shown) for said, shown in rounds])
    done = _part("rounds", lambda: record.replay(run, who, made))
    table = _part("test", lambda: read_table(test))
    worth = _part("test", lambda: record.value(run, who, done, table))
    # before round 0 and before round 1 stands the same model
    before = [done.models[max(0, one.number - 1)] for one in made]
    return Replayed(
        model=model_hash(done.model, run.scaling, run.recipe.to_json(), run.columns),
        previous=[
            record.models_hash(run, one.number, model) for one, model in zip(made, before, strict=True)
        ],
        last=record.final_hash(run, done.model),
        test_commitment=_part("opening", lambda: _commitment(table, salt)),
        worth=worth.statement(),
    )


def read_table(value: Any) -> Table:
    """A test table as evidence shows it, from anyone. Raises InvalidTable."""
    if not isinstance(value, dict) or set(value) != {"columns", "label", "features", "labels"}:
        raise InvalidTable("an opened table has columns, label, features and labels")
    columns, label, features, labels = (value[name] for name in ("columns", "label", "features", "labels"))
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in [label, *columns]):
        raise InvalidTable("an opened table names its columns and its label")
    if not isinstance(features, list) or not isinstance(labels, list):
        raise InvalidTable("an opened table has rows and labels")
    if not 0 < len(features) == len(labels) <= MAX_TEST_ROWS:
        raise InvalidTable(f"an opened table has 1 to {MAX_TEST_ROWS:,} rows, each with its label")
    if not all(type(one) is int and one in {0, 1} for one in labels):
        raise InvalidTable("labels must be 0 or 1")
    if not all(isinstance(row, list) and len(row) == len(columns) for row in features):
        raise InvalidTable("a row has not one cell for each column")
    if not all(type(cell) is int and abs(cell) <= MICRO_LIMIT for row in features for cell in row):
        raise InvalidTable("a cell is no whole number of micro-units within bounds")
    cells = np.array(features, dtype=np.int64).reshape(len(features), len(columns))
    return Table(tuple(columns), label, cells, np.array(labels, dtype=np.int64))


def table_json(table: Table) -> dict[str, Any]:
    """An opened test table as evidence shows it: features in micro-units, row by row."""
    return {
        "columns": list(table.columns),
        "label": table.label,
        "features": table.features.tolist(),
        "labels": table.labels.tolist(),
    }


def _commitment(table: Table, salt: str) -> str:
    if not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise VerificationFailed("opens the test table without a salt of 16 to 64 bytes")
    return "0x" + tables.commitment(table, bytes.fromhex(salt[2:])).hex()


def _part(name: str, compute: Callable[[], T]) -> T:
    """A failure says which part of the record it is in."""
    try:
        return compute()
    except FreeholdError as error:
        error.fields["part"] = name
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        message = f"is malformed ({type(error).__name__})"
        raise VerificationFailed(message, hint="The record was changed.", part=name) from error

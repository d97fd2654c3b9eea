"""The control API's answers as the library's values, and rows of numbers as the node takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from freehold.core.errors import InvalidInput
from freehold.features.privacy.rules import promises
from freehold.kernel.notebook import Rows, Shown
from freehold.shell.library.values import Asset, Away, Contribution, Model, Plan, Progress

Row = Sequence[Any] | Mapping[str, Any]
V = TypeVar("V", bound=Shown)


def picked(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some fields of an answer, lists as tuples; None where the node sent none."""
    return {name: _frozen(found.get(name)) for name in names}


def made(kind: type[V], found: Mapping[str, Any]) -> V:
    """A dataclass out of the fields it knows; a newer node may send more."""
    known: Any = kind
    value: V = kind(**picked(found, *(field.name for field in fields(known))))
    return value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def asset_of(found: Mapping[str, Any]) -> Asset:
    """An asset as lists show it."""
    return made(Asset, {**found, "columns": found.get("columns") or []})


def plan_of(found: Mapping[str, Any]) -> Plan:
    """What an order would come to."""
    return made(Plan, {**found, "sentence": promises.of_use(found)})


def progress_of(found: Mapping[str, Any]) -> Progress:
    """A job as the node shows it."""
    scores, error = found["scores"] or {}, found["error"] or {}
    away = Rows(made(Away, {**one, "account": owner}) for owner, one in sorted(found["absent"].items()))
    return made(
        Progress,
        {
            **found,
            **scores,
            "job": found["id"],
            "test_rows": scores.get("rows"),
            "absent": away,
            "silent": sorted(found["silent"]),
            "waiting": [row["owner_name"] for row in found["waiting"]],
            "error": str(error.get("title", "")),
        },
    )


def model_of(found: Mapping[str, Any]) -> Model:
    """A model, in short or in full."""
    metrics, privacy = found.get("metrics") or {}, found.get("privacy")
    return made(
        Model,
        {
            **found,
            **metrics,
            "columns": found.get("columns") or [],
            "accuracy_bps": metrics.get("accuracy_bps", []),
            "test_rows": metrics.get("rows"),
            "contributions": Rows(made(Contribution, one) for one in found.get("contribution") or ()),
            "level": privacy["level"] if privacy else "",
            "epsilon_micro": privacy["epsilon_micro"] if privacy else None,
            "privacy": promises.of_use(privacy) if privacy else "",
            "earlier_runs": found.get("earlier_runs") or [],
            "revenue_units": (found.get("pool") or {}).get("in_units", 0),
        },
    )


def records(rows: Any) -> Iterable[Row]:
    """Rows of a data frame (anything with pandas' `to_dict`), or the rows themselves."""
    found: Iterable[Row] = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
    return found


def numbers(row: Row, columns: tuple[str, ...]) -> list[str]:
    """One row as text, in the order of the model's columns."""
    if isinstance(row, Mapping):
        missing = [name for name in columns if name not in row]
        if missing:
            raise InvalidInput(
                f"a row lacks the column '{missing[0]}'", hint=f"It needs: {', '.join(columns)}."
            )
        row = [row[name] for name in columns]
    # the shortest text that reads back as the same number; numpy prints its scalars with their type
    return [str(cell.item()) if hasattr(cell, "item") else str(cell) for cell in row]

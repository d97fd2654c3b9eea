"""What an asset says of its rows and columns, read with care: it is written by anyone, in any form."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import InvalidDocument
from freehold.features.data.rules.table import MICRO_LIMIT
from freehold.kernel.words import asset_kinds

_MOST = 2**53
_FORMS: Mapping[str, Callable[[Any], bool]] = {
    "rows": lambda value: type(value) is int and 0 <= value < _MOST,
    "columns": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "label": lambda value: isinstance(value, str),
    "subject": lambda value: isinstance(value, str),
    "rows_each": lambda value: type(value) is int and 0 <= value < _MOST,
}


@dataclass(frozen=True)
class Said:
    """Of an asset; None where it says nothing that can be read."""

    rows: int | None = None
    columns: tuple[str, ...] | None = None
    label: str | None = None
    subject: str | None = None
    rows_each: int | None = 1
    """1 where nothing is said of it."""


def said(asset: Asset) -> Said:
    """What can be read of it; nothing of a kind that is not known here, where all of it may mean something else."""
    if asset.asset_kind not in asset_kinds():
        return Said()
    unread = set(unreadable(asset))
    found: dict[str, Any] = {
        name: None if name in unread else asset.schema_[name] for name in _FORMS if name in asset.schema_
    }
    if found.get("columns") is not None:
        found["columns"] = tuple(found["columns"])
    return Said(**found)


def unreadable(asset: Asset) -> list[str]:
    """What it says in another form than all that is said so of its kind."""
    if asset.asset_kind not in asset_kinds():
        return []
    schema = asset.schema_
    return [name for name, fits in _FORMS.items() if name in schema and not fits(schema[name])]


def columns(asset: Asset) -> tuple[str, ...]:
    """Names of its feature columns. Raises InvalidDocument: it does not say them."""
    found = said(asset).columns
    if not found:
        raise InvalidDocument(f"{asset.name} does not say which columns it has", owner=asset.owner)
    return found


@dataclass(frozen=True)
class Table:
    """A dataset that says all that training needs to know of it."""

    rows: int
    columns: tuple[str, ...]
    label: str
    rows_each: int
    bounds: Mapping[str, tuple[int, int]] | None


def table(asset: Asset) -> Table:
    """What is said of the rows of a dataset. Raises InvalidDocument: not all of it, or in another form."""
    found = said(asset)
    if found.rows is None or not found.columns or found.label is None:
        raise InvalidDocument(
            f"{asset.name} does not say which columns, label and rows it has", owner=asset.owner
        )
    if found.rows_each is None:
        raise InvalidDocument(f"{asset.name} does not say how many rows a subject has", owner=asset.owner)
    bounds = asset.schema_.get("bounds")
    if bounds is not None and not _are_bounds(bounds, found.columns):
        raise InvalidDocument(f"{asset.name} declares bounds that cannot be read", owner=asset.owner)
    pairs = None if bounds is None else {name: (low, high) for name, (low, high) in bounds.items()}
    return Table(found.rows, found.columns, found.label, found.rows_each, pairs)


def _are_bounds(value: Any, columns: Collection[str]) -> bool:
    return isinstance(value, dict) and all(
        name in columns
        and isinstance(pair, list)
        and len(pair) == 2
        and all(type(n) is int and abs(n) <= MICRO_LIMIT for n in pair)
        and pair[0] < pair[1]
        for name, pair in value.items()
    )

"""Reading a file into a checked `Table`.

`read` takes CSV or Parquet, streaming, and refuses what cannot be trusted with an `InvalidTable`
that names file, row, column and what to do.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from freehold.core.errors import InvalidTable
from freehold.features.data.rules.table import IntArray, Limits, Table, chosen, listed, oddities

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    expected: Sequence[str] | None = None,
    limits: Limits | None = None,
    allow_duplicates: bool = True,
) -> Table:
    """Read a CSV or Parquet file (told apart by its first bytes) into a checked `Table`.

    `positive` names the label value that means 1; without it labels are 0/1 or true/false.
    `expected` lists the feature columns the table must have, in that order.
    Raises `InvalidTable`; its fields name `file` and, where known, `row` (1 is the first data
    row) and `column`.
    """
    columns, features, labels, _ = cells(path, label, positive=positive, expected=expected, limits=limits)
    _, duplicates, _ = chosen(features, labels, None, 1)
    if duplicates and not allow_duplicates:
        raise InvalidTable(
            f"{path.name} repeats {duplicates} of its {len(labels)} rows",
            hint="Remove the repeated rows, or allow duplicates.",
            file=path.name,
            duplicate_rows=duplicates,
        )
    warnings = oddities(columns, features, labels)
    if duplicates:
        warnings.append(f"{duplicates} rows repeat an earlier row")
    return Table(columns, label, features, labels, tuple(warnings), duplicates)


def cells(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    expected: Sequence[str] | None = None,
    limits: Limits | None = None,
    subject: str | None = None,
) -> tuple[tuple[str, ...], IntArray, IntArray, list[bytes] | None]:
    """Feature names, features, labels, a digest of each row's subject where a column names it. Raises InvalidTable."""
    from freehold.features.data.rules import sources  # noqa: PLC0415 - pyarrow takes 0.2 s to import

    with sources.opened(path, limits or Limits()) as source:
        columns = _feature_names(source.names, label, path, subject)
        if expected is not None:
            _check_schema(columns, expected, path)
        source.check_width(len(columns))
        return columns, *sources.collect(source, label, positive, subject)


def _feature_names(
    names: tuple[str, ...], label: str, path: Path, subject: str | None = None
) -> tuple[str, ...]:
    for wanted in (label, *([subject] if subject is not None else [])):
        if wanted not in names:
            close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5) or list(names[:5])
            raise InvalidTable(
                f"{path.name} has no column '{wanted}'",
                hint=f"Did you mean {listed(list(close))}?",
                column=wanted,
            )
    if subject == label:
        raise InvalidTable(
            f"column '{label}' cannot be both label and subject",
            hint="The subject column names the person or thing a row is about.",
            column=label,
        )
    features = tuple(name for name in names if name not in (label, subject))
    if not features:
        raise InvalidTable(f"{path.name} has a label but no features", hint="Add numeric columns.")
    return features


def _check_schema(columns: tuple[str, ...], expected: Sequence[str], path: Path) -> None:
    missing = [name for name in expected if name not in columns]
    extra = [name for name in columns if name not in expected]
    if missing or extra:
        said = [f"lacks {listed(missing)}"] * bool(missing) + [f"has {listed(extra)} in excess"] * bool(extra)
        hint = "Bring the columns to the agreed ones, by name."
    elif tuple(expected) != columns:
        first = next(name for name, other in zip(columns, expected, strict=True) if name != other)
        said, hint = (
            [f"has the columns in another order, from '{first}' on"],
            f"Reorder to {listed(list(expected))}.",
        )
    else:
        return
    raise InvalidTable(f"{path.name} {' and '.join(said)}", hint=hint, missing=missing, extra=extra)

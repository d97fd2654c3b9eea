"""The gateway from Python: rows as people have them become rows as a model takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Any, cast

from freehold.core.errors import InvalidInput, VerificationFailed
from freehold.features.gateway import wire
from freehold.features.gateway.rules.rows import ordered
from freehold.kernel.client import Identified, Performs

_ROWS = "Write [[1, 2, 3]], a row in a list of rows, or give a mapping by column name for each row."
Row = Sequence[Any] | Mapping[str, Any]


class Methods(Performs):
    """Methods that do more than their operation."""

    def predict(
        self,
        model: str | Identified,
        rows: Iterable[Row],
        *,
        at_most: str | float | None = None,
        deposit_calls: int | None = None,
        without_lineage: bool = False,
        key: str | None = None,
    ) -> wire.Prediction:
        """Buy answers for rows of numbers: sequences in the model's order, mappings by column name, or a frame.

        `at_most` is the most dollars that the call may take, the deposit for it and later calls included; where
        neither it nor a setting says so, nothing is bought. Numbers travel as text, so give text or `Decimal`
        where exact digits matter. A model of which nothing shows where it came from is paid for only
        `without_lineage`. `key` is your name for this purchase: asking again with it, whatever happened meanwhile, is
        paid once and gives the stored answer.
        """
        asked = plain_rows(rows)
        answer: wire.Prediction = self._perform(
            wire.PREDICT,
            model=model,
            rows=asked,
            at_most=at_most,
            deposit_calls=deposit_calls,
            without_lineage=without_lineage,
            key=key,
        )
        if ordered(asked, answer.columns).cells != [list(row) for row in answer.rows]:
            raise VerificationFailed(
                "the node answered other rows than these", hint="What was bought: node.receipts()"
            )
        return answer


def plain_rows(rows: Any) -> list[list[str | None] | dict[str, str | None]]:
    """Rows as they travel. Raises InvalidInput: they are none."""
    return [plain(row) for row in records(rows)]


def records(rows: Any) -> Iterable[Any]:
    """Rows of a data frame (of pandas, Polars or Arrow), or the rows themselves.

    Raises InvalidInput: it repeats a name, or has no rows.
    """
    # the columns of an Arrow table are what stands in them
    names = list(getattr(rows, "column_names", getattr(rows, "columns", ())))
    if len(set(map(str, names))) < len(names):
        raise InvalidInput("the frame has two columns of one name", hint="Rename one of them.")
    for method, words in (("to_dicts", ()), ("to_dict", ("records",)), ("to_pylist", ())):
        if hasattr(rows, method):
            with suppress(TypeError, ValueError):  # one column of a frame is none
                found: Iterable[Any] = getattr(rows, method)(*words)
                return found
    if isinstance(rows, (str, bytes, Mapping)) or not _is_iterable(rows):
        raise InvalidInput(f"rows are a list of rows, not {type(rows).__name__}", hint=_ROWS)
    return cast("Iterable[Any]", rows)


def plain(row: Any) -> list[str | None] | dict[str, str | None]:
    """One row as it travels, its numbers as text: by name wherever it has names, so that no order is taken for granted.

    Raises InvalidInput: it has neither names nor an order.
    """
    if hasattr(row, "_asdict"):
        row = row._asdict()
    elif getattr(getattr(row, "dtype", None), "names", None):
        row = {name: row[name] for name in row.dtype.names}
    elif hasattr(row, "keys"):
        row = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row of a frame iterates over its values
    if isinstance(row, dict):
        return {str(name): _text(cell) for name, cell in row.items()}
    if isinstance(row, (str, bytes, set, frozenset)) or not _is_iterable(row):
        kind = "is one number" if isinstance(row, Real | Decimal) else f"is {type(row).__name__}"
        raise InvalidInput(f"a row is a list of numbers; this {kind}", hint=_ROWS)
    return [_text(cell) for cell in row]


def _is_iterable(value: Any) -> bool:
    try:
        iter(value)
    except TypeError:
        return False
    return True


def _text(cell: Any) -> str | None:
    # the shortest text that reads back as the same number; numpy prints its scalars with their type
    return None if cell is None else str(cell.item() if hasattr(cell, "item") else cell)

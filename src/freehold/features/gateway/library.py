"""The gateway from Python: rows as people have them become rows as a model takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from freehold.core.errors import InvalidInput
from freehold.features.gateway import wire
from freehold.features.models.wire import SHOW
from freehold.kernel.client import Identified, Performs

Row = Sequence[Any] | Mapping[str, Any]


class Methods(Performs):
    """Methods that do more than their operation."""

    def predict(
        self,
        model: str | Identified,
        rows: Iterable[Row],
        *,
        at_most: str | None = None,
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
        columns = getattr(model, "columns", None) or self._perform(SHOW, model=model).columns
        return cast(
            "wire.Prediction",
            self._perform(
                wire.PREDICT,
                model=model,
                rows=[numbers(row, columns) for row in records(rows)],
                at_most=at_most,
                deposit_calls=deposit_calls,
                without_lineage=without_lineage,
                key=key,
            ),
        )


def records(rows: Any) -> Iterable[Row]:
    """Rows of a data frame (anything with pandas' `to_dict`), or the rows themselves."""
    found: Iterable[Row] = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
    return found


def numbers(row: Row, columns: Sequence[str]) -> list[str]:
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

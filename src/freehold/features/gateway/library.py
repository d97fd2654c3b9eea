"""The gateway from Python: rows as people have them become rows as a model takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from freehold.core.errors import InvalidInput
from freehold.features.gateway import wire
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
        return cast(
            "wire.Prediction",
            self._perform(
                wire.PREDICT,
                model=model,
                rows=[plain(row) for row in records(rows)],
                at_most=at_most,
                deposit_calls=deposit_calls,
                without_lineage=without_lineage,
                key=key,
            ),
        )


def records(rows: Any) -> Iterable[Any]:
    """Rows of a data frame (of pandas, Polars or Arrow), or the rows themselves. Raises InvalidInput: it repeats a name."""
    names = list(getattr(rows, "columns", ()))
    if len(set(map(str, names))) < len(names):
        raise InvalidInput("the frame has two columns of one name", hint="Rename one of them.")
    for method, words in (("to_dicts", ()), ("to_dict", ("records",)), ("to_pylist", ())):
        if hasattr(rows, method):
            found: Iterable[Any] = getattr(rows, method)(*words)
            return found
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
    if isinstance(row, (str, bytes, set, frozenset)):
        raise InvalidInput(
            f"a row is no {type(row).__name__}", hint="Give a list of numbers, or a mapping by column name."
        )
    return [_text(cell) for cell in row]


def _text(cell: Any) -> str | None:
    # the shortest text that reads back as the same number; numpy prints its scalars with their type
    return None if cell is None else str(cell.item() if hasattr(cell, "item") else cell)

"""All that is wrong in the cells of a file, named at once, by row and column as a spreadsheet shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

from freehold.core.errors import InvalidInput, InvalidTable
from freehold.core.texts import said

MOST = 8
"""Cells that a message names; more are counted."""


@dataclass(frozen=True)
class Fault:
    """One cell."""

    row: int
    """Data row, from 1."""
    column: str
    reason: str
    """A clause."""
    hint: str


@dataclass(frozen=True)
class Shown:
    """How a spreadsheet shows a file."""

    first_column: int
    """From 0."""
    rows: Callable[[list[int]], Mapping[int, int]]
    """Data rows, from 1 -> rows as they are numbered there."""


class Faults:
    """What was found wrong so far."""

    def __init__(self, file: str, names: tuple[str, ...] = (), shown: Shown | None = None) -> None:
        self.file = file
        self._names, self._shown = names, shown
        self._places: Mapping[int, int] = {}
        self._found: list[Fault] = []
        self._more = 0

    def add(self, column: str, rows: list[int], reason: str, hint: str) -> None:
        """Some cells of a column, by their data rows, from 0."""
        room = max(0, MOST - sum(one.column == column for one in self._found))
        self._found += [Fault(row + 1, column, reason, hint) for row in rows[:room]]
        self._more += len(rows[room:])

    def __bool__(self) -> bool:
        return bool(self._found)

    def error(self, kind: type[InvalidInput] = InvalidTable, more_hint: str = "") -> InvalidInput:
        """All of it, in the order of the rows."""
        found = sorted(self._found, key=lambda one: one.row)
        named, more = found[:MOST], self._more + len(found[MOST:])
        first = named[0]
        if self._shown is not None:
            self._places = self._shown.rows([one.row for one in named])
        if len(found) + self._more == 1:
            where = self._place(first)
            return kind(
                said(
                    "{file}, data row {row}, column '{name}': {why}",
                    file=self.file,
                    row=str(first.row),
                    name=first.column,
                    why=first.reason,
                ),
                hint=_sentences(first.hint, more_hint),
                row=first.row,
                column=first.column,
                **({"cell": where} if where else {}),
            )
        cells = [self._said(one) for one in named]
        if more:
            cells.append(said("and {n} more", n=more))
        return kind(
            said(
                "{file}, {n} cells cannot be used: {cells}",
                file=self.file,
                n=len(found) + self._more,
                cells=reduce(lambda one, other: said("{one}; {other}", one=one, other=other), cells),
            ),
            hint=_sentences(*(one.hint for one in named), more_hint),
            row=first.row,
            column=first.column,
            cells=[
                {"row": one.row, "column": one.column, "cell": self._place(one), "reason": one.reason}
                for one in named
            ],
            more=more,
        )

    def _said(self, one: Fault) -> str:
        place = self._place(one)
        row, name, why = str(one.row), one.column, one.reason
        if place:
            return said(
                "data row {row}, column '{name}' ({cell}): {why}", row=row, name=name, cell=place, why=why
            )
        return said("data row {row}, column '{name}': {why}", row=row, name=name, why=why)

    def _place(self, one: Fault) -> str:
        """Such as B7; empty where no program shows the file so."""
        if self._shown is None or one.row not in self._places:
            return ""
        column = self._shown.first_column + self._names.index(one.column)
        return f"{letters(column)}{self._places[one.row]}"


def _sentences(*hints: str) -> str:
    """Each of them once."""
    kept = [one for one in dict.fromkeys(hints) if one]
    return reduce(lambda one, other: said("{one} {other}", one=one, other=other), kept) if kept else ""


def letters(position: int) -> str:
    """How spreadsheets call a column, from 0.

    >>> [letters(n) for n in (0, 25, 26, 16_383)]
    ['A', 'Z', 'AA', 'XFD']
    """
    found = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        found = chr(65 + rest) + found
    return found

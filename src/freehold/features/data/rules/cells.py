"""Cells of a column as micro-unit numbers or 0/1 labels; what is wrong with them is noted by row and column.

A cell that is noted stands as 0 in what is returned, which whoever reads on must not use. Cell contents are private and never repeated in an error; only well-known marks of a missing value
are told apart from other text.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from freehold.core.errors import InvalidTable
from freehold.core.late import np, npt
from freehold.core.texts import said
from freehold.features.data.rules import precision
from freehold.features.data.rules.columns import Column, shapes
from freehold.features.data.rules.faults import Faults
from freehold.features.data.rules.names import MISSING, PLAIN, TRUTHS
from freehold.features.data.rules.table import MICRO, MICRO_LIMIT, IntArray

_MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a")
_PLAIN_LABELS = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}
_IS_NUMBER = re.compile(f"{PLAIN}|^[+-]?(nan|inf|infinity)$", re.ASCII | re.IGNORECASE).match
"""What is written as nan or inf is told as such later."""
_IS_MISSING = re.compile(MISSING, re.ASCII).match


def micro_units(column: Column, seen: precision.Column, faults: Faults, start: int) -> IntArray:
    """One column of one batch in micro-units; `start` is the number of rows before the batch."""
    ready = _readable(column, seen.name, faults, start)
    words = _is_truths(ready) if isinstance(ready, list) else False
    if words:
        values = np.array([cell.strip().lower() == "true" for cell in ready], dtype=np.float64)
    elif isinstance(ready, list):
        values = _numbers(ready, seen.name, faults, start)
    else:
        assert column.kind.numbers is not None
        values = column.kind.numbers(ready)
    _require_one_kind(ready if isinstance(ready, list) else [], seen, faults, start, words=words)
    values, kept = _micro(values, seen.name, faults, start)
    seen.take(values, kept)
    return kept


def subjects(column: Column, name: str, faults: Faults, start: int) -> list[bytes]:
    """A digest of 16 bytes of each cell of a column that names what rows are about, by its text."""
    found = column.distinct()
    if found is None:
        raise InvalidTable(
            said(
                "{file}: column '{name}' holds {type}, which names nobody",
                file=faults.file,
                name=name,
                type=column.kind.name,
            ),
            hint=said("Use a column of texts or whole numbers."),
            column=name,
        )
    kinds, codes = found
    trimmed = [kind.strip() for kind in kinds]
    blank = np.array([not kind for kind in trimmed], dtype=np.bool_)
    hint = "Fill the cell or drop the row: without it nobody knows whose row it is."
    faults.add(name, _at(blank[codes], start), "the cell is missing", hint)
    digests = [_subject(name, kind) for kind in trimmed]
    return [digests[code] for code in codes.tolist()]


def _subject(name: str, text: str) -> bytes:
    return hashlib.blake2b(f"{name}\0{text}".encode(), digest_size=16, person=b"freehold subject").digest()


def _numbers(cells: list[str], name: str, faults: Faults, start: int) -> npt.NDArray[np.float64]:
    """Texts as float64; `start` is the number of rows before them."""
    joined = "".join(cells)
    # of such texts Python takes those for numbers that are, and no other
    if joined.isascii() and "_" not in joined:
        try:
            return np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            pass
    return np.fromiter(map(float, _only_numbers(cells, name, faults, start)), np.float64, len(cells))


def texts(column: Column, name: str, faults: Faults, start: int) -> list[str]:
    """The cells of one column of one batch, each as the text that it was written as, or that reads back as the same."""
    ready = _readable(column, name, faults, start)
    if not isinstance(ready, list):
        return [str(cell) for cell in column.kind.cells(ready)]
    if _is_truths(ready):
        return [str(int(cell.strip().lower() == "true")) for cell in ready]
    return [cell.strip() for cell in ready]


def _readable(column: Column, name: str, faults: Faults, start: int) -> list[str] | npt.NDArray[Any]:
    """A column that may hold numbers, without gaps: texts, or numbers as they are kept in it. Raises InvalidTable."""
    if not column.kind.is_text and column.kind.numbers is None:
        raise InvalidTable(
            said(
                "{file}: column '{name}' holds {type}, not numbers",
                file=faults.file,
                name=name,
                type=column.kind.name,
            ),
            hint=said("Turn it into a number or drop it."),
            column=name,
        )
    gaps = np.flatnonzero([] if column.missing is None else column.missing)
    if len(gaps):
        faults.add(name, (gaps + start).tolist(), said("the cell is missing"), _FILL)
    if column.kind.is_text:
        cells = column.cells()
        for gap in gaps.tolist():
            cells[gap] = "0"
        return cells
    values = np.asarray(column.raw())
    if len(gaps):
        values = values.copy()
        values[gaps] = 0
    return values.view(np.int8) if values.dtype == np.bool_ else values


def _require_one_kind(
    cells: list[str], seen: precision.Column, faults: Faults, start: int, *, words: bool
) -> None:
    """A column of text is all true and false, or all numbers, also from batch to batch. Raises InvalidTable."""
    if seen.truths is None:
        seen.truths = words
    if words != seen.truths:
        odd = [row for row, cell in enumerate(cells, start) if cell.strip().lower() not in TRUTHS]
        reason = (
            said("the cell is neither true nor false, as those before are")
            if seen.truths
            else said("the cell is not a number")
        )
        hint = said("Write the whole column as numbers, or all of it as true and false.")
        faults.add(seen.name, odd if seen.truths else [start], reason, hint)


def _is_truths(cells: list[str]) -> bool:
    """Whether texts are all of them true and false, as data frames write those they hold as such in Parquet."""
    return all(cell.strip().lower() in TRUTHS for cell in cells)


def _only_numbers(cells: list[str], name: str, faults: Faults, start: int) -> list[str]:
    """Texts with a zero for each that is no number."""
    trimmed = [cell.strip() for cell in cells]
    alike = shapes(trimmed)
    if all(map(_IS_NUMBER, alike)):
        return trimmed
    missing: list[int] = []
    words: list[int] = []
    for row, cell in enumerate(trimmed):
        if not _IS_NUMBER(cell):
            trimmed[row] = "0"
            (missing if _IS_MISSING(cell) else words).append(start + row)
    faults.add(name, missing, said("the cell is missing"), _FILL)
    faults.add(name, words, said("the cell is not a number"), _PLAIN_NUMBERS)
    return trimmed


_FILL = said("Fill the cell or drop the row.")
_PLAIN_NUMBERS = said(
    "Use numbers such as -12.5, without units, written in one way in the whole column. "
    "Leave columns of words or dates out of the file."
)


def _micro(
    values: npt.NDArray[np.float64], name: str, faults: Faults, start: int
) -> tuple[npt.NDArray[np.float64], IntArray]:
    finite = np.isfinite(values)
    large = finite & (np.abs(values) > MICRO_LIMIT // MICRO)
    if not finite.all():
        faults.add(name, _at(~finite, start), said("the cell is NaN or infinite"), _FILL)
    if large.any():
        hint = precision.too_large(float(np.abs(values[large]).max()))
        faults.add(
            name, _at(large, start), said("the cell is beyond +-{limit}", limit=MICRO_LIMIT // MICRO), hint
        )
    if not finite.all() or large.any():
        values = np.where(finite & ~large, values, 0.0)
    scaled: IntArray = np.floor(values * MICRO + 0.5).astype(np.int64)
    return values, scaled


def _at(mask: npt.NDArray[np.bool_], start: int) -> list[int]:
    found: list[int] = (np.flatnonzero(mask) + start).tolist()
    return found


class Labels:
    """Turns label texts into 0 and 1, remembering the one value that means 0."""

    def __init__(self, faults: Faults, name: str, positive: str | None) -> None:
        self.faults, self.name, self.positive = faults, name, positive
        self.negative: str | None = None
        self._met = False
        """Whether the positive value was met in the batches so far."""

    def take(self, column: Column, start: int) -> IntArray:
        """Labels of one batch; `start` is the number of rows before it. Raises `InvalidTable`."""
        found = column.distinct()
        if found is None:
            raise InvalidTable(
                said(
                    "{file}: column '{name}' holds {type}, not labels",
                    file=self.faults.file,
                    name=self.name,
                    type=column.kind.name,
                ),
                hint=said("Use 0/1, true/false or two words."),
                column=self.name,
            )
        kinds, codes = [kind.strip() for kind in found[0]], found[1]
        known = np.array([self._code(kind) for kind in kinds], dtype=np.int64)
        labels: IntArray = known[codes]
        wrong = labels < 0
        if wrong.any():
            missing = np.array([kind.lower() in _MISSING for kind in kinds])[codes]
            self._refuse(_at(wrong & missing, start), missing=True)
            self._refuse(_at(wrong & ~missing, start), missing=False)
        return np.maximum(labels, 0)

    def _code(self, kind: str) -> int:
        if self.positive is None:
            return _PLAIN_LABELS.get(kind.lower(), -1)
        if kind == self.positive:
            self._met = True
            return 1
        if kind.lower() in _MISSING or self.negative not in (None, kind):
            return -1
        self.negative = kind
        return 0

    def _refuse(self, rows: list[int], *, missing: bool) -> None:
        if missing:
            self.faults.add(
                self.name, rows, said("the cell is missing"), said("Fill the label or drop the row.")
            )
        elif self.positive is None:
            hint = said("Use 0/1 or true/false, or name the value that means 1.")
            self.faults.add(self.name, rows, said("the cell is neither 0/1 nor true/false"), hint)
        else:
            hint = said("The label must be '{value}' or one other value.", value=self.positive)
            if not self._met:
                hint = said(
                    "The label must be '{value}' or one other value. No cell so far is '{value}': capitals count.",
                    value=self.positive,
                )
            self.faults.add(self.name, rows, said("the cell is a third label value"), hint)

"""Cells of a column as micro-unit numbers or 0/1 labels, with errors that name row and column.

Cell contents are private and never repeated in an error; only well-known marks of a missing value
are told apart from other text.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from freehold.core.errors import InvalidTable
from freehold.features.data.rules import precision
from freehold.features.data.rules.names import TRUTHS
from freehold.features.data.rules.table import MICRO, MICRO_LIMIT, IntArray

_MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a")
_PLAIN_LABELS = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}


def micro_units(column: Any, seen: precision.Column, file: str, start: int) -> IntArray:
    """One Arrow column of one batch in micro-units; `start` is the number of rows before the batch."""
    values = _numbers(column, seen.name, file, start)
    _require_one_kind(column, seen, file, start)
    kept = _micro(values, seen.name, file, start)
    seen.take(values, kept)
    return kept


def subjects(column: Any, name: str, file: str, start: int) -> list[bytes]:
    """A digest of 16 bytes of each cell of a column that names what rows are about, by its text."""
    column = _decoded(column)
    try:
        texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InvalidTable(
            f"{file}: column '{name}' holds {column.type}, which names nobody",
            hint="Use a column of texts or whole numbers.",
            column=name,
        ) from None
    blank = pc.fill_null(pc.equal(pc.utf8_length(texts), 0), True)
    if pc.any(blank).as_py():
        hint = "Fill the cell or drop the row: without it nobody knows whose row it is."
        raise _cell_error("is missing", hint, name, file, row=start + _first(blank))
    return [_subject(name, text) for text in texts.to_pylist()]


def _subject(name: str, text: str) -> bytes:
    return hashlib.blake2b(f"{name}\0{text}".encode(), digest_size=16, person=b"freehold subject").digest()


def _numbers(column: Any, name: str, file: str, start: int) -> npt.NDArray[np.float64]:
    """One column of one batch as float64; `start` is the number of rows before the batch."""
    column, text = _readable(column, name, file, start)
    try:
        cast = pc.cast(pc.utf8_trim_whitespace(column) if text else column, pa.float64(), safe=False)
    except pa.ArrowInvalid:
        raise _bad_text(column, name, file, start) from None
    values: npt.NDArray[np.float64] = cast.to_numpy(zero_copy_only=False)
    return values


def texts(column: Any, name: str, file: str, start: int) -> list[str]:
    """The cells of one column of one batch, each as the text that it was written as, or that reads back as the same."""
    column, text = _readable(column, name, file, start)
    return [cell.strip() if text else str(cell) for cell in column.to_pylist()]


def _readable(column: Any, name: str, file: str, start: int) -> tuple[Any, bool]:
    """A column that may hold numbers, without gaps, and whether they are text. Raises InvalidTable."""
    column = _decoded(column)
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if not (text or numeric or pa.types.is_decimal(column.type) or pa.types.is_boolean(column.type)):
        raise InvalidTable(
            f"{file}: column '{name}' holds {column.type}, not numbers",
            hint="Turn it into a number or drop it.",
            column=name,
        )
    if column.null_count:
        raise _cell_error(
            "is missing", "Fill the cell or drop the row.", name, file, row=start + _first(pc.is_null(column))
        )
    if text and _is_truths(column):
        column, text = pc.equal(_lower(column), "true"), False
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    return column, text


def _require_one_kind(column: Any, seen: precision.Column, file: str, start: int) -> None:
    """A column of text is all true and false, or all numbers, also from batch to batch. Raises InvalidTable."""
    column = _decoded(column)
    is_truths = pa.types.is_string(column.type) and _is_truths(column)
    if seen.truths is None:
        seen.truths = is_truths
    if is_truths != seen.truths:
        other = pc.invert(pc.is_in(_lower(column), pa.array(TRUTHS))) if seen.truths else None
        reason = "is neither true nor false, as those before are" if seen.truths else "is not a number"
        row = start + (0 if other is None else _first(other))
        hint = "Write the whole column as numbers, or all of it as true and false."
        raise _cell_error(reason, hint, seen.name, file, row=row)


def _is_truths(column: Any) -> bool:
    """Whether a column of text is one of true and false, as data frames write those they hold as such in Parquet."""
    words = pa.array(TRUTHS)
    return bool(
        pc.all(pc.is_in(_lower(column[:1]), words)).as_py()
        and pc.all(pc.is_in(_lower(column), words)).as_py()
    )


def _lower(column: Any) -> Any:
    return pc.utf8_lower(pc.utf8_trim_whitespace(column))


def _bad_text(column: Any, name: str, file: str, start: int) -> InvalidTable:
    # the first cell that fails, by bisection over prefixes: a cell by cell search takes seconds
    good, bad = 0, len(column)
    while bad - good > 1:
        half = (good + bad) // 2
        try:
            pc.cast(pc.utf8_trim_whitespace(column.slice(good, half - good)), pa.float64())
            good = half
        except pa.ArrowInvalid:
            bad = half
    if column[good].as_py().strip().lower() in _MISSING:
        return _cell_error("is missing", "Fill the cell or drop the row.", name, file, row=start + good)
    hint = (
        "Use plain numbers such as -12.5 (a point, no units, no thousands marks). "
        "Leave columns of words or dates out of the file."
    )
    return _cell_error("is not a number", hint, name, file, row=start + good)


def _micro(values: npt.NDArray[np.float64], name: str, file: str, start: int) -> IntArray:
    finite = np.isfinite(values)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise _cell_error("is NaN or infinite", "Fill the cell or drop the row.", name, file, row=start + row)
    large = np.abs(values) > MICRO_LIMIT // MICRO
    if large.any():
        hint = precision.too_large(float(np.abs(values).max()))
        reason = f"is beyond +-{MICRO_LIMIT // MICRO:,}"
        raise _cell_error(reason, hint, name, file, row=start + int(np.flatnonzero(large)[0]))
    scaled: IntArray = np.floor(values * MICRO + 0.5).astype(np.int64)
    return scaled


def _cell_error(reason: str, hint: str, name: str, file: str, *, row: int) -> InvalidTable:
    number = row + 1
    return InvalidTable(
        f"{file}, data row {number}, column '{name}': the cell {reason}", hint=hint, row=number, column=name
    )


def _decoded(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _first(mask: Any) -> int:
    return int(np.flatnonzero(mask.to_numpy(zero_copy_only=False))[0])


class Labels:
    """Turns label texts into 0 and 1, remembering the one value that means 0."""

    def __init__(self, file: str, name: str, positive: str | None) -> None:
        self.file, self.name, self.positive = file, name, positive
        self.negative: str | None = None
        self._met = False
        """Whether the positive value was met in the batches so far."""

    def take(self, column: Any, start: int) -> IntArray:
        """Labels of one batch; `start` is the number of rows before it. Raises `InvalidTable`."""
        texts = self._texts(column, start)
        encoded = texts.dictionary_encode()
        kinds = [kind.strip() for kind in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        known = np.array([self._code(kind) for kind in kinds], dtype=np.int64)
        labels: IntArray = known[codes]
        if (labels < 0).any():
            row = int(np.flatnonzero(labels < 0)[0])
            missing = kinds[int(codes[row])].lower() in _MISSING
            raise self._refused(missing=missing, start=start, row=row)
        return labels

    def _texts(self, column: Any, start: int) -> Any:
        column = _decoded(column)
        try:
            texts = pc.cast(column, pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise InvalidTable(
                f"{self.file}: column '{self.name}' holds {column.type}, not labels",
                hint="Use 0/1, true/false or two words.",
                column=self.name,
            ) from None
        if column.null_count:
            raise self._refused(missing=True, start=start, row=_first(pc.is_null(column)))
        return texts

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

    def _refused(self, *, missing: bool, start: int, row: int) -> InvalidTable:
        if missing:
            return _cell_error(
                "is missing", "Fill the label or drop the row.", self.name, self.file, row=start + row
            )
        if self.positive is None:
            hint = "Use 0/1 or true/false, or name the value that means 1."
            return _cell_error("is neither 0/1 nor true/false", hint, self.name, self.file, row=start + row)
        hint = f"The label must be '{self.positive}' or one other value."
        if not self._met:
            hint = f"{hint} No cell so far is '{self.positive}': capitals count."
        return _cell_error("is a third label value", hint, self.name, self.file, row=start + row)

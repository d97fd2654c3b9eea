"""Cells of a column as micro-unit numbers or 0/1 labels; what is wrong with them is noted by row and column.

A cell that is noted stands as 0 in what is returned, which whoever reads on must not use. Cell contents are private and never repeated in an error; only well-known marks of a missing value
are told apart from other text.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from freehold.core.errors import InvalidTable
from freehold.core.late import np, npt
from freehold.core.texts import said
from freehold.features.data.rules import precision
from freehold.features.data.rules.faults import Faults
from freehold.features.data.rules.names import MISSING, PLAIN, TRUTHS
from freehold.features.data.rules.table import MICRO, MICRO_LIMIT, IntArray

_MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a")
_PLAIN_LABELS = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}


def micro_units(column: Any, seen: precision.Column, faults: Faults, start: int) -> IntArray:
    """One Arrow column of one batch in micro-units; `start` is the number of rows before the batch."""
    ready, text = _readable(column, seen.name, faults, start)
    values = _numbers(ready, seen.name, faults, start, text=text)
    _require_one_kind(column, seen, faults, start)
    values, kept = _micro(values, seen.name, faults, start)
    seen.take(values, kept)
    return kept


def subjects(column: Any, name: str, faults: Faults, start: int) -> list[bytes]:
    """A digest of 16 bytes of each cell of a column that names what rows are about, by its text."""
    column = _decoded(column)
    try:
        texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InvalidTable(
            said(
                "{file}: column '{name}' holds {type}, which names nobody",
                file=faults.file,
                name=name,
                type=column.type,
            ),
            hint=said("Use a column of texts or whole numbers."),
            column=name,
        ) from None
    blank = pc.fill_null(pc.equal(pc.utf8_length(texts), 0), True)
    hint = "Fill the cell or drop the row: without it nobody knows whose row it is."
    faults.add(name, _rows(blank, start), "the cell is missing", hint)
    return [_subject(name, text) for text in pc.fill_null(texts, "").to_pylist()]


def _subject(name: str, text: str) -> bytes:
    return hashlib.blake2b(f"{name}\0{text}".encode(), digest_size=16, person=b"freehold subject").digest()


def _numbers(column: Any, name: str, faults: Faults, start: int, *, text: bool) -> npt.NDArray[np.float64]:
    """One column of one batch as float64; `start` is the number of rows before the batch."""
    cells = pc.utf8_trim_whitespace(column) if text else column
    try:
        cast = pc.cast(cells, pa.float64(), safe=False)
    except pa.ArrowInvalid:
        cast = pc.cast(_only_numbers(cells, name, faults, start), pa.float64(), safe=False)
    values: npt.NDArray[np.float64] = cast.to_numpy(zero_copy_only=False)
    return values


def texts(column: Any, name: str, faults: Faults, start: int) -> list[str]:
    """The cells of one column of one batch, each as the text that it was written as, or that reads back as the same."""
    column, text = _readable(column, name, faults, start)
    return [cell.strip() if text else str(cell) for cell in column.to_pylist()]


def _readable(column: Any, name: str, faults: Faults, start: int) -> tuple[Any, bool]:
    """A column that may hold numbers, without gaps, and whether they are text. Raises InvalidTable."""
    column = _decoded(column)
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if not (text or numeric or pa.types.is_decimal(column.type) or pa.types.is_boolean(column.type)):
        raise InvalidTable(
            said(
                "{file}: column '{name}' holds {type}, not numbers",
                file=faults.file,
                name=name,
                type=column.type,
            ),
            hint=said("Turn it into a number or drop it."),
            column=name,
        )
    if column.null_count:
        faults.add(name, _rows(pc.is_null(column), start), said("the cell is missing"), _FILL)
        column = pc.fill_null(column, pc.cast(pa.scalar(0), column.type))
    if text and _is_truths(column):
        column, text = pc.equal(_lower(column), "true"), False
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    return column, text


def _require_one_kind(column: Any, seen: precision.Column, faults: Faults, start: int) -> None:
    """A column of text is all true and false, or all numbers, also from batch to batch. Raises InvalidTable."""
    column = _decoded(column)
    is_truths = pa.types.is_string(column.type) and _is_truths(column)
    if seen.truths is None:
        seen.truths = is_truths
    if is_truths != seen.truths:
        other = pc.invert(pc.is_in(_lower(column), pa.array(TRUTHS))) if seen.truths else None
        reason = (
            said("the cell is neither true nor false, as those before are")
            if seen.truths
            else said("the cell is not a number")
        )
        hint = said("Write the whole column as numbers, or all of it as true and false.")
        faults.add(seen.name, [start] if other is None else _rows(other, start), reason, hint)


def _is_truths(column: Any) -> bool:
    """Whether a column of text is one of true and false, as data frames write those they hold as such in Parquet."""
    words = pa.array(TRUTHS)
    return bool(
        pc.all(pc.is_in(_lower(column[:1]), words)).as_py()
        and pc.all(pc.is_in(_lower(column), words)).as_py()
    )


def _lower(column: Any) -> Any:
    return pc.utf8_lower(pc.utf8_trim_whitespace(column))


def _only_numbers(cells: Any, name: str, faults: Faults, start: int) -> Any:
    """Texts with a zero for each that is no number."""
    # what is written as nan or inf is told as such later
    numbers = pc.match_substring_regex(cells, f"(?i){PLAIN}|^[+-]?(nan|inf|infinity)$")
    missing = pc.and_(pc.match_substring_regex(cells, MISSING), pc.invert(numbers))
    words = pc.and_not(pc.invert(numbers), missing)
    faults.add(name, _rows(missing, start), said("the cell is missing"), _FILL)
    faults.add(name, _rows(words, start), said("the cell is not a number"), _PLAIN_NUMBERS)
    return pc.if_else(numbers, cells, "0")


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


def _rows(mask: Any, start: int) -> list[int]:
    return _at(mask.to_numpy(zero_copy_only=False), start)


def _at(mask: npt.NDArray[np.bool_], start: int) -> list[int]:
    found: list[int] = (np.flatnonzero(mask) + start).tolist()
    return found


def _decoded(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


class Labels:
    """Turns label texts into 0 and 1, remembering the one value that means 0."""

    def __init__(self, faults: Faults, name: str, positive: str | None) -> None:
        self.faults, self.name, self.positive = faults, name, positive
        self.negative: str | None = None
        self._met = False
        """Whether the positive value was met in the batches so far."""

    def take(self, column: Any, start: int) -> IntArray:
        """Labels of one batch; `start` is the number of rows before it. Raises `InvalidTable`."""
        texts = self._texts(column)
        encoded = texts.dictionary_encode()
        kinds = [kind.strip() for kind in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        known = np.array([self._code(kind) for kind in kinds], dtype=np.int64)
        labels: IntArray = known[codes]
        wrong = labels < 0
        if wrong.any():
            missing = np.array([kind.lower() in _MISSING for kind in kinds])[codes]
            self._refuse(_at(wrong & missing, start), missing=True)
            self._refuse(_at(wrong & ~missing, start), missing=False)
        return np.maximum(labels, 0)

    def _texts(self, column: Any) -> Any:
        column = _decoded(column)
        try:
            texts = pc.cast(column, pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise InvalidTable(
                said(
                    "{file}: column '{name}' holds {type}, not labels",
                    file=self.faults.file,
                    name=self.name,
                    type=column.type,
                ),
                hint=said("Use 0/1, true/false or two words."),
                column=self.name,
            ) from None
        if column.null_count:
            # as a blank one, which is told as missing
            texts = pc.fill_null(texts, "")
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

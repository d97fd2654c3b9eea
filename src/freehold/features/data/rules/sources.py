"""Streams text tables, workbooks and Parquet files as columns of numbers and label texts, within limits.

Files come from people and other programs, so nothing is trusted: sizes are checked before reading,
batches are bounded, and every error says where in the file it is.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from freehold import plain_file
from freehold.core.errors import InvalidInput, InvalidTable
from freehold.core.late import np
from freehold.core.texts import Text, filled_anew, said
from freehold.features.data import workbooks
from freehold.features.data.rules import decoding, names, precision, written
from freehold.features.data.rules.cells import Labels, micro_units, subjects
from freehold.features.data.rules.columnar import Columnar
from freehold.features.data.rules.delimited import Delimited
from freehold.features.data.rules.faults import Faults, Shown
from freehold.features.data.rules.names import is_index
from freehold.features.data.rules.ways import NONE, SEPARATORS, Ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from freehold.features.data.rules.columns import Batch
    from freehold.features.data.rules.table import IntArray, Limits
    from freehold.features.data.rules.written import Understood

_OLD = b"\xd0\xcf\x11\xe0"
_FOREIGN = {
    b"PK\x05\x06": said("an empty ZIP archive"),
    # a workbook with a password lies in such a file too
    _OLD: said("an old spreadsheet (xls), or one with a password"),
    b"\x1f\x8b": said("packed with gzip"),
    b"BZh": said("packed with bzip2"),
    b"\xfd7zXZ\x00": said("packed with xz"),
    b"\x28\xb5\x2f\xfd": said("packed with zstd"),
    b"7z\xbc\xaf\x27\x1c": said("a 7z archive"),
    b"Rar!": said("a RAR archive"),
    b"PARE": said("an encrypted Parquet file"),
    b"ARROW1": said("an Arrow (Feather) file"),
    b"FEA1": said("a Feather file"),
    b"SQLite format 3": said("an SQLite database"),
    b"\x89HDF": said("an HDF5 file"),
    b"\x93NUMPY": said("a NumPy array"),
    b"ORC": said("an ORC file"),
    b"Obj\x01": said("an Avro file"),
    b"%PDF": said("a PDF"),
    b"\x80\x04\x95": said("a Python pickle"),
    b"$FL2": said("an SPSS file"),
    b"<stata_dta>": said("a Stata file"),
}
"""By which bytes files begin that people have tables in and that are not read here."""
_TEXTS = {
    "JSON": re.compile(rb"\[\s*[\[{]|\{\s*[\"}]"),
    said("a web page (HTML) or XML"): re.compile(rb"<(!|\?xml|(html|head|body|table)\b)", re.IGNORECASE),
}
"""How texts begin that are no tables; a column's name may begin so, but not go on so."""
_HEAD_BYTES = 64
_SEPARATED = {
    ";": said("cells are separated by semicolons"),
    "\t": said("cells are separated by tabs"),
    "|": said("cells are separated by bars"),
}


class AmbiguousCells(InvalidTable, code="table.ambiguous"):
    """Cells of a column could be read in two ways; whoever has the file says which."""


@dataclass(frozen=True)
class Source:
    """An open file: its column names and a stream of batches whose columns stand in that order."""

    file: str
    names: tuple[str, ...]
    limits: Limits
    batches: Iterator[Batch]
    size_bytes: int
    """Of the file, as it was opened."""
    index: tuple[str, ...] = ()
    """Columns that are the index of a pandas frame; the file says so, or their names do."""
    understood: dict[str, Understood] = field(default_factory=dict)
    """Columns that are not read as they stand; known with the first batch."""
    notes: tuple[str, ...] = ()
    """Sentences on how the file itself is read, where it is not plain CSV."""
    shown: Shown | None = None
    """How a spreadsheet shows it; None where none does."""

    def require_said(self, columns: Iterable[str]) -> None:
        """Raises AmbiguousCells: one of these columns could be read in two ways."""
        asked = [self.understood[name] for name in columns if name in self.understood]
        if found := [one for one in asked if one.is_asked]:
            raise _ambiguous(self.file, found)

    def check_width(self, columns: int) -> None:
        """Refuse more feature columns than the limit, before any row is read."""
        if columns > self.limits.columns:
            raise InvalidTable(
                said(
                    "{file} has {columns} feature columns; the limit is {most}",
                    file=self.file,
                    columns=columns,
                    most=self.limits.columns,
                ),
                hint=said("Choose the columns that matter; no setting raises it."),
                limit=self.limits.columns,
            )


def _ambiguous(file: str, found: Sequence[Understood]) -> AmbiguousCells:
    named = names.listed([one.column for one in found])
    dates = all(one.is_date for one in found)
    reason = (
        "dates could begin with day or month" if dates else "1,234 could be one thousand or one and a bit"
    )
    which = "dates=day or dates=month" if dates else "decimal=comma or decimal=point"
    return AmbiguousCells(
        f"{file}: numbers in column {named} could be read in two ways"
        if not dates
        else f"{file}: dates in column {named} could be read in two ways",
        hint=said("Say which: {which} (--read-as); {reason}.", which=which, reason=reason),
        column=found[0].column,
        columns=[one.column for one in found],
    )


@contextmanager
def opened(path: Path, limits: Limits, ways: Ways = NONE) -> Iterator[Source]:
    """Open a file, told apart by its first bytes: Parquet, a workbook, else text; raises `InvalidTable`."""
    try:
        with plain_file.opened(path) as stream, read(stream, path.name, limits, ways=ways) as source:
            yield source
    except plain_file.Unreadable as error:
        raise InvalidTable(error.message, hint=error.hint, file=path.name) from None


@contextmanager
def read(
    stream: BinaryIO,
    file: str,
    limits: Limits,
    *,
    ways: Ways = NONE,
    headed: Callable[[Delimited], tuple[str, ...] | None] = Delimited.names,
) -> Iterator[Source]:
    """Columns and rows of an open file, called `file` in errors. Raises `InvalidTable`.

    `headed` says what names the first line of a CSV file gives its columns: None where it is a row, and the columns
    are counted from 1.
    """
    text: Delimited | None = None
    try:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        head = stream.read(_HEAD_BYTES)
        _require_table(head, size, file, limits)
        stream.seek(0)
        if head.startswith(b"PAR1"):
            yield _columnar(stream, file, limits, size)
        else:
            notes: list[str] = []
            corner = (0, 0)
            if head.startswith(b"PK\x03\x04"):
                sheet = workbooks.first_sheet(stream, file, limits, ways.sheet)
                stream, corner = io.BytesIO(sheet.text), sheet.corner
                notes += sheet.notes
                ways = replace(ways, separator="comma", encoding="")
            encoding = decoding.found(head, ways.encoding)
            if encoding != "utf-8":
                notes.append(said("the text is read as {encoding}", encoding=encoding))
            text = Delimited(
                decoding.as_utf8(stream, file, encoding), file, SEPARATORS.get(ways.separator, "")
            )
            if text.separator != ",":
                notes.append(_SEPARATED[text.separator])
            yield _textual(text, headed(text), file, limits, size, ways, tuple(notes), corner)
    except InvalidInput as error:
        error.fields["file"] = file
        row = error.fields.get("row")
        if text is not None and isinstance(row, int) and "line" not in error.fields:
            _tell_line(error, row, text)
        raise


def _tell_line(error: InvalidInput, row: int, text: Delimited) -> None:
    """Where a row does not stand in the line that its number suggests, its error says in which."""
    message = error.message
    told = isinstance(message, Text) and message.values.get("row") == str(row)
    line = text.line_of(row) if told or f"data row {row}" in message else 0
    if line and line != row + text.header:
        error.fields["line"] = line
        if isinstance(message, Text):
            place = said("{row} (line {line})", row=str(row), line=str(line))
            error.message = filled_anew(message, {**message.values, "row": place})
        else:
            error.message = message.replace(f"data row {row}", f"data row {row} (line {line})", 1)
        error.args = (error.message,)


def _require_table(head: bytes, size: int, file: str, limits: Limits) -> None:
    if size == 0:
        raise InvalidTable(said("{file} is empty", file=file), hint=said("It needs a header line and rows."))
    if size > limits.size_bytes:
        raise InvalidTable(
            said(
                "{file} has {size} bytes; the limit is {most}",
                file=file,
                size=size,
                most=limits.size_bytes,
            ),
            hint=said("Split the file, or raise the setting max_table_bytes."),
            limit=limits.size_bytes,
        )
    mark = next((mark for mark in _FOREIGN if head.startswith(mark)), None)
    if mark is not None:
        raise InvalidTable(
            said("{file} is no table that is read here: it is {foreign}", file=file, foreign=_FOREIGN[mark]),
            hint=said("Save it without a password, and as Excel (xlsx) or CSV.")
            if mark == _OLD
            else said("Unpack it, or save the table as CSV, Excel (xlsx) or Parquet."),
        )
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if kind := next((kind for kind, begins in _TEXTS.items() if begins.match(text)), None):
        raise InvalidTable(
            said("{file} is no table that is read here: it is {kind}", file=file, kind=kind),
            hint=said("Save the table as CSV, Excel (xlsx) or Parquet."),
        )


def _textual(
    text: Delimited,
    named: tuple[str, ...] | None,
    file: str,
    limits: Limits,
    size: int,
    ways: Ways,
    notes: tuple[str, ...],
    corner: tuple[int, int],
) -> Source:
    header = named is not None
    found = named if named is not None else tuple(str(n + 1) for n in range(len(text.first)))
    understood: dict[str, Understood] = {}

    def batches() -> Iterator[Batch]:
        # all cells of a column tell together how each is written, so the file is read twice
        every = text.batches(header=header)
        understood.update(written.survey(every, found, ways, foreign=text.separator == ";"))
        known = {found.index(name): one.way for name, one in understood.items() if not one.is_asked}
        return written.plainly(text.batches(header=header), known)

    return Source(
        file,
        found,
        limits,
        _late(batches),
        size,
        tuple(filter(is_index, found)),
        understood,
        notes,
        Shown(corner[1], partial(text.shown_rows, above=corner[0])),
    )


def _late(batches: Callable[[], Iterator[Batch]]) -> Iterator[Batch]:
    yield from batches()


@dataclass(frozen=True)
class Cells:
    """What a file holds, as it is kept."""

    features: IntArray
    """(rows, columns) in micro-units."""
    labels: IntArray
    """(rows,)."""
    people: list[bytes] | None
    """A digest of each row's subject, where a column names it."""
    warnings: tuple[str, ...]
    """What was lost on the way."""
    file_bytes: int
    """Size of the file."""


def collect(
    source: Source, label: str, positive: str | None, features: Sequence[str], subject: str | None = None
) -> Cells:
    """Read every batch of a file that has these columns. Raises InvalidTable."""
    at = {name: position for position, name in enumerate(source.names)}
    faults = Faults(source.file, source.names, source.shown)
    reader = Labels(faults, label, positive)
    seen = [precision.Column(name) for name in features]
    people: list[bytes] = []
    blocks: list[IntArray] = []
    labels: list[IntArray] = []
    rows = 0
    for batch in source.batches:
        _check_rows(source, rows + batch.rows, len(features))
        source.require_said(features)
        parts = [micro_units(batch.columns[at[one.name]], one, faults, rows) for one in seen]
        blocks.append(np.stack(parts, axis=1))
        labels.append(reader.take(batch.columns[at[label]], rows))
        if subject is not None:
            people += subjects(batch.columns[at[subject]], subject, faults, rows)
        rows += batch.rows
    if rows == 0:
        raise InvalidTable(
            said("{file} has a header but no rows", file=source.file), hint=said("Add at least one data row.")
        )
    if faults:
        raise faults.error()
    for one in seen:
        one.require_kept(source.file)
    read_as = written.told(one for name, one in source.understood.items() if name in features)
    warnings = (*source.notes, *read_as, *(told for one in seen for told in one.said()))
    found = people if subject is not None else None
    return Cells(np.concatenate(blocks), np.concatenate(labels), found, warnings, source.size_bytes)


def _check_rows(source: Source, rows: int, columns: int) -> None:
    limits = source.limits
    if rows > limits.rows or rows * columns > limits.cells:
        raise InvalidTable(
            said(
                "{file} is too large: more than {rows} rows of {columns} features",
                file=source.file,
                rows=min(limits.rows, limits.cells // max(columns, 1)),
                columns=columns,
            ),
            hint=said("Split the file, and publish each part; no setting raises it."),
            limit=limits.rows,
        )


def _columnar(stream: BinaryIO, file: str, limits: Limits, size: int) -> Source:
    parquet = Columnar(stream, file, 8 * limits.size_bytes)
    source = Source(file, parquet.names, limits, parquet.batches(), size, parquet.index)
    _check_rows(source, parquet.rows, len(parquet.names) - 1)
    return source

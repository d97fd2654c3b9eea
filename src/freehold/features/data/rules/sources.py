"""Streams CSV and Parquet files as columns of numbers and label texts, within limits.

Files come from people and other programs, so nothing is trusted: sizes are checked before reading,
batches are bounded, and every error says where in the file it is.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from freehold import plain_file
from freehold.core.errors import InvalidInput, InvalidTable
from freehold.features.data.rules.cells import Labels, micro_units, subjects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freehold.features.data.rules.table import IntArray, Limits

_BATCH_ROWS = 65_536
_HEADER_BYTES = 1 << 20
_BLOCK_BYTES = 4 << 20
_MAX_NAME = 256


@dataclass(frozen=True)
class Source:
    """An open file: its column names and a stream of batches whose columns stand in that order."""

    file: str
    names: tuple[str, ...]
    limits: Limits
    batches: Iterator[Any]

    def check_width(self, columns: int) -> None:
        """Refuse more feature columns than the limit, before any row is read."""
        if columns > self.limits.columns:
            raise InvalidTable(
                f"{self.file} has {columns} feature columns; the limit is {self.limits.columns}",
                hint="Choose the columns that matter, or raise the limit.",
                limit=self.limits.columns,
            )


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Errors name the file."""
    try:
        yield
    except InvalidTable as error:
        error.fields["file"] = file
        raise


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Source]:
    """Open a file, Parquet if it starts with `PAR1`, else CSV; raises `InvalidTable`."""
    try:
        stream = plain_file.opened(path)
    except InvalidInput as error:
        raise InvalidTable(error.message, hint=error.hint, file=path.name) from None
    with stream, _named(path.name):
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            raise InvalidTable(f"{path.name} is empty", hint="It needs a header line and rows.")
        if size > limits.size_bytes:
            raise InvalidTable(
                f"{path.name} has {size:,} bytes; the limit is {limits.size_bytes:,}",
                hint="Split the file, or raise the limit.",
                limit=limits.size_bytes,
            )
        parquet = stream.read(4) == b"PAR1"
        stream.seek(0)
        yield _parquet(stream, path.name, limits) if parquet else _csv(stream, path.name, limits)


def collect(
    source: Source, label: str, positive: str | None, subject: str | None = None
) -> tuple[IntArray, IntArray, list[bytes] | None]:
    """Read every batch: features (rows, columns) in micro-units, labels (rows,), a digest of each row's subject."""
    at = source.names.index(label)
    about = source.names.index(subject) if subject is not None else None
    reader = Labels(source.file, label, positive)
    people: list[bytes] = []
    features: list[IntArray] = []
    labels: list[IntArray] = []
    rows = 0
    for batch in source.batches:
        _check_rows(source, rows + batch.num_rows, len(source.names) - 1 - (about is not None))
        parts = [
            micro_units(batch.column(i), name, source.file, rows)
            for i, name in enumerate(source.names)
            if i not in (at, about)
        ]
        features.append(np.stack(parts, axis=1))
        labels.append(reader.take(batch.column(at), rows))
        if subject is not None and about is not None:
            people += subjects(batch.column(about), subject, source.file, rows)
        rows += batch.num_rows
    if rows == 0:
        raise InvalidTable(f"{source.file} has a header but no rows", hint="Add at least one data row.")
    return np.concatenate(features), np.concatenate(labels), people if subject is not None else None


def _check_rows(source: Source, rows: int, columns: int) -> None:
    limits = source.limits
    if rows > limits.rows or rows * columns > limits.cells:
        raise InvalidTable(
            f"{source.file} is too large: more than {min(limits.rows, limits.cells // max(columns, 1)):,} rows of {columns} features",
            hint="Split the file, or raise the limit.",
            limit=limits.rows,
        )


def _csv(stream: BinaryIO, file: str, limits: Limits) -> Source:
    names = _header(stream, file)
    if not any(line.strip() for line in iter(lambda: stream.readline(_HEADER_BYTES), b"")):
        return Source(file, names, limits, iter(()))
    stream.seek(0)
    keys = [f"c{i}" for i in range(len(names))]
    try:
        reader = pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                column_names=keys, skip_rows=1, block_size=_BLOCK_BYTES, use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _csv_error(stream, file, error) from None
    return Source(file, names, limits, _csv_batches(reader, stream, file))


def _csv_batches(reader: Any, stream: BinaryIO, file: str) -> Iterator[Any]:
    try:
        yield from reader
    except pa.ArrowInvalid as error:
        raise _csv_error(stream, file, error) from None


def _csv_error(stream: BinaryIO, file: str, error: Exception) -> InvalidTable:
    """Arrow's message repeats cells, so only its numbers are kept."""
    ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", str(error))
    if ragged:
        line, wanted, got = (int(n) for n in ragged.groups())
        return InvalidTable(
            f"{file}, data row {line - 1}: {got} cells where the header has {wanted}",
            hint="Quote cells that contain commas; fill cells that are missing.",
            row=line - 1,
        )
    if "UTF8" in str(error):
        return _not_utf8(stream, file)
    return InvalidTable(f"{file} is not a readable CSV file", hint="Check quotes and line ends.")


def _not_utf8(stream: BinaryIO, file: str) -> InvalidTable:
    stream.seek(0)
    for row, line in enumerate(stream):
        try:
            line.decode()
        except UnicodeDecodeError:
            return InvalidTable(
                f"{file}, line {row + 1}: not UTF-8 text", hint="Save the file as UTF-8.", row=row
            )
    return InvalidTable(f"{file} is not UTF-8 text", hint="Save the file as UTF-8.")


def _header(stream: BinaryIO, file: str) -> tuple[str, ...]:
    raw = stream.readline(_HEADER_BYTES)
    try:
        text = raw.decode("utf-8-sig")
        names = next(csv.reader(io.StringIO(text), strict=True), [])
    except UnicodeDecodeError:
        raise _not_utf8(stream, file) from None
    except csv.Error:
        raise InvalidTable(f"{file}: the header line is malformed", hint="Check its quotes.") from None
    if len(names) == 1 and any(mark in text for mark in ";\t|"):
        raise InvalidTable(
            f"{file}: the header has no commas", hint="Separate cells by commas, not ; | or tabs."
        )
    return _checked_names([name.strip() for name in names], file)


def _checked_names(names: list[str], file: str) -> tuple[str, ...]:
    if not names or not any(names):
        raise InvalidTable(f"{file} has an empty header", hint="Name the columns in the first line.")
    for position, name in enumerate(names, start=1):
        if not name or len(name) > _MAX_NAME or not name.isprintable():
            raise InvalidTable(
                f"{file}: column {position} has no usable name",
                hint=f"Use 1 to {_MAX_NAME} printable characters.",
                column=position,
            )
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidTable(
            f"{file} has two columns named '{twice[0]}'", hint="Rename one of them.", column=twice[0]
        )
    return tuple(names)


def _parquet(stream: BinaryIO, file: str, limits: Limits) -> Source:
    broken = InvalidTable(f"{file} is not a readable Parquet file", hint="Write the file again.")
    try:
        parquet = pyarrow.parquet.ParquetFile(stream)
        meta = parquet.metadata
        names = _checked_names(list(parquet.schema_arrow.names), file)
    except (pa.ArrowException, OSError, ValueError):
        raise broken from None
    source = Source(file, names, limits, _parquet_batches(parquet, broken))
    _check_rows(source, meta.num_rows, len(names) - 1)
    unpacked = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    if unpacked > 8 * limits.size_bytes:
        raise InvalidTable(
            f"{file} unpacks to {unpacked:,} bytes; the limit is {8 * limits.size_bytes:,}",
            hint="Split the file, or raise the limit.",
            limit=8 * limits.size_bytes,
        )
    return source


def _parquet_batches(parquet: Any, broken: InvalidTable) -> Iterator[Any]:
    try:
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            batch.validate(full=True)  # a broken file can hold text that is not UTF-8
            yield batch
    except (pa.ArrowException, OSError, ValueError):
        raise broken from None

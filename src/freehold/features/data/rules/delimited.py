"""CSV files as batches of text columns: where the header is, and in which line of the file a row stands."""

from __future__ import annotations

import csv
import io
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.csv

from freehold.core.errors import InvalidTable
from freehold.features.data.rules import names

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER_BYTES = 1 << 20
_BLOCK_BYTES = 4 << 20
_LINE_END = re.compile(rb"\r\n|\n|\r")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?[0-9]*[.,]?[0-9]*([eE][+-]?[0-9]+)?\s*")
_STRAY_QUOTE = re.compile(rb'(?:^|[,\r\n])"[^"]*"[^,\r\n" \t]')
"""More after a quote that ends a cell: the reader would join `"1"2` to 12. Seen in quoted text, too, where it is right."""


class Delimited:
    """An open CSV file. Raises InvalidTable where its first line cannot be one of such a file."""

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self._stream, self._file = stream, file
        self.header = True
        """Whether the first line is one, once that is known."""
        raw = stream.read(_HEADER_BYTES)
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:4_096]:
            raise InvalidTable(
                f"{file} is not UTF-8 text, but UTF-16 or no text at all", hint="Save the file as UTF-8."
            )
        ends = _LINE_END.search(raw)
        self._rest = raw[ends.end() :] if ends else b""
        if len(raw) == _HEADER_BYTES:
            # of its last line only the beginning may have been looked at
            self._rest = self._rest[: self._rest.rfind(b"\n") + 1]
        self.first = self._cells(raw[: ends.start()] if ends else raw)
        """Cells of the first line."""

    def _cells(self, raw: bytes) -> tuple[str, ...]:
        try:
            text = raw.decode("utf-8-sig")
            cells = next(csv.reader(io.StringIO(text), strict=True), [])
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        except csv.Error:
            raise InvalidTable(
                f"{self._file}: a quote opens in the first line and does not close there",
                hint="Write each name in one line, without a line break in it, and close its quotes.",
            ) from None
        self._require_commas(text, cells)
        if text.startswith("#") and len(cells) == 1:
            raise InvalidTable(
                f"{self._file}: the first line is a comment",
                hint="Begin with the names of the columns, and leave comments out.",
            )
        return tuple(cell.strip() for cell in cells)

    def _require_commas(self, text: str, cells: list[str]) -> None:
        """Raises InvalidTable: the first line's cells are separated by something else."""
        if text.strip().lower().startswith("sep="):
            raise InvalidTable(
                f"{self._file}: the first line tells a spreadsheet what separates cells",
                hint="Take that line out; cells are separated by commas, and numbers have a point: 1.5.",
            )
        for mark in names.SEPARATORS:
            parts = text.split(mark)
            # commas in numbers, as many languages write them
            if len(parts) > 1 and (len(cells) == 1 or all(map(_DECIMAL_COMMA.fullmatch, parts))):
                raise InvalidTable(
                    f"{self._file}: the first line has no commas between its cells",
                    hint=names.COMMAS,
                )

    def names(self) -> tuple[str, ...]:
        """The names that its first line gives its columns. Raises InvalidTable."""
        names.require_names(self.first, self._file)
        return names.checked(self.first, self._file)

    def others(self) -> Iterator[list[str]]:
        """Cells of the lines that follow the first, as far as they were looked at."""
        with suppress(csv.Error):
            yield from filter(None, csv.reader(io.StringIO(self._rest.decode(errors="replace"), newline="")))

    def batches(self, *, header: bool) -> Iterator[Any]:
        """Its rows, all cells text: from its second line on, or from its first without a header. Raises InvalidTable."""
        self.header = header
        self._require_quotes()
        if header and not self._rest.strip() and not self._goes_on():
            return
        self._stream.seek(0)
        keys = [f"c{i}" for i in range(len(self.first))]
        last = ""
        try:
            for batch in pyarrow.csv.open_csv(
                self._stream,
                read_options=pyarrow.csv.ReadOptions(
                    column_names=keys, skip_rows=int(header), block_size=_BLOCK_BYTES, use_threads=False
                ),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False
                ),
            ):
                if batch.num_rows:
                    last = batch.column(len(keys) - 1)[-1].as_py()
                yield batch
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise self._error(error) from None
        self._require_closed(last)

    def line_of(self, row: int) -> int:
        """In which line of the file a data row begins; 0 where nobody can tell."""
        left, begins = row + self.header, 1
        with suppress(csv.Error), self._text() as text:
            reader = csv.reader(text)
            for cells in reader:
                left -= bool(cells)
                if not left:
                    return begins
                begins = reader.line_num + 1
        return 0

    def _goes_on(self) -> bool:
        self._stream.seek(_HEADER_BYTES)
        return any(piece.strip() for piece in iter(lambda: self._stream.read(_BLOCK_BYTES), b""))

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding="utf-8-sig", errors="replace", newline="")
        try:
            yield text
        finally:
            # so that the file stays open
            text.detach()

    def _require_quotes(self) -> None:
        self._stream.seek(0)
        last = b""
        for piece in iter(lambda: self._stream.read(_BLOCK_BYTES), b""):
            if b'"' in piece and _STRAY_QUOTE.search(last + piece):
                self._require_strict()
                return
            last = piece[-_HEADER_BYTES:]

    def _require_closed(self, last: str) -> None:
        """The last cell ends where it says, not where the file does: rows that follow its quote would be its text."""
        open_ = ('"' + last.replace('"', '""')).encode()
        size = self._stream.seek(0, io.SEEK_END)
        self._stream.seek(max(0, size - len(open_)))
        # of blanks and quotes alone, one that is closed can end like that too
        if last.strip('" \t\r\n') and self._stream.read() == open_:
            raise InvalidTable(
                f"{self._file}: a quote is opened in the last row and never closed",
                hint="Close it. A file that was cut short ends so: look for the rows that are missing.",
            )

    def _require_strict(self) -> None:
        with self._text() as text:
            reader = csv.reader(text, strict=True)
            try:
                for _ in reader:
                    pass
            except csv.Error:
                raise InvalidTable(
                    f"{self._file}, line {reader.line_num}: a cell goes on after its closing quote",
                    hint='Quote a cell as a whole, and write "" for a quote in it.',
                    line=reader.line_num,
                ) from None

    def _error(self, error: Exception) -> InvalidTable:
        """Arrow's message repeats cells, so only its numbers are kept."""
        ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", str(error))
        if ragged:
            line, wanted, got = (int(n) for n in ragged.groups())
            row, known = line - self.header, "the header" if self.header else "the first line"
            return InvalidTable(
                f"{self._file}, data row {row}: {got} cells where {known} has {wanted}",
                hint="Quote cells that contain commas; fill cells that are missing.",
                row=row,
            )
        if "UTF8" in str(error):
            return self._not_utf8()
        return InvalidTable(f"{self._file} is not a readable CSV file", hint="Check quotes and line ends.")

    def _not_utf8(self) -> InvalidTable:
        self._stream.seek(0)
        for row, line in enumerate(self._stream):
            try:
                line.decode()
            except UnicodeDecodeError:
                return InvalidTable(
                    f"{self._file}, line {row + 1}: not UTF-8 text", hint="Save the file as UTF-8.", row=row
                )
        return InvalidTable(f"{self._file} is not UTF-8 text", hint="Save the file as UTF-8.")

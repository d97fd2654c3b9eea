"""CSV files as batches of text columns: where the header is, and in which line of the file a row stands."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from freehold.core.errors import InvalidTable
from freehold.core.texts import said
from freehold.features.data.rules import decoding, names
from freehold.features.data.rules.columns import Batch, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADER_BYTES = 1 << 20
_FIRST_BYTES, _BLOCK_BYTES, _COLUMN_BYTES = 4 << 20, 128 << 10, 4 << 10
"""Of the first block, by whose rows it is judged what a column loses; of others, which stay in the processor's cache,
and of them for each column."""
_MOST_LINE = 4 << 20
"""Characters."""
_LINE_END = re.compile(rb"\r\n|\n|\r")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?[0-9]*[.,]?[0-9]*([eE][+-]?[0-9]+)?\s*")
_SAID_IN_FILE = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]*\"?sep=([,;\t|])\"?[ \t]*(?:\r\n|\n|\r)", re.IGNORECASE)
"""How a file tells a spreadsheet what separates its cells."""
_LOOKED_AT, _LOOKED_AT_BYTES = 20, 64 << 10
"""Lines in which cells are counted to find what separates them."""
_STRAY_QUOTE = {
    mark: re.compile(rb'(?:^|[%s\r\n])"[^"]*"[^%s\r\n" \t]' % (mark.encode(), mark.encode()))
    for mark in f",{names.SEPARATORS}"
}
"""More after a quote that ends a cell: the reader would join `"1"2` to 12. Seen in quoted text, too, where it is right."""

_CELLS = {
    mark: re.compile(
        r'"[^"]*(?:""[^"]*)*(?:(\Z)|"(?=[%s\r\n]|\Z)|"([^%s\r\n]))|[^%s\r\n]+|.' % ((re.escape(mark),) * 3),
        re.DOTALL,
    )
    for mark in f",{names.SEPARATORS}"
}
"""Cells of a row, and what is between them; with a group where a quote stays open, or a cell goes on after it."""
_LONG, _END, _AFTER = "field limit", "unexpected end of data", "expected after"
"""In what the standard library's reader says."""
_RAGGED = {
    ",": "Quote cells that contain commas; fill cells that are missing.",
    ";": "Quote cells that contain semicolons; fill cells that are missing.",
    "\t": "Quote cells that contain tabs; fill cells that are missing.",
    "|": "Quote cells that contain a bar; fill cells that are missing.",
}


def _width(line: str, mark: str) -> int:
    """Cells of a line; its quotes may go on in the next."""
    try:
        return len(next(csv.reader([line], delimiter=mark), []))
    except csv.Error:
        return 0


def _even(widths: dict[str, list[int]]) -> list[str]:
    """Marks other than the comma that make as many cells, and several, of every line."""
    return [mark for mark, found in widths.items() if mark != "," and min(found) > 1 and len(set(found)) == 1]


class _Ragged(Exception):
    """A row has other cells than the first line."""

    def __init__(self, row: int, cells: int) -> None:
        super().__init__(row, cells)
        self.row, self.cells = row, cells


def _require_even(widths: list[int], width: int, seen: int, header: bool) -> None:
    """Raises _Ragged: a line that is not blank has other cells; `seen` such lines are before these."""
    if set(widths) - {width}:
        odd = next(n for n, cells in enumerate(widths) if cells != width)
        raise _Ragged(seen + odd + 1 - header, widths[odd])


def _require_short(lines: list[str], mark: str) -> None:
    for _ in csv.reader(lines, delimiter=mark, quoting=csv.QUOTE_NONE):
        pass


class _Lines:
    """Lines of blocks of them, for a reader that goes on into the next block where a quote does."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks, self._now, self._left = blocks, io.StringIO(), 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self:
            self.block()
        line = self._now.readline()
        if not line:
            raise StopIteration
        self._left -= len(line)
        return line

    def __bool__(self) -> bool:
        """Whether there are more in this block."""
        return self._left > 0

    def block(self) -> str:
        """Goes on to the next block; blank where there is none."""
        found = next(self._blocks, "")
        self._now, self._left = io.StringIO(found, newline=""), len(found)
        return found


def _until(lines: _Lines, reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows that begin in the block of these lines."""
    while lines:
        if (cells := next(reader, None)) is None:
            return
        yield cells


class Delimited:
    """An open CSV file. Raises InvalidTable where its first line cannot be one of such a file."""

    def __init__(self, stream: BinaryIO, file: str, separator: str = "") -> None:
        self._stream, self._file = stream, file
        self.header = True
        """Whether the first line is one, once that is known."""
        raw = stream.read(_HEADER_BYTES)
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:4_096]:
            raise InvalidTable(
                said("{file} is not UTF-8 text, but UTF-16 or no text at all", file=file), hint=decoding.HINT
            )
        told = _SAID_IN_FILE.match(raw)
        self._begin = told.end() if told else 0
        """Where its first line begins, behind one that says what separates cells."""
        whole, raw = len(raw) < _HEADER_BYTES, raw[self._begin :]
        ends = _LINE_END.search(raw)
        self._rest = raw[ends.end() :] if ends else b""
        if not whole:
            # of its last line only the beginning may have been looked at
            self._rest = self._rest[: self._rest.rfind(b"\n") + 1]
        first = raw[: ends.start()] if ends else raw
        self.separator = separator or (told[1].decode() if told else "") or self._separator(first)
        """What stands between cells."""
        self.first = self._cells(first)
        """Cells of the first line."""

    def _separator(self, first: bytes) -> str:
        """What makes as many cells of the next lines as of the first; a comma where nothing tells."""
        # a quote that opens here may close lines later, where it is told
        text = (
            first.decode("utf-8-sig", "replace")
            + "\n"
            + self._rest[:_LOOKED_AT_BYTES].decode("utf-8", "replace")
        )
        lines = [line for line in itertools.islice(text.splitlines(), _LOOKED_AT) if line.strip()]
        if not lines:
            return ","
        widths = {mark: [_width(line, mark) for line in lines] for mark in f",{names.SEPARATORS}"}
        if widths[","][0] > 1 and not self._is_of_numbers(lines[0]):
            # 1,5;2,5 below a;b has a comma in each number, but a line of names has it between cells
            return "," if len(set(widths[","])) == 1 or not _even(widths) else _even(widths)[0]
        several = [mark for mark in names.SEPARATORS if widths[mark][0] > 1]
        return next((mark for mark in several if mark in _even(widths)), (*several, ",")[0])

    @staticmethod
    def _is_of_numbers(line: str) -> bool:
        """Whether another mark stands between numbers, in which commas are decimal."""
        parts = [line.split(mark) for mark in names.SEPARATORS if mark in line]
        return any(all(map(_DECIMAL_COMMA.fullmatch, one)) for one in parts)

    def _cells(self, raw: bytes) -> tuple[str, ...]:
        try:
            text = raw.decode("utf-8-sig")
            cells = next(csv.reader(io.StringIO(text), strict=True, delimiter=self.separator), [])
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        except csv.Error as error:
            if _LONG in str(error):
                raise self._unreadable(str(error)) from None
            raise InvalidTable(
                said("{file}: a quote opens in the first line and does not close there", file=self._file),
                hint=said("Write each name in one line, without a line break in it, and close its quotes."),
            ) from None
        if text.startswith("#") and len(cells) == 1:
            raise InvalidTable(
                said("{file}: the first line is a comment", file=self._file),
                hint=said("Begin with the names of the columns, and leave comments out."),
            )
        return tuple(cell.strip() for cell in cells)

    def names(self) -> tuple[str, ...]:
        """The names that its first line gives its columns. Raises InvalidTable."""
        names.require_names(self.first, self._file)
        return names.checked(self.first, self._file)

    def others(self) -> Iterator[list[str]]:
        """Cells of the lines that follow the first, as far as they were looked at."""
        with suppress(csv.Error):
            text = io.StringIO(self._rest.decode(errors="replace"), newline="")
            yield from filter(None, csv.reader(text, delimiter=self.separator))

    def batches(self, *, header: bool) -> Iterator[Batch]:
        """Its rows, all cells text: from its second line on, or from its first without a header. Raises InvalidTable."""
        self.header = header
        self._require_quotes()
        if header and not self._rest.strip() and not self._goes_on():
            return
        last = ""
        try:
            for columns in self._columns():
                last = columns[-1][-1]
                yield Batch([text(column) for column in columns])
        except _Ragged as error:
            # a quote that never closes takes what follows into its cell
            raise (self._unreadable(_END) if self._opened(_END) else self._ragged(error)) from None
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        except csv.Error as error:
            raise self._unreadable(str(error)) from None
        self._require_closed(last)

    def _columns(self) -> Iterator[Sequence[Sequence[str]]]:
        """The cells of some rows, column by column. Raises _Ragged, UnicodeDecodeError, csv.Error."""
        width, seen = len(self.first), 0
        lines = _Lines(self._blocks())
        reader = csv.reader(lines, delimiter=self.separator)
        while block := lines.block():
            if '"' in block:
                rows = [cells for cells in _until(lines, reader) if cells]
                _require_even(list(map(len, rows)), width, seen, self.header)
                # the first line is read with the others, so that all are numbered alike
                begins = int(self.header and not seen)
                columns: Sequence[Sequence[str]] = list(zip(*rows[begins:], strict=True))
                found = len(rows)
            else:
                begins = int(self.header and not seen)
                columns, found = self._split(block, seen, begins)
            seen += found
            if found > begins:
                yield columns

    def _split(self, block: str, seen: int, begins: int) -> tuple[list[list[str]], int]:
        """(columns, lines that are not blank) of lines in which every mark separates cells; many times as fast."""
        mark, width = self.separator, len(self.first)
        lines = [line for line in block.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
        _require_even([line.count(mark) + 1 for line in lines], width, seen, self.header)
        if lines and max(map(len, lines)) > csv.field_size_limit():
            _require_short(lines, mark)
        cells = mark.join(lines[begins:]).split(mark)
        return [cells[column::width] for column in range(width)], len(lines)

    def _blocks(self) -> Iterator[str]:
        """Whole lines."""
        self._stream.seek(self._begin)
        decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        raw, rest = self._stream.read(_FIRST_BYTES), ""
        while raw:
            after = self._stream.read(max(_BLOCK_BYTES, _COLUMN_BYTES * len(self.first)))
            block = rest + decoder.decode(raw, final=not after)
            # of a line that ends in both, the second may come with the next block
            ends = max(block.rfind("\n"), block.rfind("\r", 0, -1)) + 1 if after else len(block)
            rest, raw = block[ends:], after
            if len(rest) > _MOST_LINE:
                raise csv.Error
            if ends:
                yield block[:ends]

    def line_of(self, row: int) -> int:
        """In which line of the file a data row begins; 0 where nobody can tell."""
        left, begins = row + self.header, 1 + bool(self._begin)
        with suppress(csv.Error), self._text() as text:
            reader = csv.reader(text, delimiter=self.separator)
            for cells in reader:
                left -= bool(cells)
                if not left:
                    return begins
                begins = reader.line_num + 1 + bool(self._begin)
        return 0

    def shown_rows(self, rows: list[int], above: int = 0) -> dict[int, int]:
        """How a spreadsheet numbers data rows, with so many rows above the first line: blank ones count there."""
        wanted, found = {row + self.header: row for row in rows}, {}
        seen = 0
        with suppress(csv.Error), self._text() as text:
            for number, cells in enumerate(csv.reader(text, delimiter=self.separator), start=1 + above):
                seen += bool(cells)
                if cells and seen in wanted:
                    found[wanted[seen]] = number
                    if len(found) == len(wanted):
                        break
        return found

    def _goes_on(self) -> bool:
        self._stream.seek(_HEADER_BYTES)
        return any(piece.strip() for piece in iter(lambda: self._stream.read(_FIRST_BYTES), b""))

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        self._stream.seek(self._begin)
        text = io.TextIOWrapper(self._stream, encoding="utf-8-sig", errors="replace", newline="")
        try:
            yield text
        finally:
            # so that the file stays open
            text.detach()

    def _require_quotes(self) -> None:
        self._stream.seek(self._begin)
        last = b""
        for piece in iter(lambda: self._stream.read(_FIRST_BYTES), b""):
            if b'"' in piece and _STRAY_QUOTE[self.separator].search(last + piece):
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
            raise self._unreadable(_END)

    def _require_strict(self) -> None:
        with self._text() as text:
            try:
                deque(csv.reader(text, strict=True, delimiter=self.separator), maxlen=0)
            except csv.Error as error:
                reason = str(error)
            else:
                return
        raise self._unreadable(reason)

    def _ragged(self, error: _Ragged) -> InvalidTable:
        known = said("the header") if self.header else said("the first line")
        return InvalidTable(
            said(
                "{file}, data row {row}: {got} cells where {known} has {wanted}",
                file=self._file,
                row=str(error.row),
                got=error.cells,
                known=known,
                wanted=len(self.first),
            ),
            hint=_RAGGED.get(self.separator, _RAGGED[","]),
            row=error.row,
        )

    def _opened(self, fault: str) -> int:
        """In which line the cell begins at which a reader stops; 0: it does not."""
        most, before, ended = csv.field_size_limit(), int(bool(self._begin)), False
        lines: list[str] = []

        def noted(text: io.TextIOWrapper) -> Iterator[str]:
            nonlocal before, ended
            for line in text:
                if ended:
                    before, ended = before + len(lines), False
                    lines.clear()
                lines.append(line)
                yield line

        with suppress(csv.Error), self._text() as text:
            for _ in csv.reader(noted(text), strict=fault == _AFTER, delimiter=self.separator):
                ended = True
        for cell in _CELLS[self.separator].finditer("".join(lines)):
            length = cell.end() - cell.start()
            if {_LONG: length > most, _END: cell[1] is not None, _AFTER: cell[2] is not None}[fault]:
                ends = itertools.accumulate(map(len, lines))
                return before + 1 + sum(end <= cell.start() for end in ends)
        return 0

    def _unreadable(self, reason: str) -> InvalidTable:
        fault = next((one for one in (_LONG, _END, _AFTER) if one in reason), "")
        if not fault:
            return InvalidTable(
                said("{file} is not a readable CSV file", file=self._file),
                hint=said("Check quotes and line ends."),
            )
        line = self._opened(fault)
        told = {"file": self._file, "line_num": line}
        if fault == _LONG:
            most = csv.field_size_limit()
            return InvalidTable(
                said(
                    "{file}, line {line_num}: a cell begins that has over {most} characters",
                    most=most,
                    **told,
                ),
                hint=said("If a quote opens it, close that; else leave the column out of the file."),
                limit=most,
                line=line,
            )
        if fault == _END:
            return InvalidTable(
                said("{file}, line {line_num}: a quote is opened in the last row and never closed", **told),
                hint=said("Close it. A file that was cut short ends so: look for the rows that are missing."),
                line=line,
            )
        return InvalidTable(
            said("{file}, line {line_num}: a cell goes on after its closing quote", **told),
            hint=said('Quote a cell as a whole, and write "" for a quote in it.'),
            line=line,
        )

    def _not_utf8(self) -> InvalidTable:
        self._stream.seek(self._begin)
        for row, line in enumerate(self._stream):
            try:
                line.decode()
            except UnicodeDecodeError:
                return InvalidTable(
                    said("{file}, line {row}: not UTF-8 text", file=self._file, row=row + 1),
                    hint=decoding.HINT,
                    row=row,
                )
        return InvalidTable(said("{file} is not UTF-8 text", file=self._file), hint=decoding.HINT)

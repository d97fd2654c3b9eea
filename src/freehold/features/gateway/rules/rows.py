"""Rows to predict, as people have them, in the order of a model's columns. What all faces read them with.

A row that has names is read by them, in any order; what else it names is left out, and that is said. A row without
names has exactly as many numbers as the model has columns. A text's first line is its header where it names them all,
as in a table that is published. Where it could as well be a row nobody guesses, since answers are paid for: names that
are numbers, above rows of which one is of whole numbers only.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freehold.core.canonical import InvalidJson, require_bounded, unique_object
from freehold.core.errors import InvalidInput
from freehold.core.texts import Text, said
from freehold.features.data.rules import names
from freehold.features.data.rules.names import is_number, is_value, spelled
from freehold.features.data.rules.ways import NONE, Ways
from freehold.features.payments.rules.errors import InvalidRequest

if TYPE_CHECKING:
    from freehold.features.data.rules.delimited import Delimited
    from freehold.features.data.rules.faults import Faults

MOST_BYTES = 16 * 1024 * 1024
"""Of a file of rows."""
_NOISE = 1e-12
"""Numbers below are what is left of a zero."""
_NOT_PAID = said("Nothing was paid.")
_SHAPES = said(
    'Write [[1, 2], [3, 4]], {"rows": [...]} or {"columns": [...], "rows": [...]}. Nothing was paid.'
)
_POINT_FIRST = re.compile(r"([+-]?)(\.[0-9].*)")


class AmbiguousRows(InvalidRequest, code="rows.ambiguous"):
    """The first line could name the columns or be a row; whoever pays says which."""


@dataclass(frozen=True)
class Rows:
    """Rows as a model takes them."""

    cells: list[list[str]]
    """Numbers as the text they were written as, one for each column of the model, in its order."""
    left_out: tuple[str, ...] = ()
    """Columns that were named and that the model does not take."""
    counted: tuple[str, ...] = ()
    """Numbers of a first line that were read as the names of the columns."""

    read_as: tuple[str, ...] = ()
    """Sentences on what was read otherwise than it stands."""

    @property
    def counting(self) -> str:
        """A sentence about `counted`, which whoever wrote a row there has to see; empty where there are none."""
        if not self.counted:
            return ""
        return said(
            "the first line was read as the names of the columns: {names}", names=_first(self.counted)
        )


def of_data(
    data: bytes, name: str, columns: Sequence[str], *, header: bool | None = None, ways: Ways = NONE
) -> Rows:
    """The rows of a file called `name`: JSON, CSV, Excel (xlsx, ods) or Parquet, read as a table that is published.

    JSON is a list of lists, a list of objects, or an object of `rows` or of `columns` and `rows`. `header` says what the first line of a CSV
    file is: names, or a row. Raises InvalidRequest, which names row and column; AmbiguousRows.
    """
    if len(data) > MOST_BYTES:
        raise InvalidRequest(
            said("{name} is over {most_bytes} bytes", name=name, most_bytes=MOST_BYTES),
            hint=said("Send fewer rows at once."),
        )
    if not data.strip():
        raise InvalidRequest(said("{name} holds no rows", name=name))
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
        rows = _of_json(data)
        if not rows:
            raise InvalidRequest(said("{name} holds no rows", name=name))
        return ordered(rows, columns)
    return _of_table(data, name, columns, header, ways)


def ordered(rows: Sequence[Any], columns: Sequence[str]) -> Rows:
    """Lists in the order of `columns`, or objects by name. Raises InvalidRequest, which names row and column."""
    extra: dict[str, None] = {}
    cells = []
    wanted = [spelled(name) for name in columns]
    for number, row in enumerate(rows, start=1):
        values = _by_name(row, wanted, number, extra) if isinstance(row, Mapping) else row
        if hasattr(values, "tolist"):
            values = values.tolist()
        if not isinstance(values, (list, tuple)) or len(values) != len(columns):
            raise InvalidRequest(
                said("row {number} does not have {n} numbers", number=number, n=len(columns))
                if not isinstance(values, (list, tuple))
                else said(
                    "row {number} does not have {n} numbers but {given} values",
                    number=number,
                    n=len(columns),
                    given=len(values),
                ),
                hint=said("In order: {columns}. Nothing was paid.", columns=_first(columns)),
                row=number,
            )
        cells.append(
            [
                _text(cell, said("row {number}", number=number), name, number)
                for cell, name in zip(values, columns, strict=True)
            ]
        )
    _require_kept(cells, columns)
    return Rows(cells, tuple(extra))


def _by_name(
    row: Mapping[Any, Any], columns: Sequence[str], number: int, extra: dict[str, None]
) -> list[Any]:
    # a data frame made of an array calls its columns by numbers
    named = {spelled(str(name)): value for name, value in row.items()}
    if len(named) != len(row):
        raise InvalidRequest(
            said("row {number} names a column twice", number=number), hint=_NOT_PAID, row=number
        )
    if missing := [name for name in columns if name not in named]:
        raise InvalidRequest(
            said("row {number} lacks '{missing}'", number=number, missing=missing[0]),
            hint=_hint(
                names.near(missing[0], [name for name in named if name not in set(columns)]),
                said("It needs: {columns}. Nothing was paid.", columns=_first(columns)),
            ),
            row=number,
            column=missing[0],
        )
    extra |= dict.fromkeys(name for name in named if name not in set(columns))
    return [named[name] for name in columns]


def _of_json(data: bytes) -> list[Any]:
    try:
        require_bounded(data, None)
        value = json.loads(
            data.decode("utf-8-sig"), parse_int=str, parse_float=str, object_pairs_hook=unique_object
        )
    except UnicodeDecodeError:
        raise InvalidRequest(
            said("the rows are not UTF-8 text"), hint=said("Save the file as UTF-8.")
        ) from None
    except (ValueError, InvalidJson) as error:
        raise InvalidRequest(said("the rows are not JSON: {error}", error=error)) from None
    if not isinstance(value, dict):
        return _list(value)
    # what is passed over could say how the rows are meant
    if others := [name for name in value if name not in ("rows", "columns")]:
        raise InvalidRequest(
            said("the rows have a member {name} that is not known", name=repr(others[0][:40])), hint=_SHAPES
        )
    rows = _list(value.get("rows"))
    return _named(rows, _list(value["columns"])) if "columns" in value else rows


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidRequest(said("a list of rows was expected"), hint=_SHAPES)
    return value


def _named(rows: list[Any], columns: list[Any]) -> list[dict[str, Any]]:
    """Rows in the order of columns that are named beside them."""
    if not all(isinstance(name, str) for name in columns) or len(set(map(spelled, columns))) != len(columns):
        raise InvalidRequest(said("columns are not names that differ"), hint=_SHAPES)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise InvalidRequest(
                said(
                    "row {number} is no list of {n} numbers, as many as columns are named",
                    number=number,
                    n=len(columns),
                ),
                hint=_SHAPES,
                row=number,
            )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _of_table(data: bytes, name: str, columns: Sequence[str], header: bool | None, ways: Ways) -> Rows:
    # most rows come as JSON, and nobody who sends them waits for the readers of tables
    from freehold.features.data.rules import cells, faults, sources, written  # noqa: PLC0415
    from freehold.features.data.rules.table import Limits  # noqa: PLC0415

    wanted = [spelled(one) for one in columns]
    found: list[list[str]] = []
    is_row: list[bool] = []

    def headed(text: Delimited) -> tuple[str, ...] | None:
        is_row.append(not _is_header(text, name, wanted, header))
        if is_row == [False]:
            return names.checked(text.first, name)
        if len(text.first) != len(columns):
            raise _too_few_or_many(text.first, columns)
        return None

    limits = Limits(size_bytes=MOST_BYTES)
    with sources.read(io.BytesIO(data), name, limits, ways=ways, headed=headed) as source:
        named = tuple(wanted) if is_row == [True] else source.names
        if data[:4] == b"PAR1":
            _require_columns(name, source.names, wanted)
        at = {one: position for position, one in enumerate(named)}
        wrong = faults.Faults(name, named, source.shown)
        rows = 0
        for batch in source.batches:
            source.require_said(source.names[at[one]] for one in wanted)
            texts = [cells.texts(batch.columns[at[one]], one, wrong, rows) for one in wanted]
            for number, row in enumerate(zip(*texts, strict=True), start=rows):
                found.append([_kept(cell, one, number, wrong) for cell, one in zip(row, wanted, strict=True)])
            rows += batch.rows
        read_as = written.told(
            one for one in source.understood.values() if source.names.index(one.column) in at.values()
        )
        if wrong:
            raise wrong.error(InvalidRequest, _NOT_PAID)
    if not found:
        raise InvalidRequest(said("{name} holds no rows", name=name))
    _require_kept(found, columns)
    guessed = is_row == [False] and header is None and len(named) == len(wanted)
    counted = named if guessed and all(map(is_number, named)) else ()
    extra = tuple(one for one in named if one not in set(wanted))
    return Rows(found, extra, counted, (*source.notes, *read_as))


def _is_header(text: Delimited, name: str, columns: Sequence[str], header: bool | None) -> bool:
    """Whether the first line names the columns. Raises InvalidRequest: neither; AmbiguousRows: it could be either."""
    first = tuple(map(spelled, text.first))
    named, numbers = set(columns) <= set(first), all(map(is_value, first))
    if not any(first):
        raise InvalidRequest(
            said("the first line of {name} is blank", name=name),
            hint=said("Begin with names or with a row. Nothing was paid."),
        )
    if header is False:
        return False
    if header is None and numbers and not named:
        if len(first) == len(columns):
            _require_row(first, name, columns)
        return False
    if header is None and len(first) == len(columns) and not set(first) & set(columns):
        # a row with something wrong in it is no header that lacks names
        for column, cell in zip(columns, first, strict=True) if any(map(is_value, first)) else ():
            _text(
                "1" if is_value(cell) else cell,
                said("{name}, data row {number}", name=name, number=1),
                column,
                1,
            )
    if header is None and not set(first) & set(columns) and not any(text.others()):
        # one line without a name that is known is a row with something wrong in it
        raise _too_few_or_many(first, columns)
    _require_columns(name, first, columns)
    if header is None and numbers and len(first) == len(columns):
        others = [list(map(spelled, line)) for line in text.others()]
        # a header stands once, and above rows that are unlike it
        if not others or any(map(_is_counted, others)) or any(set(line) <= set(columns) for line in others):
            raise _ambiguous(name, first, columns)
    return True


def _too_few_or_many(first: Sequence[str], columns: Sequence[str]) -> InvalidRequest:
    return InvalidRequest(
        said(
            "row {number} does not have {n} numbers but {given} values",
            number=1,
            n=len(columns),
            given=len(first),
        ),
        hint=said(
            "In order: {columns}; or name the columns in the first line, then others are left out. Nothing was paid.",
            columns=_first(columns),
        ),
    )


def _is_counted(line: Sequence[str]) -> bool:
    """Whole numbers only, as columns are counted."""
    return all(
        cell.lower() in names.TRUTHS or (is_number(cell) and float(cell).is_integer()) for cell in line
    )


def _require_row(first: Sequence[str], name: str, columns: Sequence[str]) -> None:
    """Whole numbers, all different, over columns that numbers name: names of other columns, or a row."""
    counted = all(one.isdecimal() for one in first) and len(set(first)) == len(first)
    if counted and all(map(is_number, columns)) and set(first) & set(columns):
        raise _ambiguous(name, first, columns)


def _ambiguous(name: str, first: Sequence[str], columns: Sequence[str]) -> AmbiguousRows:
    shown = ", ".join(f"{column}={cell}" for column, cell in list(zip(columns, first, strict=True))[:8])
    return AmbiguousRows(
        said(
            "the first line of {name} can be read in two ways: as the names of the columns ({first}), or as a row ({shown})",
            name=name,
            first=_first(first),
            shown=shown + (", ..." if len(first) > 8 else ""),
        ),
        hint=said("Say which: --header, or --no-header. Nothing was paid."),
    )


def _require_columns(name: str, given: Sequence[str], columns: Sequence[str]) -> None:
    known = set(given)
    if missing := [one for one in columns if one not in known]:
        # a name that is there twice or blank is the likelier cause
        names.checked(given, name)
        raise InvalidRequest(
            said.many(
                "{name}: the file lacks {n} of the model's columns, first '{missing}'",
                "{name}: the file lacks {n} of the model's columns, first '{missing}'",
                n=len(missing),
                name=name,
                missing=missing[0],
            ),
            hint=_hint(
                said("Columns are found by their name in the first line."),
                names.near(missing[0], [one for one in given if one not in set(columns)]),
                _NOT_PAID,
            ),
            column=missing[0],
        )


def _first(columns: Sequence[str]) -> str:
    return ", ".join(columns[:8]) + (" ..." if len(columns) > 8 else "")


def _hint(*sentences: str) -> Text:
    """Sentences, one after the other; empty ones are left out."""
    one, *more = [sentence for sentence in sentences if sentence]
    return said("{hint} {more}", hint=one, more=_hint(*more)) if more else said("{hint}", hint=one)


def _kept(cell: str, column: str, row: int, wrong: Faults) -> str:
    """A number as text; 0 where it is none, which is noted."""
    try:
        return _number(cell)
    except InvalidInput as error:
        wrong.add(column, [row], error.message, error.hint)
        return "0"


def _text(cell: Any, where: str, column: str, number: int) -> str:
    """As `_number`; what is raised says where the cell is."""
    try:
        return _number(cell)
    except InvalidInput as error:
        raise InvalidRequest(
            said("{where}, column '{column}': {why}", where=where, column=column, why=error.message),
            hint=_hint(error.hint, _NOT_PAID),
            row=number,
            column=column,
        ) from None


def _number(cell: Any) -> str:
    """A number as text. Raises InvalidInput: it is none, or larger than what is kept."""
    from freehold.features.gateway.rules.answer import micro  # noqa: PLC0415 - numpy takes its time to import

    # the shortest text that reads back as the same number; numpy prints its scalars with their type
    text = "" if cell is None else str(cell.item() if hasattr(cell, "item") else cell).strip()
    if point := _POINT_FIRST.fullmatch(text):
        # as a table's cell may be written, and a question's number may not
        text = f"{point[1]}0{point[2]}"
    try:
        micro(text)
    except InvalidInput as error:
        raise InvalidInput(
            error.message if text else said("the cell is missing"),
            hint=error.hint
            or said("Write plain numbers such as -12.5: a point, no units, no thousands marks."),
        ) from None
    return text


def _require_kept(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Raises InvalidRequest: a column is nothing but zeros once its numbers are kept in millionths, and was not before."""
    for position, column in enumerate(columns):
        values = [abs(float(row[position])) for row in rows]
        if _NOISE <= max(values, default=0.0) < 0.5e-6:
            raise InvalidRequest(
                said(
                    "column '{column}': all of its values are below a millionth, and would be taken for 0",
                    column=column,
                ),
                hint=said(
                    "Give it in the unit of the table that the model was trained on, or write 0. Nothing was paid."
                ),
                column=column,
            )

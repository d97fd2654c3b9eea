"""Rows to predict, out of a CSV or JSON file or a pipe, in the order of the model's columns.

Numbers stay the text they were written as: the node reads decimal digits exactly.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from freehold.core.canonical import InvalidJson, require_shallow
from freehold.core.errors import InvalidInput

MOST_BYTES = 16 * 1024 * 1024


def read(name: str, stdin: BinaryIO, columns: Sequence[str]) -> list[list[str]]:
    """The rows of a file (`-` is stdin), each in the order of `columns`.

    JSON: a list of lists, a list of objects, or an object with `rows`. CSV: with a header the columns are
    found by name and others left out; without one they must be the model's. Raises InvalidInput, which names
    row and column.
    """
    text = _text(name, stdin)
    rows = _from_json(text) if text.lstrip()[:1] in ("[", "{") else _from_csv(text, columns)
    if not rows:
        raise InvalidInput(f"{name} holds no rows")
    return [_ordered(row, columns, number) for number, row in enumerate(rows, start=1)]


def _text(name: str, stdin: BinaryIO) -> str:
    try:
        if name == "-":
            data = stdin.read(MOST_BYTES + 1)
        else:
            with Path(name).expanduser().open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise InvalidInput(f"{name} is over {MOST_BYTES} bytes", hint="Send fewer rows at once.")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"cannot read {name}: {error.strerror}", hint="Check the path.") from error
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8 text", hint="Give CSV or JSON.") from None


def _from_json(text: str) -> list[Any]:
    try:
        require_shallow(text.encode())
        value = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, InvalidJson) as error:
        raise InvalidInput(f"the rows are not JSON: {error}") from None
    rows = value.get("rows") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise InvalidInput("a list of rows was expected", hint='Write [[1, 2], [3, 4]] or {"rows": [...]}.')
    return rows


def _from_csv(text: str, columns: Sequence[str]) -> list[Any]:
    try:
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except csv.Error as error:
        raise InvalidInput(f"the rows are not CSV: {error}") from None
    if lines and not all(_is_number(cell) for cell in lines[0]):
        header = [cell.strip() for cell in lines[0]]
        if missing := [name for name in columns if name not in header]:
            raise InvalidInput(
                f"the file lacks {len(missing)} of the model's columns, first '{missing[0]}'",
                hint="Columns are found by their name in the first line.",
            )
        return [dict(zip(header, line, strict=False)) for line in lines[1:]]
    return list(lines)


def _ordered(row: Any, columns: Sequence[str], number: int) -> list[str]:
    if isinstance(row, Mapping):
        if missing := [name for name in columns if name not in row]:
            raise InvalidInput(f"row {number} lacks '{missing[0]}'")
        row = [row[name] for name in columns]
    if not isinstance(row, list) or len(row) != len(columns):
        raise InvalidInput(
            f"row {number} does not have {len(columns)} numbers",
            hint=f"In order: {', '.join(columns[:8])} ...",
        )
    return [_number(cell, number, name) for cell, name in zip(row, columns, strict=True)]


def _number(cell: Any, number: int, column: str) -> str:
    text = cell.strip() if isinstance(cell, str) else ""
    if not _is_number(text):
        raise InvalidInput(f"row {number}, column '{column}': {str(cell)[:40]!r} is not a number")
    return text


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False

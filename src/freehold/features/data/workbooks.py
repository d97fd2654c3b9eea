"""One sheet of an Excel or OpenDocument workbook as CSV, read by a process that may take little memory and time.

A workbook is a ZIP archive of XML: a small file can hold a billion cells. What it makes is bounded where it is made.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from freehold.core.errors import InvalidTable
from freehold.core.texts import said
from freehold.features.data.rules.names import listed

if TYPE_CHECKING:
    from freehold.features.data.rules.table import Limits

MOST_BYTES = 64 << 20
"""Of a workbook."""
MOST_CELLS = 8_000_000
_MEMORY_BYTES = 3 << 30
_CPU_SECONDS, _SECONDS = 60, 300
_CHILD = Path(__file__).with_name("workbook_child.py")
_TURNS = threading.BoundedSemaphore(2)
"""Workbooks that are read at once."""
_CSV = said("Save the sheet as CSV.")


@dataclass(frozen=True)
class Sheet:
    """A sheet."""

    text: bytes
    """As CSV."""
    corner: tuple[int, int]
    """Row and column, from 0, of its first cell."""
    notes: tuple[str, ...]
    """Which sheet it is, where there are several."""


def first_sheet(stream: BinaryIO, file: str, limits: Limits, wanted: str = "") -> Sheet:
    """The first sheet, or the one that is wanted. Raises InvalidTable: there is none, or it is too large."""
    stream.seek(0)
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise InvalidTable(
            said("{file} has more than {most} bytes, the limit of a workbook", file=file, most=MOST_BYTES),
            hint=_CSV,
            limit=MOST_BYTES,
        )
    kind = _kind(data)
    if not kind:
        raise InvalidTable(
            said("{file} is no table that is read here: it is a ZIP archive", file=file),
            hint=said("Unpack it, or save the table as CSV, Excel (xlsx) or Parquet."),
        )
    most_cells = min(MOST_CELLS, limits.cells)
    told, text = _read(data, file, wanted, most_cells, limits)
    _require_found(told, file, wanted, most_cells)
    several = len(told["sheets"]) > 1
    note = said(
        "read is the sheet '{name}', one of {n} ({all})",
        name=told["sheet"],
        n=len(told["sheets"]),
        all=listed(told["sheets"]),
    )
    return Sheet(text, tuple(told["corner"]), (note,) if several else ())


def _kind(data: bytes) -> str:
    """What kind of workbook an archive is, by its list of files, which stands at its end; empty if none."""
    if b"xl/workbook" in data:
        return "xlsx"
    return "ods" if b"application/vnd.oasis.opendocument.spreadsheet" in data[:200] else ""


def _read(data: bytes, file: str, wanted: str, cells: int, limits: Limits) -> tuple[dict[str, Any], bytes]:
    head = {
        "sheet": wanted,
        "cells": cells,
        "columns": limits.columns + 64,
        "bytes": limits.size_bytes,
        "seconds": _CPU_SECONDS,
        "memory": _MEMORY_BYTES,
    }
    with _TURNS:
        # isolated: neither the folder it starts in nor the environment says what it loads
        child = subprocess.Popen(  # noqa: S603 - this interpreter, on a file of this package
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
        try:
            out, _ = child.communicate(json.dumps(head).encode() + b"\n" + data, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise _too_much(file) from None
    line, _, text = out.partition(b"\n")
    if child.returncode or not line:
        raise _too_much(file)
    return json.loads(line), text


def _too_much(file: str) -> InvalidTable:
    return InvalidTable(
        said("{file} takes too much memory or time to be read as a workbook", file=file), hint=_CSV
    )


def _require_found(told: dict[str, Any], file: str, wanted: str, most_cells: int) -> None:
    fault = told.get("fault")
    if fault == "password":
        raise InvalidTable(
            said("{file} is locked with a password", file=file), hint=said("Save it without one.")
        )
    if fault == "unreadable":
        raise InvalidTable(
            said("{file} is not a readable workbook", file=file),
            hint=said("Save it again. {advice}", advice=_CSV),
        )
    if fault == "sheet":
        known = listed(told["sheets"])
        raise InvalidTable(
            said("{file} has no sheet {sheet}", file=file, sheet=repr(wanted))
            if wanted
            else said("{file} has no sheet of cells", file=file),
            hint=said("Its sheets are {sheets}.", sheets=known) if known else _CSV,
        )
    if fault == "empty":
        raise InvalidTable(
            said("{file}: the sheet {sheet} is empty", file=file, sheet=repr(told["sheet"])),
            hint=said("Say which one: sheet=NAME."),
        )
    if fault == "large":
        raise InvalidTable(
            said(
                "{file}: the sheet {sheet} is too wide, or has more than {most_cells} cells",
                file=file,
                sheet=repr(told["sheet"]),
                most_cells=most_cells,
            ),
            hint=said("{advice} Take away what is formatted and empty.", advice=_CSV),
            limit=most_cells,
        )

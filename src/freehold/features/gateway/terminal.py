"""The gateway as people see it: putting a model on sale, buying predictions for the rows of a file or a pipe."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, BinaryIO

import typer

from freehold import plain_file
from freehold.core import causes
from freehold.core.canonical import InvalidJson, require_bounded
from freehold.core.documents import EXACT_DECIMALS
from freehold.core.errors import InvalidInput
from freehold.core.ids import document_id
from freehold.core.money import dollars
from freehold.features.gateway import wire
from freehold.features.models.wire import SHOW
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import note, table
from freehold.kernel.client import NodeRefused
from freehold.kernel.terminal import agreed

MOST_BYTES = 16 * 1024 * 1024


def _serve(call: Call) -> None:
    answer = call.answer(wire.SERVE)
    if not answer["serving"]:
        call.show(answer, lambda _: [f"stopped serving: {answer['model']}"])
        return
    exact = call.node.perform(SHOW, {"model": answer["model"]})["round_to"] == EXACT_DECIMALS
    call.show(answer, lambda _: [f"serving: {answer['model']}", *([_REVEALED] if exact else [])])


def _predict(call: Call) -> None:
    node, model = call.node, call.given["model"]
    node.get("/api/search", q="", kind="model")
    columns = list(node.perform(SHOW, {"model": model})["columns"])
    rows = read(call.more["file"], sys.stdin.buffer, columns)
    known = _bought_before(call, rows)
    if known is not None:
        call.show(known, _outputs)
        return
    quote = call.answer(wire.QUOTE, rows=len(rows))
    for line in _cost(quote):
        note(line)
    aside, price = int(quote["deposit_units"]), int(quote["price_units"])
    at_most = agreed(node, max(price, aside) if aside else 0, quote, call.given["at_most"])
    limit = {} if at_most is None else {"at_most_units": at_most}
    # by its id, at the price shown: a name may be another model's by now
    call.show(
        call.answer(wire.PREDICT, model=quote["model"], rows=rows, shown_units=price, **limit), _outputs
    )


def _bought_before(call: Call, rows: list[list[str]]) -> dict[str, Any] | None:
    """What the key bought, which costs nothing and so needs no quote; nothing may be spent to find out."""
    if not call.given["key"]:
        return None
    try:
        return call.answer(wire.PREDICT, rows=rows, at_most_units=0)
    except NodeRefused as error:
        if error.code != _OVER:
            raise
        return None


_OVER = "spending.over"
"""Code of `ceiling.SpendingRefused`, which loads the whole node."""
_REVEALED = (
    "note: exact answers reveal a simple model, whose weights are public in evidence anyway;"
    " see docs/security/answers.md"
)


def _cost(quote: dict[str, Any]) -> Iterable[str]:
    """What a call takes, before it is paid."""
    aside = ""
    if quote["deposit_units"]:
        aside = f"; {dollars(quote['deposit_units'])} are set aside first, for this call and later ones, by about {quote['gas']:,} gas"
    yield f"costs {dollars(quote['price_units'])}{aside}"
    day = quote["spend_per_day_micro"]
    yield f"spent in 24 hours: {dollars(quote['spent_units'])}{f' of {dollars(day)}' if day else ''}"


def _outputs(answer: dict[str, Any]) -> Iterable[Any]:
    rows = (
        (number, output["label"], f"{output['probability_ppm'] / 10_000:.2f} %")
        for number, output in enumerate(answer["outputs"], start=1)
    )
    yield table(("row", "label", "probability of 1"), rows, right=("row", "label", "probability of 1"))
    yield f"receipt: {document_id(answer['receipt']['document'])}"


def read(name: str, stdin: BinaryIO, columns: Sequence[str]) -> list[list[str]]:
    """The rows of a file (`-` is stdin), each in the order of `columns`; numbers stay the text they were written as.

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
            data = plain_file.given(plain_file.named(name), MOST_BYTES)
        if len(data) > MOST_BYTES:
            raise InvalidInput(f"{name} is over {MOST_BYTES} bytes", hint="Send fewer rows at once.")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise causes.of(error, f"read {name}") from error
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8 text", hint="Give CSV or JSON.") from None


def _from_json(text: str) -> list[Any]:
    try:
        require_bounded(text.encode(), None)
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


COMMANDS = {
    "serve": Command(wire.SERVE, _serve),
    "predict": Command(
        wire.PREDICT,
        _predict,
        words="""Buy predictions for the rows of a file.

        Each call is paid by a voucher and leaves a receipt that both sides sign. What it costs, and what is set aside
        for it in a payment channel, is said before; what is not used comes back: freehold channels close. Before the
        first, the model's lineage is verified; a model that shows none is refused (exit code 11).
        """,
        without=("rows", "shown_units"),
        more={
            "file": (
                Annotated[
                    str, typer.Argument(help="CSV or JSON file of rows; - reads stdin.", metavar="FILE")
                ],
                "-",
            )
        },
    ),
}

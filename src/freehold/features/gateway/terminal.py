"""The gateway as people see it: putting a model on sale, buying predictions for the rows of a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from freehold import plain_file
from freehold.core import causes
from freehold.core.documents import EXACT_DECIMALS
from freehold.core.ids import document_id
from freehold.core.money import dollars
from freehold.features.data.rules.ways import NONE, Ways
from freehold.features.data.wire import READ_AS
from freehold.features.gateway import wire
from freehold.features.gateway.rules import rows
from freehold.features.gateway.rules.rows import Rows
from freehold.features.models.wire import SHOW
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import note, plain, table
from freehold.kernel.client import NodeRefused
from freehold.kernel.terminal import agreed


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
    ways = Ways.of(call.more["read_as"] or ())
    found = _rows(call.more["file"], sys.stdin.buffer, columns, call.more["header"], ways)
    for one in found.read_as:
        note(one)
    if found.counting:
        note(found.counting)
    if found.left_out:
        note(f"left out, since the model does not take them: {plain(', '.join(found.left_out))}")
    known = _bought_before(call, found.cells)
    if known is not None:
        call.show({**known, "left_out": list(found.left_out)}, _outputs)
        return
    quote = call.answer(wire.QUOTE, rows=len(found.cells))
    for line in _cost(quote):
        note(line)
    aside, price = int(quote["deposit_units"]), int(quote["price_units"])
    at_most = agreed(node, max(price, aside) if aside else 0, quote, call.given["at_most"])
    limit = {} if at_most is None else {"at_most_units": at_most}
    # by its id, at the price shown: a name may be another model's by now
    answer = call.answer(wire.PREDICT, model=quote["model"], rows=found.cells, shown_units=price, **limit)
    call.show({**answer, "left_out": list(found.left_out)}, _outputs)


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
    """Each answer beside its row, of which as many columns as a screen has room for."""
    columns = answer["columns"][:_MOST_COLUMNS]
    shown = (
        (number, *row[: len(columns)], output["label"], f"{output['probability_ppm'] / 10_000:.2f} %")
        for number, (row, output) in enumerate(zip(answer["rows"], answer["outputs"], strict=True), start=1)
    )
    yield table(("row", *map(plain, columns), *_ANSWER), shown, right=("row", *_ANSWER))
    if more := len(answer["columns"]) - len(columns):
        yield f"{more} more columns of each row: --json"
    yield f"receipt: {document_id(answer['receipt']['document'])}"


_ANSWER = ("label", "probability of 1")
_MOST_COLUMNS = 6


def read(
    name: str, stdin: BinaryIO, columns: Sequence[str], *, header: bool | None = None
) -> list[list[str]]:
    """The rows of a file (`-` is stdin) as `rules.rows.of_data` reads them; raises as it does."""
    return _rows(name, stdin, columns, header).cells


def _rows(name: str, stdin: BinaryIO, columns: Sequence[str], header: bool | None, ways: Ways = NONE) -> Rows:
    try:
        if name == "-":
            data = stdin.read(rows.MOST_BYTES + 1)
        else:
            data = plain_file.given(plain_file.named(name), rows.MOST_BYTES)
    except OSError as error:
        raise causes.of(error, f"read {name}") from error
    return rows.of_data(data, "stdin" if name == "-" else Path(name).name, columns, header=header, ways=ways)


_ReadAs = Annotated[list[str] | None, typer.Option("--read-as", help=READ_AS.help, metavar=READ_AS.metavar)]
_Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether a CSV file's first line names its columns; by default as it reads. Numbers that name columns, above whole numbers, are refused until it is said.",
    ),
]
COMMANDS = {
    "serve": Command(wire.SERVE, _serve),
    "predict": Command(
        wire.PREDICT,
        _predict,
        words="""Buy predictions for the rows of a file.

        Each call is paid by a voucher and leaves a receipt that both sides sign. What it costs, and what is set aside
        for it in a payment channel, is said before; what is not used, freehold channels close takes back, run again
        a day later. Before the first, the model's lineage is verified; a model that shows none is refused (exit code 11).
        """,
        without=("rows", "shown_units"),
        more={
            "file": (
                Annotated[
                    str,
                    typer.Argument(
                        help="CSV, Excel (xlsx, ods), Parquet or JSON file of rows; - reads stdin.",
                        metavar="FILE",
                    ),
                ],
                "-",
            ),
            "header": (_Header, None),
            "read_as": (_ReadAs, None),
        },
    ),
}

"""The gateway as people see it: putting a model on sale, buying predictions."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.core.documents import EXACT_DECIMALS
from freehold.core.ids import document_id
from freehold.core.money import dollars
from freehold.features.gateway import wire
from freehold.features.gateway.rows import read
from freehold.features.models.wire import SHOW
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import note, table
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
    rows = read(call.more["file"], sys.stdin.buffer, columns)
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

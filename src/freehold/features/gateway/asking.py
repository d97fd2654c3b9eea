"""Asking a model with a file, or with several rows, in as many calls as they take: shown with its price, then paid.

All calls are one act: what they take of the wallet together stays within what was confirmed. Each has a key made of the
form and its rows, so a form that is sent twice, or again after something broke in the middle, pays nothing twice.
"""

from __future__ import annotations

import csv
import io
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput, NotFound
from freehold.core.ids import sha256_hex
from freehold.core.signing import parse_envelope
from freehold.core.terms import price_of
from freehold.core.texts import Text, said
from freehold.features.data import chosen_file, schemas
from freehold.features.data.rules.ways import CHOICES
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.rules.answer import request_body
from freehold.features.gateway.rules.rows import MOST_BYTES, AmbiguousRows, Rows, of_data
from freehold.kernel.evidence.parts import part_about
from freehold.kernel.web import paying
from freehold.kernel.web.places import Place
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import written
from freehold.kernel.web.visit import Visit, acts, shows

MOST_CALLS = 100
MOST_CELLS = 500_000
"""Of the rows that are asked at once."""
MOST_SHOWN = 200
"""Rows of a page; the file has all."""
_KEPT = 3
PPM = 1_000_000


@dataclass
class Batch:
    """Rows that were looked at, and their answers as far as they were bought."""

    id: str
    model: str
    file: str
    columns: tuple[str, ...]
    rows: Rows
    calls: list[list[list[str]]]
    outputs: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    paid_units: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    """One request at a time buys."""


def _asset(visit: Visit) -> Asset:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["model"], "asset"))
    if asset.asset_kind != "model":
        raise NotFound(said("that is not a model"), hint=said("Look at Models."))
    return asset


def form(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Where rows are pasted, or a file is chosen."""
    asset = _asset(visit)
    return visit.show(
        "ask.html",
        error=error,
        model=asset,
        place=_place(visit, asset),
        columns=schemas.columns(asset),
        choices=CHOICES,
        kinds=f"{chosen_file.KINDS},.json",
        most_bytes=min(MOST_BYTES, visit.node.settings.max_table_bytes),
        ambiguous=isinstance(error, AmbiguousRows),
        typed={name: visit.form.fields[name][0] for name in visit.form.fields} if error else {},
    )


def _place(visit: Visit, asset: Asset) -> Place:
    return Place.ASSETS if asset.owner == visit.node.account else Place.MARKET


def look(visit: Visit) -> Response:
    """Read the rows; nothing is asked yet."""
    asset, sent = _asset(visit), visit.form.upload
    try:
        batch = _read(visit, asset)
    except FreeholdError as error:
        return form(visit, error)
    finally:
        if sent:
            sent.close()
    kept = visit.session.kept.setdefault("asking", {})
    while len(kept) >= _KEPT:
        kept.pop(next(iter(kept)))
    kept[batch.id] = batch
    return visit.go(f"/assets/{asset.id}/ask/{batch.id}")


def _read(visit: Visit, asset: Asset) -> Batch:
    given, sent = visit.form, visit.form.upload
    columns = schemas.columns(asset)
    pasted = given.text("rows", 60_000)
    if sent is not None and sent.chosen:
        data, name = sent.path.read_bytes(), sent.name
    elif pasted:
        data, name = pasted.encode(), said("what was pasted")
    else:
        raise InvalidInput(
            said("no rows were given"), hint=said("Paste some, or choose a file. Nothing was paid.")
        )
    header = {"names": True, "row": False}.get(given.text("first_line"))
    try:
        rows = of_data(data, name, columns, header=header, ways=chosen_file.ways(given))
    except AmbiguousRows as error:
        error.hint = said("Choose below what the first line is. Nothing was paid.")
        raise
    each = asset.terms.rows_per_call
    calls = [rows.cells[at : at + each] for at in range(0, len(rows.cells), each)]
    if len(calls) > MOST_CALLS or len(rows.cells) * len(columns) > MOST_CELLS:
        raise InvalidInput(
            said(
                "that is more than {calls} calls, or {cells} cells, at once",
                calls=MOST_CALLS,
                cells=MOST_CELLS,
            ),
            hint=said("Ask with several files. Nothing was paid."),
        )
    return Batch(secrets.token_urlsafe(12), asset.id, name, columns, rows, calls)


def _batch(visit: Visit) -> Batch:
    found = visit.session.kept.get("asking", {}).get(visit.params["batch"])
    if not isinstance(found, Batch) or found.model != _asset(visit).id:
        raise NotFound(
            said("these rows are no longer here"),
            hint=said("Give them again: what was answered before stands under Uses."),
        )
    return found


def batch_page(visit: Visit, error: FreeholdError | None = None) -> Response:
    """What it comes to, before it is paid; then the answers."""
    asset, batch = _asset(visit), _batch(visit)
    price = sum(price_of(asset.terms, len(call)) for call in batch.calls)
    left = batch.calls[len(batch.receipts) :]
    return visit.show(
        "ask_batch.html",
        error=error,
        model=asset,
        place=_place(visit, asset),
        batch=batch,
        price_units=price,
        left_units=sum(price_of(asset.terms, len(call)) for call in left),
        pay=_pay(visit, asset, left) if left else None,
        has_lineage=part_about(asset) is not None,
        answers=[
            (number, row, output["label"], _percent(output))
            for number, (row, output) in enumerate(
                zip(batch.rows.cells[:MOST_SHOWN], batch.outputs, strict=False), start=1
            )
        ],
        most_shown=MOST_SHOWN,
    )


def _pay(visit: Visit, asset: Asset, left: list[list[list[str]]]) -> dict[str, Any] | None:
    """What the calls that are left take; None where nobody can tell now."""
    price = sum(price_of(asset.terms, len(call)) for call in left)
    most = max(map(len, left))
    try:
        quote = visit.host.part(Buyer).quote(asset.id, most, deposit_calls=len(left))
    except FreeholdError:
        return None
    aside = quote["deposit_units"]
    if not aside and quote["free_units"] >= price:
        return paying.shown(visit.node, 0, 0, price)
    return paying.shown(visit.node, max(price, aside), quote["gas"])


def pay(visit: Visit) -> Response:
    """Ask, call by call; what was answered before something broke is kept."""
    asset, batch = _asset(visit), _batch(visit)
    try:
        at_most = paying.agreed(visit)
        # each confirmation is an act of its own; one that is sent twice is one
        act = sha256_hex(f"asking/{batch.id}/{len(batch.receipts)}/{at_most}".encode())[2:34]
        with batch.lock:
            for number in range(len(batch.receipts), len(batch.calls)):
                _ask(visit, asset, batch, number, at_most, act)
    except FreeholdError as error:
        return batch_page(visit, error)
    return visit.go(f"/assets/{asset.id}/ask/{batch.id}")


def _ask(visit: Visit, asset: Asset, batch: Batch, number: int, at_most: int, act: str) -> None:
    rows = batch.calls[number]
    found = visit.host.part(Buyer).predict(
        asset.id,
        rows,
        at_most_units=at_most,
        shown_units=price_of(asset.terms, len(rows)),
        deposit_calls=len(batch.calls) - number,
        without_lineage=visit.form.text("without_lineage") == "yes",
        key=f"form:{batch.id}:{number}:{sha256_hex(request_body(asset.id, rows))[2:]}",
        part_of=act,
    )
    batch.outputs += found["outputs"]
    batch.receipts.append(parse_envelope(found["receipt"]).document.id)
    money = found["receipt"]["document"]["money"]
    batch.paid_units += sum(max(line["delta_units"], 0) for line in money)


def _percent(output: dict[str, Any]) -> int:
    return int(output["probability_ppm"]) * 10_000 // PPM


def download(visit: Visit) -> Response:
    """Rows and answers, as far as they were bought, as a CSV file."""
    batch = _batch(visit)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*map(written, batch.columns), "label", "probability"])
    for row, output in zip(batch.rows.cells, batch.outputs, strict=False):
        writer.writerow([*row, output["label"], f"{output['probability_ppm'] / PPM:.6f}"])
    headers = {"content-disposition": 'attachment; filename="answers.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


_ASKED: Text = said("Asked a model with several rows")
PAGES = [
    shows("/assets/{model}/ask", form, needs=Power.PAY),
    acts(
        "/assets/{model}/ask", look, needs=Power.PAY, takes_file=True, words=said("Gave rows to ask a model")
    ),
    shows("/assets/{model}/ask/{batch}", batch_page, needs=Power.PAY),
    acts("/assets/{model}/ask/{batch}", pay, needs=Power.PAY, words=_ASKED),
    shows("/assets/{model}/ask/{batch}/answers.csv", download, needs=Power.PAY),
]

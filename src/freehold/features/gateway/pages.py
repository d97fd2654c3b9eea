"""Asking a model for its price, and selling it: what its page says of both, who bought, and what its owner sets."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import Response

from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput, NotFound, Unavailable
from freehold.core.ids import sha256_hex
from freehold.core.signing import parse_envelope
from freehold.core.texts import said
from freehold.features.data import finding, schemas
from freehold.features.gateway import asking, rationing, serving
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.rationing import Ration
from freehold.features.gateway.rules.answer import request_body
from freehold.features.gateway.rules.rows import AmbiguousRows, Rows, of_data, ordered
from freehold.features.models.rules.worth import PPM
from freehold.kernel.evidence.parts import part_about
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.web import paying, typed
from freehold.kernel.web.places import Section
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Page, Undo, Visit, acts, shows

KINDS = ("model",)
MOST_BUYERS = 50


def _try(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What one answer costs, a row to fill in, and the last answer."""
    node, form = visit.node, visit.form
    # a form that comes back was not done
    failed = bool(form.fields)
    balance, away = _balance(node)
    return {
        **finding.describe(node, asset),
        "columns": schemas.said(asset).columns or (),
        "sold": asset.owner != node.account or rationing.is_on_sale(node, asset.id),
        "away": away,
        "answer": None if failed else visit.session.kept.get(f"answer:{asset.id}"),
        "typed": form.fields,
        "purchase": (failed and form.text("purchase", 40)) or secrets.token_urlsafe(18),
        "has_lineage": part_about(asset) is not None,
        "balance_units": balance,
        **_cost(visit, asset, away=away),
    }


def _balance(node: Node) -> tuple[int | None, bool]:
    """What the wallet holds, and whether the chain was away when asked."""
    try:
        return node.balance_units(), False
    except Unavailable:
        return None, True


def _cost(visit: Visit, asset: Asset, *, away: bool) -> dict[str, Any]:
    """What one answer would take now; nothing of it while the chain is away or where it cannot be bought."""
    try:
        quote = None if away else visit.host.part(Buyer).quote(asset.id, 1)
    except FreeholdError:
        quote = None
    if quote is None:
        return {"quote": None, "pay": paying.shown(visit.node, 0)}
    price, aside = quote["price_units"], quote["deposit_units"]
    found = (max(price, aside), quote["gas"], 0) if aside else (0, 0, price)
    return {"quote": quote, "pay": paying.shown(visit.node, *found)}


def _buyers(visit: Visit, asset: Asset) -> dict[str, Any]:
    """Who asked it lately, and how much one of them may."""
    node = visit.node
    rows = rationing.buyers(node, asset.id, MOST_BUYERS)
    return {
        "rows": [
            {"name": name_of(node, buyer), "calls": calls, "rows": answered, "at": at}
            for buyer, calls, answered, at in rows
        ],
        "on": rationing.is_on_sale(node, asset.id),
        "ration": rationing.of(node, asset.id),
    }


def _bought(visit: Visit, asset: Asset) -> dict[str, Any]:
    """How another's model is used: whoever pays may."""
    return finding.describe(visit.node, asset)


def _sale(visit: Visit, asset: Asset) -> dict[str, Any]:
    """Whether it is sold, and how much one buyer gets."""
    node = visit.node
    return {"on": rationing.is_on_sale(node, asset.id), "ration": rationing.of(node, asset.id)}


def _found(visit: Visit) -> Asset:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["asset"], "asset"))
    if asset.asset_kind not in KINDS:
        raise NotFound(said("that is not a model"), hint=said("Look at Assets."))
    return asset


def ask_switch(visit: Visit) -> Response:
    """What serving, or stopping, does."""
    asset = _found(visit)
    return visit.show(
        "serve.html",
        model=asset,
        on=rationing.is_on_sale(visit.node, asset.id),
        ration=rationing.of(visit.node, asset.id),
    )


def switch(visit: Visit) -> Response:
    """Serve it, or no longer; or only change how much one buyer gets."""
    asset = _found(visit)
    on = visit.form.text("on") == "yes"
    said_of_it = on or "calls" in visit.form.fields
    ration = None
    if said_of_it:
        ration = Ration(
            _ration(visit, "calls", said("The number of calls")),
            _ration(visit, "rows", said("The number of rows")),
        )
    before = _as_now(visit.node, asset)
    visit.require_last(before)
    serving.switch(visit.node, asset.id, on=on, ration=ration)
    undo = Undo(f"/assets/{asset.id}/serve", fields=before, after=_as_now(visit.node, asset))
    sells = said("It is on sale: whoever pays gets an answer.")
    return visit.go(f"/assets/{asset.id}", sells if on else said("It is no longer on sale."), undo=undo)


def _as_now(node: Node, asset: Asset) -> dict[str, str]:
    """What a form says that makes its sale what it is now."""
    ration = rationing.of(node, asset.id)
    fields = {"calls": str(ration.calls), "rows": str(ration.rows)}
    if rationing.is_on_sale(node, asset.id):
        fields["on"] = "yes"
    return fields


def _ration(visit: Visit, name: str, what: str) -> int:
    return visit.form.number(name, what, 0, 10**9) if visit.form.text(name) else 0


def attempt(visit: Visit) -> Response:
    """Ask it one question, for its price."""
    asset = _found(visit)
    try:
        row = _row(visit, asset)
        anyway = visit.form.text("without_lineage") == "yes"
        # a form that is sent twice is one purchase; another row in it is another
        named = f"{visit.form.text('purchase', 40)}:{sha256_hex(request_body(asset.id, row.cells))}"
        found = visit.host.part(Buyer).predict(
            asset.id,
            row.cells,
            at_most_units=paying.agreed(visit),
            without_lineage=anyway,
            key=f"form:{named}",
        )
    except FreeholdError as error:
        # said beside the form, where it is looked at
        return visit.asset(asset, error=error, beside=True)
    output, receipt = found["outputs"][0], found["receipt"]["document"]
    visit.session.kept[f"answer:{asset.id}"] = {
        "probability_bps": output["probability_ppm"] * 10_000 // PPM,
        "label": output["label"],
        "units": sum(max(line["delta_units"], 0) for line in receipt["money"]),
        "receipt": parse_envelope(found["receipt"]).document.id,
        "row": list(zip(found["columns"], found["rows"][0], strict=True)),
        "left_out": row.left_out,
        "counting": row.counting,
    }
    return visit.go(f"/assets/{asset.id}#answer")


def _row(visit: Visit, asset: Asset) -> Rows:
    """One number for each column, from its fields or from what was pasted. Raises InvalidInput."""
    columns = schemas.columns(asset)
    pasted = visit.form.text("line", 20_000)
    if not pasted:
        cells = [typed.cell(visit.form.text(f"c{number}", 64)) for number in range(len(columns))]
        if not any(cells):
            raise InvalidInput(
                said("no row was given"), hint=said("Paste one, or fill in the fields. Nothing was paid.")
            )
        return ordered([cells], columns)
    header = {"names": True, "row": False}.get(visit.form.text("first_line"))
    try:
        found = of_data(pasted.encode(), said("what was pasted"), columns, header=header)
    except AmbiguousRows as error:
        error.hint = said("Choose below what the first line is. Nothing was paid.")
        raise
    if len(found.cells) != 1:
        raise InvalidInput(
            said("{cells} rows were pasted; here one row is asked", cells=len(found.cells)),
            hint=said(
                "Several rows are asked on the page of files and rows, linked below. Nothing was paid."
            ),
        )
    return found


SECTIONS = (
    Section(KINDS, "", "model_try.html", _try, 30),
    Section(KINDS, "access", "model_buyers.html", _buyers, 10, "own"),
    Section(KINDS, "access", "model_asking.html", _bought, 10, "others"),
    Section(KINDS, "settings", "model_sale.html", _sale, 10, "own"),
)
PAGES: tuple[Page, ...] = (
    *asking.PAGES,
    shows("/assets/{asset}/serve", ask_switch, needs=Power.DECIDE),
    acts("/assets/{asset}/serve", switch, needs=Power.DECIDE, words=said("Changed whether answers are sold")),
    acts("/assets/{asset}/try", attempt, needs=Power.PAY, words=said("Tried a model")),
)

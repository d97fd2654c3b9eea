"""A model: what it is worth, whose data it is made of, asking it, and putting it on sale."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import Response

from freehold.core import epsilons
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
from freehold.features.models import shown
from freehold.features.models.rules import worth
from freehold.features.models.rules.worth import PPM
from freehold.features.privacy.rules import promises
from freehold.kernel import uses
from freehold.kernel.evidence.parts import part_about
from freehold.kernel.node import Node
from freehold.kernel.web import paying
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.web.words import count


def model(visit: Visit, error: FreeholdError | None = None) -> Response:
    """One model."""
    asset = _found(visit)
    node = visit.node
    facts, away = _facts(node, asset)
    calls, revenue = uses.count(node, asset.id, "infer")
    answer = visit.session.kept.get(f"answer:{asset.id}")
    return visit.show(
        "model.html",
        error=error,
        model={"pool": None, "recipe": None, "earlier_runs": [], **facts},
        away=away,
        quality=_quality(facts.get("metrics")),
        privacy=_privacy(facts.get("privacy")),
        people=_people(facts, node.account),
        by_rows=worth.is_by_rows(facts.get("contribution", [])),
        rows_alone=worth.ROWS_ALONE,
        calls=calls,
        revenue_units=revenue,
        sources=_sources(node, asset),
        has_lineage=part_about(asset) is not None,
        terms=asset.terms,
        created_at=asset.created_at,
        answer=None if error else answer,
        typed=visit.form.fields if error else {},
        purchase=(error and visit.form.text("purchase", 40)) or secrets.token_urlsafe(18),
        ambiguous=isinstance(error, AmbiguousRows),
        **_cost(visit, asset, away=away),
        balance_units=None if away else node.balance_units(),
    )


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


def _found(visit: Visit) -> Asset:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["model"], "asset"))
    if asset.asset_kind != "model":
        raise NotFound(said("that is not a model"), hint=said("Look at Models."))
    return asset


def _facts(node: Node, asset: Asset) -> tuple[dict[str, Any], bool]:
    """What is known of it, and whether the chain was away when asked for the rest."""
    try:
        return shown.model(node, asset.id), False
    except Unavailable:
        return {**finding.describe(node, asset), "serving": rationing.is_on_sale(node, asset.id)}, True


def _quality(metrics: dict[str, Any] | None) -> dict[str, str] | None:
    """How good it is on the opened test rows, beside what anybody reaches without it, as people read it."""
    if not metrics:
        return None
    return {
        **worth.percents(metrics),
        "interval": worth.interval(metrics["accuracy_bps"]),
        "auc": f"{metrics['auc_ppm'] / PPM:.3f}",
        "auc_interval": "{:.2f} to {:.2f}".format(*(end / 10_000 for end in metrics["auc_bps"])),
        "calibration": f"{metrics['calibration_ppm'] / 10_000:.1f}",
    }


def _privacy(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """What its run cost the rows, in a number and in a sentence."""
    if not found:
        return None
    noised = found["level"] == "noised"
    return {
        "noised": noised,
        "epsilon": epsilons.text(found["epsilon_micro"]) if noised else "no bound",
        "delta_exponent": found["delta_exponent"],
        "sentence": promises.of_use(found),
        "counting": promises.EPSILON,
    }


def _people(facts: dict[str, Any], account: str) -> list[dict[str, Any]]:
    """Who contributed how much and what it brought, largest share first."""
    revenue, right = (facts.get("pool") or {}).get("in_units", 0), (facts.get("metrics") or {}).get("correct")
    rows = [
        {
            **one,
            "you": one["account"] == account,
            "units": revenue * one["share_bps"] // 10_000,
            "error_bps": one["error_ppm"] // 100,
            "error": worth.points(one["error_ppm"]) if one["error_ppm"] else "",
            "changes": _changes(one["without_correct"], right),
        }
        for one in facts.get("contribution", [])
    ]
    return sorted(rows, key=lambda row: -int(row["share_bps"]))


def _changes(without: int | None, right: int | None) -> str:
    """What leaving one owner out would change; empty where it is not known here."""
    if without is None or right is None:
        return ""
    if without == right:
        return "without it about as many right answers"
    more = "more" if without > right else "fewer"
    return f"without it about {count(abs(without - right), 'right answer')} {more}"


def _sources(node: Node, asset: Asset) -> list[dict[str, Any]]:
    return [
        finding.describe(node, node.asset(one.asset))
        for one in asset.derived_from
        if node.store.has(one.asset)
    ]


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
    """Serve it, or no longer."""
    asset = _found(visit)
    on = visit.form.text("on") == "yes"
    ration = Ration(*(_ration(visit, name) for name in ("calls", "rows"))) if on else None
    serving.switch(visit.node, asset.id, on=on, ration=ration)
    said = "It is on sale: whoever pays gets an answer." if on else "It is no longer on sale."
    return visit.go(f"/models/{asset.id}", said)


def _ration(visit: Visit, name: str) -> int:
    return visit.form.number(name, f"The number of {name}", 0, 10**9) if visit.form.text(name) else 0


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
        return model(visit, error)
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
    return visit.go(f"/models/{asset.id}#answer")


def _row(visit: Visit, asset: Asset) -> Rows:
    """One number for each column, from its fields or from what was pasted. Raises InvalidInput."""
    columns = schemas.columns(asset)
    pasted = visit.form.text("line", 20_000)
    if not pasted:
        cells = [visit.form.text(f"c{number}", 64) for number in range(len(columns))]
        if not any(cells):
            raise InvalidInput(
                said("no row was given"), hint=said("Paste one, or fill in the fields. Nothing was paid.")
            )
        return ordered([cells], columns)
    header = {"names": True, "row": False}.get(visit.form.text("first_line"))
    try:
        found = of_data(pasted.encode(), "what was pasted", columns, header=header)
    except AmbiguousRows as error:
        error.hint = "Choose below what the first line is. Nothing was paid."
        raise
    if len(found.cells) != 1:
        raise InvalidInput(
            said("{cells} rows were pasted; here one row is asked", cells=len(found.cells)),
            hint=said(
                "Several rows are asked on the page of files and rows, linked below. Nothing was paid."
            ),
        )
    return found


PAGES = [
    *asking.PAGES,
    shows("/models/{model}", model),
    shows("/models/{model}/serve", ask_switch, needs=Power.DECIDE),
    acts("/models/{model}/serve", switch, needs=Power.DECIDE, words=said("Changed whether answers are sold")),
    acts("/models/{model}/try", attempt, needs=Power.PAY, words=said("Tried a model")),
]

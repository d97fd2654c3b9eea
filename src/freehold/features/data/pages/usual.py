"""Terms with which a new table begins, among the settings."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core import money
from freehold.core.errors import FreeholdError
from freehold.features.data.drafts import Terms, usual
from freehold.kernel.host import Host
from freehold.kernel.web.visit import Visit, acts


def look(host: Host) -> Terms:
    """As they are."""
    return Terms(name="", **usual(host.node))


def save_usual(visit: Visit) -> Response:
    """Keep with what terms a new table begins."""
    form = visit.form
    try:
        price = form.text("price", 40) or "0"
        chosen = {
            "price": price,
            "price_units": money.units(price),
            "max_uses": form.number("max_uses", "The number of uses", 1, 1_000_000),
            "days": form.number("days", "The number of days", 1, 3_650),
            "approval": "automatic" if form.text("approval") == "automatic" else "ask",
        }
    except FreeholdError as error:
        return visit.go("/settings", f"{error.message}. {error.hint}", "bad")
    with visit.node.store.transaction() as tx:
        tx.set("usual_terms", chosen)
    return visit.go("/settings", "Saved. New tables begin with these terms; you can change them each time.")


PAGES = [acts("/settings/usual", save_usual)]

"""Terms with which a new table begins, among the settings."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.errors import FreeholdError
from freehold.features.data import licence, wire
from freehold.kernel.host import Host
from freehold.kernel.web.visit import Visit, acts


def look(host: Host) -> dict[str, Any]:
    """As they are."""
    return licence.shown(licence.usual(host.node))


def save_usual(visit: Visit) -> Response:
    """Keep with what terms a new table begins."""
    form, fields = visit.form, wire.SET_USUAL.fields
    typed = {"price": form.text("price", 40) or "0", "approval": form.text("approval")}
    try:
        chosen = wire.SetUsual.of(
            **wire.SET_USUAL.taken(typed),
            max_uses=form.whole(fields["max_uses"], "The number of uses"),
            days=form.whole(fields["days"], "The number of days"),
        )
    except FreeholdError as error:
        return visit.go("/settings", f"{error.message}. {error.hint}", "bad")
    licence.set_usual(visit.node, chosen)
    return visit.go("/settings", "Saved. New tables begin with these terms; you can change them each time.")


PAGES = [acts("/settings/usual", save_usual)]

"""Terms with which a new table begins, among the settings."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.errors import FreeholdError
from freehold.features.data import licence, wire
from freehold.kernel.host import Host
from freehold.kernel.web.visit import Visit, acts

NUMBERS = {"max_uses": "The number of uses", "days": "The number of days"}


def look(host: Host) -> dict[str, Any]:
    """As they are."""
    return licence.shown(licence.usual(host.node))


def save_usual(visit: Visit) -> Response:
    """Keep with what terms a new table begins."""
    try:
        chosen = wire.SetUsual.of(**visit.form.taken(wire.SET_USUAL.fields, NUMBERS))
    except FreeholdError as error:
        return visit.go("/settings", f"{error.message}. {error.hint}", "bad")
    licence.set_usual(visit.node, chosen)
    return visit.go("/settings", "Saved. New tables begin with these terms; you can change them each time.")


PAGES = [acts("/settings/usual", save_usual)]

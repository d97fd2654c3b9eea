"""Other nodes, among the settings: to whom this one is connected, meeting one more, looking at one no more."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.errors import FreeholdError
from freehold.features.identity import peers
from freehold.kernel.host import Host
from freehold.kernel.web.visit import Visit, acts


def look(host: Host) -> list[dict[str, Any]]:
    """Those this node looks at."""
    return peers.overview(host.node)


def add(visit: Visit) -> Response:
    """Meet another node."""
    try:
        party = peers.add(visit.host, visit.form.text("url", 300))
    except FreeholdError as error:
        return visit.go("/settings", f"{error.message}. {error.hint}", "bad")
    return visit.go("/settings", f"Connected to {party['name']}. Its offers are in your catalogue now.")


def forget(visit: Visit) -> Response:
    """Look at another node no more."""
    try:
        gone = peers.forget(visit.node, visit.form.text("url", 400))
    except FreeholdError as error:
        return visit.go("/settings", f"{error.message}. {error.hint}", "bad")
    if gone["until_restart"]:
        return visit.go("/settings", "Removed. It is gone from the list after the next start.")
    return visit.go("/settings", "Removed. Your node no longer looks at what it offers.")


PAGES = [acts("/settings/peers", add), acts("/settings/peers/forget", forget)]

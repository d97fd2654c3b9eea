"""Other nodes, among the settings: to whom this one is connected, meeting one more, looking at one no more."""

from __future__ import annotations

from starlette.responses import Response

from freehold.features.identity import peers
from freehold.kernel.web.visit import Visit, acts


def add(visit: Visit) -> Response:
    """Meet another node."""
    party = peers.add(visit.host, visit.form.text("url", 300))
    return visit.go("/settings", f"Connected to {party['name']}. Its offers are in your catalogue now.")


def forget(visit: Visit) -> Response:
    """Look at another node no more."""
    gone = peers.forget(visit.node, visit.form.text("url", 400))
    if gone["until_restart"]:
        return visit.go("/settings", "Removed. It is gone from the list after the next start.")
    return visit.go("/settings", "Removed. Your node no longer looks at what it offers.")


PAGES = [
    acts("/settings/peers", add, back="/settings"),
    acts("/settings/peers/forget", forget, back="/settings"),
]

"""Other nodes, among the settings: to whom this one is connected, meeting one more, looking at one no more."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core.errors import FreeholdError
from freehold.features.identity import peers
from freehold.kernel import settings
from freehold.kernel.host import Host
from freehold.kernel.web.people import name_of
from freehold.kernel.web.visit import Visit, acts


def look(host: Host) -> list[dict[str, str]]:
    """Those this node looks at."""
    node = host.node
    met = node.store.state("peers", {})
    return [{"url": url, "name": name_of(node, met[url]) if url in met else ""} for url in peers.known(node)]


def add(visit: Visit) -> Response:
    """Meet another node."""
    try:
        party = peers.add(visit.host, visit.form.text("url", 300))
    except FreeholdError as error:
        return visit.go("/settings", f"{error.message}. {error.hint}", "bad")
    return visit.go("/settings", f"Connected to {party['name']}. Its offers are in your catalogue now.")


def forget(visit: Visit) -> Response:
    """Look at another node no more."""
    home, url = visit.door.home, visit.form.text("url", 400)
    peers.forget(visit.node, url)
    kept = settings.load(home)
    if url in kept.peers:
        settings.save(home, kept.with_overrides(peers=tuple(one for one in kept.peers if one != url)))
        return visit.go("/settings", "Removed. It is gone from the list after the next start.")
    return visit.go("/settings", "Removed. Your node no longer looks at what it offers.")


PAGES = [acts("/settings/peers", add), acts("/settings/peers/forget", forget)]

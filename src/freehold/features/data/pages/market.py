"""What others offer: datasets and models of peers, their terms in words."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.features.data import finding
from freehold.features.identity import peers
from freehold.kernel.node import Node
from freehold.kernel.web.visit import Visit, acts, shows

MOST = 100


def overview(visit: Visit) -> Response:
    """Everything that others offer and that is known here."""
    node, text = visit.node, visit.query.get("q", "")[:100]
    found = [row for row in finding.search(node, text, "") if not row["mine"] and _stands(node, row)]
    return visit.show(
        "market.html",
        text=text,
        rows=found[::-1][:MOST],
        more=max(0, len(found) - MOST),
        peers=peers.known(node),
    )


def _stands(node: Node, row: dict[str, Any]) -> bool:
    return int(row["expires_at"]) > node.now()


def look_again(visit: Visit) -> Response:
    """Read the peers' catalogues."""
    failed = peers.refresh(visit.host)
    if failed:
        names = ", ".join(row["url"] for row in failed[:3])
        return visit.go("/market", f"Looked everywhere; no answer from {names}.", "warn")
    return visit.go("/market", "Looked at every peer; this is what they offer now.")


PAGES = [
    shows("/market", overview),
    acts("/market", look_again),
]

"""What others offer: datasets and models of peers, their terms in words."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core.texts import said
from freehold.features.data import finding
from freehold.features.identity import peers
from freehold.kernel import listed
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.words import asset_kinds

MOST = 100


def overview(visit: Visit) -> Response:
    """Everything that others offer and that is known here."""
    node, text = visit.node, visit.query.get("q", "")[:100]
    before = visit.query.get("before", "")[:66]
    wanted: listed.Wanted = {"text": text, "others": True, "offered": True, "valid_at": node.now()}
    found = listed.assets(node, **wanted, before=before, limit=MOST)
    return visit.show(
        "market.html",
        text=text,
        rows=[
            {**finding.describe(node, asset), "known": asset.asset_kind in asset_kinds()} for asset in found
        ],
        older=found.earlier,
        more=0 if before else listed.count_assets(node, **wanted) - len(found),
        peers=peers.known(node),
    )


def look_again(visit: Visit) -> Response:
    """Read the peers' catalogues."""
    failed = peers.refresh(visit.host)
    if failed:
        names = ", ".join(row["url"] for row in failed[:3])
        return visit.go("/market", f"Looked everywhere; no answer from {names}.", "warn")
    return visit.go("/market", "Looked at every peer; this is what they offer now.")


PAGES = [
    shows("/market", overview),
    acts("/market", look_again, needs=Power.LOOK, words=said("Asked other nodes what they offer")),
]

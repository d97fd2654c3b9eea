"""What others offer: datasets and models of peers, their terms in words."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core import epsilons
from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.features.data import publishing
from freehold.features.grants import asking, granting
from freehold.features.privacy.rules import promises
from freehold.kernel.node import Node
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.shell import viewing

MOST = 100


def overview(visit: Visit) -> Response:
    """Everything that others offer and that is known here."""
    node, text = visit.node, visit.query.get("q", "")[:100]
    found = [row for row in publishing.search(node, text, "") if not row["mine"] and _stands(node, row)]
    return visit.show(
        "market.html",
        text=text,
        rows=found[::-1][:MOST],
        more=max(0, len(found) - MOST),
        peers=viewing.peers(node),
    )


def _stands(node: Node, row: dict[str, Any]) -> bool:
    return int(row["expires_at"]) > node.now()


def look_again(visit: Visit) -> Response:
    """Read the peers' catalogues."""
    failed = viewing.refresh(visit.host)
    if failed:
        names = ", ".join(row["url"] for row in failed[:3])
        return visit.go("/market", f"Looked everywhere; no answer from {names}.", "warn")
    return visit.go("/market", "Looked at every peer; this is what they offer now.")


def item(visit: Visit) -> Response:
    """One dataset of another: terms, price, what its rows are promised; access comes with a training run."""
    node, asset = visit.node, _found(visit)
    held = [row for row in granting.overview(node) if row["asset"] == asset.id and not row["issued"]]
    return visit.show(
        "market_item.html",
        asset=publishing.describe(node, asset),
        terms=asset.terms,
        held=held[::-1],
        asked=[row for row in asking.overview(node) if row["asset"] == asset.id],
        now=node.now(),
        allows=epsilons.text(asset.terms.epsilon_run_micro),
        in_all=epsilons.text(asset.terms.epsilon_life_micro),
        worst=promises.worst_case(asset.terms.epsilon_run_micro) if asset.terms.epsilon_run_micro else "",
    )


def _found(visit: Visit) -> Asset:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["asset"], "asset"))
    if asset.owner == visit.node.account:
        raise NotFound("that is yours", hint="Look at My data or Models.")
    return asset


PAGES = [
    shows("/market", overview),
    acts("/market", look_again),
    shows("/market/{asset}", item),
]

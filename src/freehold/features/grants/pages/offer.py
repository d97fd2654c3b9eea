"""One dataset that another offers, and the access to it that this node has or asked for."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core import epsilons
from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.features.data import finding
from freehold.features.grants import asking, granting
from freehold.features.privacy.rules import promises
from freehold.kernel import listed
from freehold.kernel.web.visit import Visit, shows
from freehold.kernel.words import require_kind

MOST = 100
"""Grants on it that are shown, the newest."""


def item(visit: Visit) -> Response:
    """One dataset of another: terms, price, what its rows are promised; access comes with a training run."""
    node, asset = visit.node, _found(visit)
    held = [
        granting.describe(node, one)
        for one in listed.grants(node, holder=node.account, asset=asset.id, limit=MOST)
    ]
    return visit.show(
        "market_item.html",
        asset=finding.describe(node, asset),
        terms=asset.terms,
        held=held,
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
    require_kind(asset)
    return asset


PAGES = [shows("/market/{asset}", item)]

"""The page that every asset has, own or of others: one head, the tabs that its kind has, and their sections."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.registry import everything
from freehold.kernel.web.places import FACETS, Facet, HeadFacts, Place, Section
from freehold.kernel.web.visit import Visit, shows
from freehold.kernel.words import asset_kinds


def facts(visit: Visit, asset: Asset, slug: str) -> dict[str, Any]:
    """What the page of an asset shows at one of its facets."""
    mine = asset.owner == visit.node.account
    sections = _sections(asset, mine=mine)
    facets = [one for one in every_facet() if any(part.facet == one.slug for part in sections)]
    parts = [
        (part.template, found)
        for part in sections
        if part.facet == slug and (found := part.look(visit, asset)) is not None
    ]
    known = asset_kinds().get(asset.asset_kind)
    return {
        "asset": asset,
        "mine": mine,
        "owner_name": known_as(visit.node, asset.owner),
        "kind": (known and known.noun) or asset.asset_kind,
        "head": _head(visit, asset),
        "facets": facets,
        "facet": slug,
        "parts": parts,
        "place": Place.ASSETS if mine else Place.MARKET,
    }


def every_facet() -> list[Facet]:
    """Those that every kind may have, and those that features add."""
    return sorted((*FACETS, *everything().every("facets")), key=lambda one: one.order)


def _sections(asset: Asset, *, mine: bool) -> list[Section]:
    found = (one for one in everything().every("sections") if one.fits(asset, mine=mine))
    return sorted(found, key=lambda one: one.order)


def _head(visit: Visit, asset: Asset) -> HeadFacts:
    for one in everything().every("heads"):
        if asset.asset_kind in one.kinds:
            found: HeadFacts = one.look(visit, asset)
            return found
    # a kind that no feature here knows is kept and shown
    return HeadFacts()


def overview(visit: Visit) -> Response:
    """Its first tab."""
    return visit.asset(_named(visit.node, visit.params["asset"]))


def facet(visit: Visit) -> Response:
    """Another of its tabs."""
    asset, slug = _named(visit.node, visit.params["asset"]), visit.params["facet"]
    mine = asset.owner == visit.node.account
    if not any(one.facet == slug for one in _sections(asset, mine=mine)):
        raise NotFound(said("there is no such page of it"), hint=said("Choose one of its tabs."))
    return visit.asset(asset, slug)


def _named(node: Node, text: str) -> Asset:
    return node.asset(node.store.resolve(text, "asset"))


PAGES = [shows("/assets/{asset}", overview), shows("/assets/{asset}/{facet}", facet)]

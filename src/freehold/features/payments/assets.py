"""What this node paid for another's asset; on its page."""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import Unavailable
from freehold.features.payments import closing
from freehold.kernel import listed, uses
from freehold.kernel.rights.standing import purchased_among
from freehold.kernel.web.places import Section
from freehold.kernel.web.visit import Visit

MOST_GRANTS = 200


def answers(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What answers of a model cost, and what is put aside for it."""
    count, units = uses.count(visit.node, asset.id, "infer")
    try:
        channels = [row for row in closing.overview(visit.node) if row["model"] == asset.id]
    except Unavailable:
        channels = None
    return {"count": count, "units": units, "channels": channels}


def access(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What access to a dataset cost."""
    node = visit.node
    grants = [
        one
        for one in listed.grants(node, holder=node.account, asset=asset.id, limit=MOST_GRANTS)
        if one.terms.price_units
    ]
    try:
        paid = purchased_among(node, grants)
    except Unavailable:
        return {"away": True, "rows": []}
    rows = [{"at": one.issued_at, "units": one.terms.price_units} for one in grants if one.id in paid]
    return {"away": False, "rows": rows}


SECTIONS = (
    Section(("model",), "money", "asset_answers.html", answers, 20, "others"),
    Section(("dataset",), "money", "asset_access.html", access, 20, "others"),
)

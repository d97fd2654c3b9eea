"""Models as a long list, a page at a time."""

from __future__ import annotations

from typing import Any

from freehold.features.data import finding
from freehold.features.models.shown import is_on_sale
from freehold.kernel import listed, uses
from freehold.kernel.host import Host
from freehold.kernel.selecting import Found, Wanted

MINE, OTHERS = "mine", "others"
"""Whose models are wanted, as the list's filter says it."""


def models(host: Host, wanted: Wanted) -> Found[dict[str, Any]]:
    """Models that are known here, the newest first."""
    node, whose = host.node, wanted.filter("whose")
    chosen = listed.among_assets(
        node, kind="model", owner=node.account if whose == MINE else "", others=whose == OTHERS
    )
    return listed.page_of_assets(node, chosen, wanted).map(
        lambda asset: {
            **finding.describe(node, asset),
            "created_at": asset.created_at,
            "serving": is_on_sale(node, asset.id),
            "calls": uses.count(node, asset.id, "infer")[0],
        }
    )

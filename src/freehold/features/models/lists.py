"""Models of this node as a long list, a page at a time."""

from __future__ import annotations

from typing import Any

from freehold.features.data import finding
from freehold.features.models.shown import is_on_sale, right_answers
from freehold.kernel import listed, uses
from freehold.kernel.host import Host
from freehold.kernel.selecting import Found, Wanted


def models(host: Host, wanted: Wanted) -> Found[dict[str, Any]]:
    """Models that were trained here, the newest first."""
    node = host.node
    chosen = listed.among_assets(node, kind="model", owner=node.account)
    return listed.page_of_assets(node, chosen, wanted).map(
        lambda asset: {
            **finding.describe(node, asset),
            "created_at": asset.created_at,
            "serving": is_on_sale(node, asset.id),
            "right_bps": right_answers(asset),
            "calls": uses.count(node, asset.id, "infer")[0],
        }
    )

"""Privacy: what training costs the rows of this node, never more than was promised."""

from __future__ import annotations

from typing import Any

from freehold.features.privacy import budget, wire
from freehold.kernel.feature import Feature
from freehold.kernel.host import Host


def _budgets(host: Host, asked: wire.ShowBudgets) -> dict[str, Any]:
    asset_id = host.node.store.resolve(asked.asset, "asset") if asked.asset else ""
    return {"lines": budget.overview(host.node, asset_id=asset_id, limit=asked.limit)}


FEATURE = Feature(
    name="privacy",
    about="What training costs the rows of this node, never more than was promised.",
    needs=("identity",),
    operations=(wire.BUDGETS.does(_budgets),),
)

"""Privacy: what training costs the rows of this node, never more than was promised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freehold.features.privacy import budget, wire
from freehold.kernel.continuity import RESTORED
from freehold.kernel.feature import Feature
from freehold.kernel.host import Host
from freehold.kernel.node import Node


def _budgets(host: Host, asked: wire.ShowBudgets) -> dict[str, Any]:
    asset_id = host.node.store.resolve(asked.asset, "asset") if asked.asset else ""
    return {"lines": budget.overview(host.node, asset_id=asset_id, limit=asked.limit)}


def _notices(node: Node) -> Iterator[budget.BudgetUnknown]:
    restored = node.store.state(RESTORED)
    if restored and restored["budget"] == "unknown":
        yield budget.unknown()


FEATURE = Feature(
    name="privacy",
    about="What training costs the rows of this node, never more than was promised.",
    needs=("identity",),
    operations=(wire.BUDGETS.does(_budgets),),
    notices=(_notices,),
)

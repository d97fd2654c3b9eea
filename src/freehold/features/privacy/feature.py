"""Privacy: what training costs the rows of this node, never more than was promised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freehold.core.connection import Connection
from freehold.features.privacy import budget, wire
from freehold.kernel.continuity import RESTORED
from freehold.kernel.feature import Feature
from freehold.kernel.finding import CheckFound, warning
from freehold.kernel.node import Node
from freehold.kernel.reading import NodeFile


def _notices(node: Node) -> Iterator[budget.BudgetUnknown]:
    restored = node.store.state(RESTORED)
    if restored and restored["budget"] == "unknown":
        yield budget.unknown()


def _unknown(connection: Connection) -> Iterable[CheckFound]:
    restored = NodeFile(connection).state(RESTORED)
    if restored and restored["budget"] == "unknown":
        unknown = budget.unknown()
        yield warning("database", unknown.message, unknown.hint)


FEATURE = Feature(
    name="privacy",
    about="What training costs the rows of this node, never more than was promised.",
    needs=("identity",),
    doctor=(_unknown,),
    adopted=(lambda tx, restored: tx.set(budget.CLOSED, restored["lines"]),),
    operations=(
        wire.BUDGETS.does(
            lambda host, asked: {"lines": budget.overview(host.node, asset_id=asked.asset, limit=asked.limit)}
        ),
    ),
    notices=(_notices,),
)

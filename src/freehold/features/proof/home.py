"""What Home says was used lately."""

from __future__ import annotations

from typing import Any

from freehold.kernel import uses
from freehold.kernel.host import Host
from freehold.kernel.people import name_of

LATEST = 6


def look(host: Host) -> list[dict[str, Any]]:
    """The latest uses of what is ours, a training run's rounds as one."""
    node = host.node
    return [
        {
            "who": name_of(node, row.holder),
            "action": row.action,
            "name": node.asset(row.asset).name if node.store.has(row.asset) else "",
            "at": row.at,
            "times": row.times,
            "whole": row.whole,
        }
        for row in uses.rows(node, {"provider": node.account}, LATEST)
    ]

"""This node at a glance: what the kernel knows of it, and what each feature adds."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from freehold.core.version import VERSION
from freehold.kernel import logbook
from freehold.kernel.chain_identity import OtherChain
from freehold.kernel.host import Host
from freehold.kernel.keeping import purse, subjects
from freehold.kernel.node import Node
from freehold.kernel.registry import everything

COUNTED = ("party", "asset", "grant", "receipt", "claim")
"""Types of document."""


def status(host: Host) -> dict[str, Any]:
    """What is there, what it is worth, and what is wrong."""
    node = host.node
    with suppress(OtherChain):  # a notice says so
        node.continuity.require_same()
    with node.store.log() as log:
        size = log.size()
    found = {
        "name": node.settings.name,
        "account": node.account,
        "url": node.party.document.body["endpoints"][0],
        "chain": {"id": node.chain_id, "block": node.chain.block_number(), "rpc_url": node.settings.rpc_url},
        "database": str(node.store),
        "balance_units": node.balance_units(),
        "log": {"size": size, "anchored": logbook.anchored_size(node)},
        "counts": {kind: node.store.counted(kind) for kind in COUNTED},
        "gas": purse.day(node).to_json(),
        "quarantined": sorted(subjects.quarantined(node)),
        "notices": notices(node),
        "version": VERSION,
        **work(host),
    }
    for facts in everything().every("facts"):
        found |= facts(host)
    return found


def work(host: Host) -> dict[str, Any]:
    """Recurring work and jobs with state, attempts, last error and next try."""
    return {
        "work": host.work.overview(),
        "jobs": [row for tasks in everything().every("tasks") for row in tasks(host)],
    }


def notices(node: Node) -> list[dict[str, str]]:
    """What is wrong with this home, the gravest first: first what the kernel says, then features."""
    found = (one for look in everything().every("notices") for one in look(node))
    return [{"code": one.code, "title": one.message, "hint": one.hint} for one in found]

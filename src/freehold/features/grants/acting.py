"""What the operations of grants do."""

from __future__ import annotations

from typing import Any

from freehold.features.grants import asking, granting, wire
from freehold.features.grants.asking import GrantCountered, GrantWaiting
from freehold.kernel.host import Host
from freehold.kernel.operation import Waiting
from freehold.kernel.words import require_action


def obtain(host: Host, asked: wire.AskGrant) -> dict[str, Any] | Waiting:
    """A grant; or the request that waits for one."""
    node = host.node
    try:
        grant = granting.obtain(
            node,
            host.peers,
            node.asset(asked.asset),
            require_action(asked.action),
            **asked.model_dump(exclude={"asset", "action"}),
        )
    except (GrantWaiting, GrantCountered) as pending:
        (request,) = pending.fields["asked"]
        return Waiting({"status": request["state"], "asked": request})
    return granting.describe(node, grant)


def take(host: Host, asked: wire.TakeOffer) -> dict[str, Any]:
    """The grant; whoever the request was made for goes on."""
    job = asking.find(host.node, asked.request_id)[1]["once_for"]
    grant = granting.take(host.node, host.peers, asked.request_id, asked.at_most_units)
    asking.settled(host, job)
    return granting.describe(host.node, grant)


def drop(host: Host, asked: wire.DropRequest) -> dict[str, Any]:
    """The request as it last stood; whoever it was made for stops."""
    dropped = granting.drop(host.node, host.peers, asked.request_id)
    asking.settled(host, dropped["job"])
    return {"asked": dropped}

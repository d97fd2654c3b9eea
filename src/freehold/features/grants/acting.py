"""What the operations of grants do."""

from __future__ import annotations

from typing import Any

from freehold.features.grants import asking, consent, granting, requests, wire
from freehold.features.grants.asking import GrantCountered, GrantWaiting
from freehold.kernel.host import Host
from freehold.kernel.operation import Nothing, Waiting
from freehold.kernel.words import require_action


def listed(host: Host, asked: wire.ListGrants) -> dict[str, Any]:
    """A page of grants."""
    return {"grants": granting.overview(host.node, limit=asked.limit, before=asked.before)}


def obtain(host: Host, asked: wire.AskGrant) -> dict[str, Any] | Waiting:
    """A grant; or the request that waits for one."""
    node = host.node
    try:
        grant = granting.obtain(
            node,
            host.peers,
            node.asset(asked.asset),
            require_action(asked.action),
            purpose=asked.purpose,
            max_uses=asked.max_uses,
            spend_cap_units=asked.spend_cap_units,
            at_most_units=asked.at_most_units,
        )
    except (GrantWaiting, GrantCountered) as pending:
        (request,) = pending.fields["asked"]
        return Waiting({"status": request["state"], "asked": request})
    return granting.describe(node, grant)


def overview(host: Host, _: Nothing) -> dict[str, Any]:
    """Requests, both ways."""
    return {"requests": requests.overview(host.node), "asked": asking.overview(host.node)}


def counter(host: Host, asked: wire.CounterRequest) -> dict[str, Any]:
    """The request with other terms offered for it."""
    purposes = None if asked.purposes is None else tuple(asked.purposes)
    change = consent.Counter(asked.price_units, asked.max_uses, asked.days, purposes, asked.note)
    return {"request": consent.counter(host.node, asked.request_id, change)}


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

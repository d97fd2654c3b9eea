"""Channels paid from as they stand, and closing one: whoever pays from it finishes first, then the rest comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.chain.errors import ContractReverted
from freehold.core.errors import NotFound
from freehold.core.ids import hash_bytes
from freehold.core.texts import said
from freehold.features.payments import kept
from freehold.features.payments.chain_facts import read_channel
from freehold.features.payments.wire import Channel
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.shape import alike


@dataclass(frozen=True)
class ChannelClosing:
    """A channel of this node is about to close."""

    host: Host
    record: kept.Record


def overview(node: Node) -> list[dict[str, Any]]:
    """Every channel of this node as payer."""
    rows = []
    for record in kept.channels(node):
        state = read_channel(node, record["channel"])
        promised = max(int(record["cumulative_units"]), state.settled_units)
        rows.append(
            {
                **alike(Channel, record, state),
                "promised_units": promised,
                "free_units": 0 if state.ended else state.deposited_units - promised,
                "closes_at": 0 if state.ended else state.closes_at,
                "status": "closed" if state.ended else "closing" if state.closes_at else "open",
            }
        )
    return rows


def close(host: Host, prefix: str) -> dict[str, Any]:
    """Ask to close a channel, by its id or its beginning; a day later, take the rest back. Raises NotFound, Ambiguous."""
    node = host.node
    known = kept.find_channel(node, prefix)
    # calls and closings of one model follow one another
    with node.exclusive(f"buying:{known['model']}"):
        everything().tell(node, ChannelClosing(host, kept.find_channel(node, known["channel"])))
        closed = _close(node, known["channel"])
    host.countersigner.flush(known["provider"])
    return closed


def _close(node: Node, channel: str) -> dict[str, Any]:
    with node.store.transaction() as tx:
        kept.leave_channel(tx, channel)
    state = read_channel(node, channel)
    if not state.exists:
        raise NotFound(said("that channel was never opened on this chain"))
    withdrawn = gas = 0
    if state.closes_at == 0:
        gas = node.send("Channels", "requestClose", hash_bytes(channel))
    elif not state.ended:
        try:
            gas = node.send("Channels", "withdraw", hash_bytes(channel))
            withdrawn = state.deposited_units - state.settled_units
        except ContractReverted as error:
            if error.name != "NotYetWithdrawable":
                raise
    after = read_channel(node, channel)
    return {
        "channel": channel,
        "status": "closed" if after.ended else "closing",
        "closes_at": 0 if after.ended else after.closes_at,
        "withdrawn_units": withdrawn,
        "gas": gas,
    }

"""Closing a channel: those who pay from it finish what is under way, then the rest comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.features.payments import kept, spending
from freehold.kernel.host import Host
from freehold.kernel.registry import everything


@dataclass(frozen=True)
class ChannelClosing:
    """A channel of this node is about to close."""

    host: Host
    record: kept.Record


def close(host: Host, channel: str) -> dict[str, Any]:
    """Ask to close a channel, by its id or the beginning of it; a day later, take the rest back.

    Raises NotFound, Ambiguous.
    """
    node = host.node
    known = kept.find_channel(node, channel)
    with node.exclusive(spending.lock_of(known)):
        everything().tell(node, ChannelClosing(host, kept.find_channel(node, known["channel"])))
        closed = spending.close(node, kept.find_channel(node, known["channel"]))
    host.countersigner.flush(known["provider"])
    return closed

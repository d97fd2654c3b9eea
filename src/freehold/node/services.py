"""Everything long-lived in one node process, wired once."""

from __future__ import annotations

from freehold.node.buying import Buyer
from freehold.node.jobs import Jobs
from freehold.node.lending import Tables
from freehold.node.limits import Buckets
from freehold.node.node import Node
from freehold.node.peers import Peers
from freehold.node.serving import Gateway
from freehold.node.tally import Tally


class Services:
    """A node with its clients, gateway and background jobs."""

    def __init__(self, node: Node, tally: Tally | None = None) -> None:
        self.node = node
        self.tally = tally or Tally()
        self.callers = Buckets(node.settings.peer_requests_per_minute)
        self.peers = Peers(node)
        self.tables = Tables(node)
        self.gateway = Gateway(node)
        self.buyer = Buyer(node, self.peers)
        self.jobs = Jobs(node, self.peers)

    def close(self) -> None:
        """Stop what runs and close what is open, in that order."""
        self.jobs.stop()
        self.peers.close()
        self.node.store.close()

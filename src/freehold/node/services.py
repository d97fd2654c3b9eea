"""Everything long-lived in one node process, wired once."""

from __future__ import annotations

from freehold.node.buying import Buyer
from freehold.node.gathering import Gathering
from freehold.node.jobs import Jobs
from freehold.node.ledger import Ledger
from freehold.node.lending import Lender
from freehold.node.limits import Buckets
from freehold.node.node import Node
from freehold.node.nonces import Nonces
from freehold.node.peers import Peers
from freehold.node.readiness import Readiness
from freehold.node.retrying import Retries
from freehold.node.serving import Gateway
from freehold.node.tally import Tally
from freehold.node.upkeep import work

STOP_SECONDS = 3.0
"""How long a stop waits for signatures and vouchers on their way; what is left goes out at the next start."""


class Services:
    """A node with its clients, gateway and background jobs."""

    def __init__(self, node: Node, tally: Tally | None = None) -> None:
        self.node = node
        self.tally = tally or Tally()
        self.callers = Buckets(node.settings.peer_requests_per_minute)
        self.nonces = Nonces(node.now())
        self.peers = Peers(node)
        self.gathering = Gathering(node)
        self.lender = Lender(node)
        self.gateway = Gateway(node)
        self.buyer = Buyer(node, self.peers)
        self.ledger = Ledger(node)
        self.jobs = Jobs(node, self.peers)
        self.retries = Retries(node, self.jobs)
        self.readiness = Readiness(node)
        self.work = work(self)

    def begin(self) -> None:
        """Go on with what was under way, and do from now on what recurs."""
        if self.node.continuity.stopped is None:
            self.jobs.resume_all()
        self.work.start()

    def close(self) -> None:
        """Stop what runs and close what is open, in that order."""
        self.work.stop(STOP_SECONDS)
        self.jobs.stop()
        self.peers.close()
        self.node.store.close()

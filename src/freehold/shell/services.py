"""Everything long-lived in one node process, wired once."""

from __future__ import annotations

from freehold.features.data.once import ONCE as DATA_ONCE
from freehold.features.earnings.ledger import Ledger
from freehold.features.earnings.once import ONCE as EARNINGS_ONCE
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.serving import Gateway
from freehold.features.grants.once import ONCE as GRANTS_ONCE
from freehold.features.models.once import ONCE as MODELS_ONCE
from freehold.features.payments.once import ONCE as PAYMENTS_ONCE
from freehold.features.proof.gathering import Gathering
from freehold.features.training.jobs import Jobs
from freehold.features.training.lending import Lender
from freehold.features.training.once import ONCE as TRAINING_ONCE
from freehold.features.training.retrying import Retries
from freehold.kernel.limits import Buckets
from freehold.kernel.node import Node
from freehold.kernel.nonces import Nonces
from freehold.kernel.peers import Peers
from freehold.kernel.readiness import Readiness
from freehold.kernel.tally import Tally
from freehold.shell.upkeep import work

STOP_SECONDS = 3.0
"""How long a stop waits for signatures and vouchers on their way; what is left goes out at the next start."""


class Services:
    """A node with its clients, gateway and background jobs."""

    def __init__(self, node: Node, tally: Tally | None = None) -> None:
        self.node = node
        for once in (DATA_ONCE, EARNINGS_ONCE, GRANTS_ONCE, MODELS_ONCE, PAYMENTS_ONCE, TRAINING_ONCE):
            node.once |= once
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

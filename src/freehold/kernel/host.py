"""One node process: a party, its long-lived parts, and what its features add, wired once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from freehold.kernel.countersigning import Countersigner
from freehold.kernel.limits import Buckets
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.pending import Nonces
from freehold.kernel.readiness import Readiness
from freehold.kernel.recurring import Piece, Work
from freehold.kernel.tally import Tally

STOP_SECONDS = 3.0
"""How long a stop waits for signatures and vouchers on their way; what is left goes out at the next start."""

T = TypeVar("T")


class Host:
    """A node with its clients and the long-lived parts of its features."""

    def __init__(
        self,
        node: Node,
        parts: tuple[Callable[[Host], object], ...],
        recurring: tuple[Callable[[Host], tuple[Piece, ...]], ...],
        tally: Tally | None = None,
    ) -> None:
        self.node = node
        self.tally = tally or Tally()
        self.callers = Buckets(node.settings.peer_requests_per_minute)
        self.nonces = Nonces(node.now())
        self.peers = Peers(node)
        self.countersigner = Countersigner(node, self.peers)
        self.readiness = Readiness(node)
        self._parts: dict[type, object] = {}
        for make in parts:
            made = make(self)
            self._parts[type(made)] = made
        self.work = Work(tuple(piece for pieces in recurring for piece in pieces(self)))

    def part(self, kind: type[T]) -> T:
        """The one long-lived part of a kind."""
        found = self._parts[kind]
        assert isinstance(found, kind)
        return found

    def begin(self) -> None:
        """Go on with what was under way, and do from now on what recurs."""
        if self.node.continuity.stopped is None:
            for part in self._parts.values():
                if begin := getattr(part, "begin", None):
                    begin()
        self.work.start()

    def close(self) -> None:
        """Stop what runs and close what is open, in that order."""
        self.work.stop(STOP_SECONDS)
        for part in reversed(self._parts.values()):
            if stop := getattr(part, "stop", None):
                stop()
        self.peers.close()
        self.node.store.close()

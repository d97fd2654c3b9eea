"""One node process: a party, its long-lived parts, and what its features add, wired once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

from freehold.kernel.countersigning import Countersigner
from freehold.kernel.limits import Buckets
from freehold.kernel.node import Node
from freehold.kernel.nonces import Nonces
from freehold.kernel.peers import Peers
from freehold.kernel.readiness import Readiness
from freehold.kernel.recurring import Piece, Work
from freehold.kernel.tally import Tally

STOP_SECONDS = 3.0
"""How long a stop waits for signatures and vouchers on their way; what is left goes out at the next start."""

T = TypeVar("T")


@runtime_checkable
class Begins(Protocol):
    """A part with work that was under way when the node stopped."""

    def begin(self) -> None:
        """Go on with it."""


@runtime_checkable
class Stops(Protocol):
    """A part that runs."""

    def stop(self) -> None:
        """Come to an end."""


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
                if isinstance(part, Begins):
                    part.begin()
        self.work.start()

    def close(self) -> None:
        """Stop what runs and close what is open, in that order."""
        self.work.stop(STOP_SECONDS)
        for part in reversed(self._parts.values()):
            if isinstance(part, Stops):
                part.stop()
        self.peers.close()
        self.node.store.close()

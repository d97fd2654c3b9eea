"""What every node does by itself, whatever its features: countersign, compare its log with the chain, anchor it."""

from __future__ import annotations

from freehold.kernel import logbook
from freehold.kernel.countersigning import Countersigner
from freehold.kernel.node import Node
from freehold.kernel.recurring import PAYMENTS_SECONDS, Piece

LOOK_SECONDS = 300.0
"""How often it is looked at whether the log is due to be anchored."""
COMPARE_SECONDS = 15.0


def pieces(node: Node, countersigner: Countersigner) -> tuple[Piece, ...]:
    """The recurring work of receipts and log."""
    every = node.settings.anchor_every_seconds
    return (
        Piece("receipts", "countersign what was bought", PAYMENTS_SECONDS, countersigner.flush, at_stop=True),
        Piece(
            "log", "compare the log with what the chain vouches for", COMPARE_SECONDS, lambda: _compare(node)
        ),
        Piece(
            "anchor",
            "anchor the log on chain where it has grown",
            min(every or LOOK_SECONDS, LOOK_SECONDS),
            lambda: logbook.anchor_if_due(node),
        ),
    )


def _compare(node: Node) -> None:
    if node.continuity.stopped is None:
        node.continuity.look()
    node.continuity.require_going()

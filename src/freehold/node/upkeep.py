"""What a node does by itself: hand over signatures, tell owners their shares, settle, anchor, retry jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.core.errors import FreeholdError
from freehold.node import logbook, releasing
from freehold.node.pruning import prune
from freehold.node.recurring import Piece, Work
from freehold.node.settling import settle

if TYPE_CHECKING:
    from freehold.node.node import Node
    from freehold.node.services import Services

PAYMENTS_SECONDS = 20.0
LOOK_SECONDS = 300.0
"""How often it is looked at whether the log is due to be anchored."""
RETRY_SECONDS = 2.0
PRUNE_SECONDS = 3_600.0


class Unsettled(FreeholdError):
    """The vouchers of some channels could not be settled; others were."""

    code = "channel.unsettled"


def work(services: Services) -> Work:
    """The recurring work of one node, not begun yet."""
    node = services.node
    pieces = [
        Piece(
            "receipts", "countersign what was bought", PAYMENTS_SECONDS, services.buyer.flush, at_stop=True
        ),
        Piece(
            "shares",
            "tell owners of models their shares",
            PAYMENTS_SECONDS,
            lambda: releasing.tell_owners(node, services.peers),
        ),
        Piece(
            "vouchers",
            "settle accepted vouchers on chain",
            PAYMENTS_SECONDS,
            lambda: _settle(node),
            at_stop=True,
        ),
        Piece("jobs", "go on with jobs whose pause is over", RETRY_SECONDS, services.retries.go_on),
    ]
    pieces.append(Piece("tidy", "let go of old answers, give back room", PRUNE_SECONDS, lambda: tidy(node)))
    every = node.settings.anchor_every_seconds
    pieces.append(
        Piece(
            "anchor",
            "anchor the log on chain where it has grown",
            min(every or LOOK_SECONDS, LOOK_SECONDS),
            lambda: logbook.anchor_if_due(node),
        )
    )
    return Work(tuple(pieces))


def tidy(node: Node) -> None:
    """Let go of what is old, and give the disk back what nothing fills any more."""
    prune(node)
    node.store.tidy()


def _settle(node: Node) -> None:
    failed: list[dict[str, Any]] = settle(node)["failed"]
    if failed:
        raise Unsettled(
            f"{len(failed)} channels could not be settled: {failed[0]['title']}",
            hint="Tried again by itself; look at `freehold channels`.",
            channels=[row["channel"] for row in failed],
        )

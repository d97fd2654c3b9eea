"""What a node does by itself: hand over signatures, tell owners their shares, settle, anchor, retry jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.features.gateway.pruning import prune
from freehold.features.models import releasing
from freehold.features.payments.settling import settle
from freehold.kernel import chain_identity, logbook
from freehold.kernel.keeping.purse import GasDaySpent
from freehold.kernel.recurring import Piece, Work

if TYPE_CHECKING:
    from freehold.kernel.node import Node
    from freehold.shell.services import Services

PAYMENTS_SECONDS = 20.0
LOOK_SECONDS = 300.0
"""How often it is looked at whether the log is due to be anchored."""
RETRY_SECONDS = 2.0
PRUNE_SECONDS = 3_600.0
COMPARE_SECONDS = 15.0


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
        Piece("jobs", "go on with jobs whose pause is over", RETRY_SECONDS, lambda: _go_on(services)),
        Piece(
            "log", "compare the log with what the chain vouches for", COMPARE_SECONDS, lambda: _compare(node)
        ),
    ]
    pieces.append(
        Piece("answers", "let go of old answers, give back room", PRUNE_SECONDS, lambda: tidy(node))
    )
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


def _compare(node: Node) -> None:
    if node.continuity.stopped is None:
        node.continuity.look()
    node.continuity.require_going()


def _go_on(services: Services) -> None:
    services.node.continuity.require_going()
    services.retries.go_on()


def _settle(node: Node) -> None:
    """One channel that fails slows no other: each backs off for itself (`freehold channels list`)."""
    chain_identity.require_same_chain(node)
    for row in settle(node, by_itself=True)["failed"]:
        if row["code"] == GasDaySpent.code:
            raise GasDaySpent(row["title"], hint="Look at `freehold channels list`, or set gas_per_day.")

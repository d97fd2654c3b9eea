"""How grants on an offered asset come about: asking within its terms is consent, or its owner decides each request."""

from __future__ import annotations

from freehold.features.data.wire import Approval
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

USUAL: Approval = "automatic"
"""Where nothing is said."""


def approval_of(node: Node, asset_id: str) -> Approval:
    """How grants on an asset come about; of others' assets as their catalogue says."""
    return "ask" if node.store.state(f"approval:{asset_id}") == "ask" else "automatic"


def set_approval(tx: Transaction, asset_id: str, approval: Approval) -> None:
    """Choose, or note, how grants on an asset come about."""
    if approval == "ask":
        tx.set(f"approval:{asset_id}", approval)
    else:
        tx.delete(f"approval:{asset_id}")

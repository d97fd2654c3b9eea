"""What is on offer here, published and not taken off again, and how grants on it come about.

A withdrawn asset stays readable by its id, because receipts and grants name it; it is no longer in the
catalogue, and no new grants are issued on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.features.data.wire import Approval, Decide, Usual
from freehold.kernel.node import Node
from freehold.kernel.store import OFF_OFFER, Transaction

ASKS_FIRST = "approval:"
"""How names in `state` begin that say of an asset that its owner decides each request."""


def is_offered(node: Node, asset_id: str) -> bool:
    """Whether new grants are issued on an asset."""
    return node.store.is_public(asset_id) and not is_withdrawn(node, asset_id)


def is_withdrawn(node: Node, asset_id: str) -> bool:
    """Whether it was taken off offer; of others' assets as their catalogue says."""
    return bool(node.store.state(f"{OFF_OFFER}{asset_id}"))


def require_offered(node: Node, asset_id: str) -> None:
    """New grants are issued on the asset. Raises NotFound."""
    if not is_offered(node, asset_id):
        raise NotFound(
            said("no asset {asset_id} is on offer here", asset_id=asset_id[:10]),
            hint=said("Search again; it may be withdrawn."),
        )


def withdraw(tx: Transaction, asset_id: str) -> None:
    """Take an asset off offer. Grants that exist stay as they are. Idempotent."""
    tx.set(f"{OFF_OFFER}{asset_id}", value=True)


def offer_again(tx: Transaction, asset_id: str) -> None:
    """Undo `withdraw`."""
    tx.delete(f"{OFF_OFFER}{asset_id}")


def approval_of(node: Node, asset_id: str) -> Approval:
    """How grants on an asset come about; of others' assets as their catalogue says."""
    return "ask" if node.store.state(f"{ASKS_FIRST}{asset_id}") == "ask" else "automatic"


def set_approval(tx: Transaction, asset_id: str, chosen: Approval) -> None:
    """Choose, or note, how grants on an asset come about."""
    if chosen == "ask":
        tx.set(f"{ASKS_FIRST}{asset_id}", chosen)
    else:
        tx.delete(f"{ASKS_FIRST}{asset_id}")


def who_decides(node: Node, asset_id: str) -> dict[str, Approval]:
    """How grants on an asset come about, as every description of it says."""
    return {"approval": approval_of(node, asset_id)}


def keep_choice(tx: Transaction, asset_id: str, asked: Decide | Usual) -> None:
    """Choose what was asked for."""
    set_approval(tx, asset_id, asked.approval)


def change(node: Node, asset_id: str, act: Callable[[Transaction, str], None]) -> dict[str, Any]:
    """Change how a dataset of this node is offered; returns how it is now. Raises NotFound: it is none of them."""
    asset = node.asset(asset_id)
    if asset.owner != node.account or asset.asset_kind != "dataset":
        raise NotFound(
            said("that is not a dataset of yours"),
            hint=said("Look at My data, or at `freehold assets list`."),
        )
    with node.store.transaction() as tx:
        act(tx, asset_id)
    return {
        "asset": asset_id,
        "name": asset.name,
        "offered": is_offered(node, asset_id),
        **who_decides(node, asset_id),
    }


def decide(node: Node, asked: Decide) -> dict[str, Any]:
    """Choose how grants on a dataset of this node come about. Raises NotFound."""
    return change(node, asked.asset, lambda tx, asset_id: keep_choice(tx, asset_id, asked))

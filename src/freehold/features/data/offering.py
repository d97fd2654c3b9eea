"""What is on offer here: published and not taken off again.

A withdrawn asset stays readable by its id, because receipts and grants name it; it is no longer in the
catalogue, and no new grants are issued on it.
"""

from __future__ import annotations

from freehold.core.errors import NotFound
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction


def is_offered(node: Node, asset_id: str) -> bool:
    """Whether new grants are issued on an asset."""
    return node.store.is_public(asset_id) and not node.store.state(_name(asset_id))


def require_offered(node: Node, asset_id: str) -> None:
    """New grants are issued on the asset.

    Raises:
        NotFound.
    """
    if not is_offered(node, asset_id):
        raise NotFound(
            f"no asset {asset_id[:10]} is on offer here", hint="Search again; it may be withdrawn."
        )


def withdraw(tx: Transaction, asset_id: str) -> None:
    """Take an asset off offer. Grants that exist stay as they are. Idempotent."""
    tx.set(_name(asset_id), value=True)


def offer_again(tx: Transaction, asset_id: str) -> None:
    """Undo `withdraw`."""
    tx.delete(_name(asset_id))


def _name(asset_id: str) -> str:
    return f"withdrawn:{asset_id}"

"""The grants of a training run: owners who decide by hand are asked before anything else is bought."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freehold.core.documents import Asset
from freehold.node.asking import AskRow, GrantCountered, GrantWaiting, still_waiting
from freehold.node.consent import approval_of
from freehold.node.granting import obtain
from freehold.node.node import Node
from freehold.node.peers import Peers


def agree(
    node: Node, peers: Peers, job: dict[str, Any], assets: list[Asset], tell: Callable[[dict[str, str]], None]
) -> dict[str, str]:
    """Owner -> id of the grant for this job, paid; `tell` hears of each as it comes. Repeatable.

    Raises:
        GrantWaiting: naming every owner that has not agreed yet. GrantRefused, AskDropped, and as `obtain`.
    """
    by_hand = [asset for asset in assets if approval_of(node, asset.id) == "ask"]
    grants: dict[str, str] = {}
    for group in (by_hand, [asset for asset in assets if asset not in by_hand]):
        pending: list[AskRow] = []
        for asset in group:
            try:
                grants[asset.owner] = _obtain(node, peers, job, asset)
            except (GrantWaiting, GrantCountered) as error:
                pending += error.fields["asked"]
            tell(grants)
        if pending:
            raise still_waiting(pending)
    return grants


def _obtain(node: Node, peers: Peers, job: dict[str, Any], asset: Asset) -> str:
    uses = int(job["recipe"]["rounds"]) + 1
    grant = obtain(
        node, peers, asset, "train", purpose=job["purpose"], max_uses=uses, once_for=str(job["id"])
    )
    return grant.id

"""The grants of a training run: owners who decide by hand are asked before anything else is bought.

An owner that refuses, answers with nonsense, or cannot be reached for as long as the plan waits, is left out
and named, as long as the others hold the plan's quorum of rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.chain.errors import (
    ChainUnreachable,
    ContractNotDeployed,
    EndpointsDisagree,
    RpcError,
    TransactionPending,
)
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, Unavailable
from freehold.features.data.offering import approval_of
from freehold.features.grants.asking import GrantCountered, GrantWaiting, still_waiting
from freehold.features.grants.granting import NotEnoughDollars, obtain
from freehold.features.training import kept
from freehold.features.training.admitting import NotStamped
from freehold.features.training.rules.record import RunPlan, has_quorum
from freehold.kernel.ceiling import SpendingRefused, SpendingUnset
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers

RETRY_SECONDS = 1.0
_OURS = (
    NotEnoughDollars,
    SpendingRefused,
    SpendingUnset,
    ChainUnreachable,
    EndpointsDisagree,
    TransactionPending,
    RpcError,
    ContractNotDeployed,
    StorageFailed,
)
"""Troubles of this node: they are no reason to leave out an owner, who may be paid already."""


@dataclass
class Agreed:
    """Who takes part in a run, and who does not."""

    grants: dict[str, str] = field(default_factory=dict)
    """Owner -> id of its grant, paid."""
    absent: dict[str, FreeholdError] = field(default_factory=dict)
    """Owner -> why not."""


def agree(
    node: Node,
    peers: Peers,
    job: Mapping[str, Any],
    assets: list[Asset],
    plan: RunPlan,
    tell: Callable[[Agreed], None],
    rest: Callable[[float], bool],
) -> Agreed:
    """Grants for this run; `tell` hears of each as it comes, `rest` waits between tries. Repeatable.

    Raises GrantWaiting: naming every owner that has not decided yet. What an owner said, where without it
    fewer rows take part than the quorum. As `obtain`.
    """
    by_hand = [asset for asset in assets if approval_of(node, asset.id) == "ask"]
    found = Agreed()
    for group in (by_hand, [asset for asset in assets if asset not in by_hand]):
        pending: list[dict[str, Any]] = []
        for asset in group:
            try:
                found.grants[asset.owner] = _obtain(node, peers, job, asset, plan, rest)
            except _OURS:
                raise
            except FreeholdError as error:
                # where its catalogue says that its terms are its consent, nobody waits for an owner's word
                if asset in by_hand and isinstance(error, (GrantWaiting, GrantCountered)):
                    pending += error.fields["asked"]
                else:
                    found.absent[asset.owner] = error
                    if not has_quorum(plan, [one for one in plan.accounts if one not in found.absent]):
                        raise
            tell(found)
        if pending:
            raise still_waiting(pending)
    return found


def _obtain(
    node: Node,
    peers: Peers,
    job: Mapping[str, Any],
    asset: Asset,
    plan: RunPlan,
    rest: Callable[[float], bool],
) -> str:
    deadline = time.monotonic() + plan.patience_seconds
    while True:
        try:
            return obtain(
                node,
                peers,
                asset,
                "train",
                purpose=job["order"]["purpose"],
                once_for=str(job["id"]),
                plan=plan,
                at_most_units=kept.at_most_units(node, str(job["id"])),
            ).id
        except (GrantWaiting, GrantCountered):
            raise
        except FreeholdError as error:
            # its node may read a chain that is behind ours; else only who did not answer is asked again
            early = error.fields.get("peer_code") == NotStamped.code
            if not (early or isinstance(error, Unavailable)):
                raise
            if time.monotonic() > deadline or not rest(RETRY_SECONDS):
                raise

"""The grants of a training run: all owners are asked before anything is bought, those who decide by hand first.

An owner that refuses, answers with nonsense, or cannot be reached for as long as the plan waits, is left out
and named, as long as the others hold the plan's quorum of rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
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


@dataclass
class _Asking:
    """Owners asked one after the other, and what came of it."""

    plan: RunPlan
    obtain: Callable[..., str]
    tell: Callable[[Agreed], None]
    by_hand: list[Asset]
    found: Agreed = field(default_factory=Agreed)
    pending: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, assets: Iterable[Asset], *, pay: bool) -> list[Asset]:
        """Ask for a grant on each, and pay it where that is wanted; those that are given. Raises what an owner said."""
        willing = []
        for asset in assets:
            try:
                grant = self.obtain(asset, pay=pay)
                willing.append(asset)
                if pay:
                    self.found.grants[asset.owner] = grant
            except _OURS:
                raise
            except FreeholdError as error:
                self._hear(asset, error)
            self.tell(self.found)
        return willing

    def _hear(self, asset: Asset, error: FreeholdError) -> None:
        # where its catalogue says that its terms are its consent, nobody waits for an owner's word
        if asset in self.by_hand and isinstance(error, (GrantWaiting, GrantCountered)):
            self.pending += error.fields["asked"]
            return
        self.found.absent[asset.owner] = error
        if not has_quorum(self.plan, [one for one in self.plan.accounts if one not in self.found.absent]):
            raise error


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
    fewer rows take part than the quorum; nobody was paid. As `obtain`.
    """
    by_hand = [asset for asset in assets if approval_of(node, asset.id) == "ask"]
    asking = _Asking(plan, partial(_obtain, node, peers, job, plan=plan, rest=rest), tell, by_hand)
    groups = by_hand, [asset for asset in assets if asset not in by_hand]
    willing = [asking.ask(group, pay=False) for group in groups]
    for group in willing:
        asking.ask(group, pay=True)
        if asking.pending:
            raise still_waiting(asking.pending)
    return asking.found


def _obtain(
    node: Node,
    peers: Peers,
    job: Mapping[str, Any],
    asset: Asset,
    *,
    plan: RunPlan,
    rest: Callable[[float], bool],
    pay: bool,
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
                pay=pay,
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

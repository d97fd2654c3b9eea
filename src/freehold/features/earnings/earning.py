"""What this node's owner has earned: grants sold, shares in models, and money to claim.

All sums are whole units of the dollar token. Claiming sends a pool's payout to this account by the
Merkle proof of its share; anybody may send it, and it pays each unit once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from freehold.chain.client import Call
from freehold.core.documents import Asset, Claim
from freehold.core.errors import NotFound
from freehold.core.money import BPS
from freehold.core.texts import said
from freehold.features.earnings.wire import Sold
from freehold.features.models.kept import released, shares
from freehold.features.models.releasing import pool_of, shares_of
from freehold.features.models.rules.split import SplitTree
from freehold.features.payments.kept import lost
from freehold.features.payments.settling import held_units
from freehold.kernel import listed
from freehold.kernel.node import Node
from freehold.kernel.rights.standing import purchased_among

_SOLD = "sold:"
"""How names in `state` begin that say of a grant that it was paid for."""
_PRICED = (
    "SELECT grants.id, grants.asset, coalesce(assets.name, ''), grants.holder, grants.price_units FROM grants"
    " LEFT JOIN assets ON assets.id = grants.asset"
    " WHERE {} EXISTS (SELECT 1 FROM state WHERE state.name = ? || grants.id)"
    " AND grants.issuer = ? AND grants.price_units > 0 ORDER BY grants.rowid"
)
"""What the fields of `wire.Sold` are of each."""


@dataclass(frozen=True)
class Holding:
    """This account's share in one model."""

    asset: Asset
    release: Claim
    shares: int
    """Of 10,000; 0 for the owner of a model that others' data made."""

    @property
    def pool(self) -> bytes:
        """The model's revenue pool."""
        return pool_of(self.asset)


def overview(node: Node, bought: Collection[str] | None = None) -> dict[str, Any]:
    """Everything earned here, from documents and chain as they are now: what `wire.Earnings` says.

    `bought` are grants that the chain is known to have seen paid; without it, it is asked for each.
    """
    grants = _sold(node, bought)
    rows = models(node)
    sold = sum(row["price_units"] for row in grants)
    claimable = sum(row["claimable_units"] for row in rows)
    claimed = sum(row["claimed_units"] for row in rows)
    return {
        "account": node.account,
        "balance_units": node.balance_units(),
        "grants": grants,
        "models": rows,
        "sold_units": sold,
        "claimable_units": claimable,
        "claimed_units": claimed,
        "earned_units": sold + claimable + claimed,
        "lost_units": sum(row["units"] for row in lost(node)),
    }


def models(node: Node, only: str = "") -> list[dict[str, Any]]:
    """Models this account has a part in, or one of them; the chain is asked once for all."""
    held = [one for one in holdings(node) if only in ("", one.asset.id)]
    if not held:
        return []
    pools = [("Revenue", "poolOf", (one.pool,)) for one in held]
    claimed = [("Revenue", "claimed", (one.pool, node.account)) for one in held]
    answers = node.chain.read_many([*pools, *claimed, *(_claim(node, one) for one in held if one.shares)])
    left = iter(answers[2 * len(held) :])
    return [
        _model_row(node, one, pool, int(taken), int(next(left)) if one.shares else 0)
        for one, pool, taken in zip(held, answers, answers[len(held) :], strict=False)
    ]


def claimable_units(node: Node) -> int:
    """What could be collected now; the chain is asked once."""
    asked = [_claim(node, one) for one in holdings(node) if one.shares]
    return sum(map(int, node.chain.read_many(asked))) if asked else 0


def claim(node: Node, asset_id: str | None = None) -> dict[str, Any]:
    """Collect from every pool, or one model's, that owes this account something. Safe to repeat.

    Raises NotFound: this account has no share in that model.
    """
    held = [item for item in holdings(node) if item.shares and asset_id in (None, item.asset.id)]
    if asset_id is not None and not held:
        raise NotFound(said("this account has no share in that model"), hint=said("Look at earnings."))
    claims = [row for row in (_claim_one(node, holding) for holding in held) if row["units"]]
    return {
        "claims": claims,
        "units": sum(row["units"] for row in claims),
        "gas": sum(row["gas"] for row in claims),
    }


def _claim_one(node: Node, holding: Holding) -> dict[str, Any]:
    if not _claimable(node, holding):
        return {"asset": holding.asset.id, "units": 0, "gas": 0}
    proof = SplitTree(shares_of(holding.release)).proof(node.account)
    before = _claimed(node, holding)
    # of no gas where somebody else sent this account's claim first: anybody may
    gas = node.send("Revenue", "claim", holding.pool, node.account, holding.shares, proof)
    return {"asset": holding.asset.id, "units": _claimed(node, holding) - before, "gas": gas}


def holdings(node: Node) -> Iterator[Holding]:
    """Models this account shares in, then those it owns without a share."""
    shared = shares(node)
    for one in shared:
        yield Holding(node.asset(one.model), node.typed(one.claim, Claim), one.shares)
    known = {one.model for one in shared}
    for model_id in released(node):
        if model_id in known:
            continue
        found = node.store.find("claim", "release", model_id, limit=1)
        if found and isinstance(found[0].document, Claim):
            release = found[0].document
            own = dict(shares_of(release)).get(node.account, 0)
            yield Holding(node.asset(model_id), release, own)


def _model_row(node: Node, holding: Holding, pool: Any, claimed: int, claimable: int) -> dict[str, Any]:
    asset, own = holding.asset, holding.asset.owner == node.account
    _, _, _, total_in, paid_out = pool
    return {
        "asset": asset.id,
        "name": asset.name,
        "owner": asset.owner,
        "own": own,
        "pool": "0x" + holding.pool.hex(),
        "shares": holding.shares,
        "total_shares": BPS,
        "revenue_units": int(total_in),
        "paid_out_units": int(paid_out),
        "held_units": int(total_in) - int(paid_out),
        "unsettled_units": held_units(node, asset.id) if own else 0,
        "claimable_units": claimable,
        "claimed_units": claimed,
    }


def _claim(node: Node, holding: Holding) -> Call:
    return ("Revenue", "claimable", (holding.pool, node.account, holding.shares))


def _claimable(node: Node, holding: Holding) -> int:
    if not holding.shares:
        return 0
    return int(node.chain.read("Revenue", "claimable", holding.pool, node.account, holding.shares))


def _claimed(node: Node, holding: Holding) -> int:
    return int(node.chain.read("Revenue", "claimed", holding.pool, node.account))


def _sold(node: Node, bought: Collection[str] | None) -> list[dict[str, Any]]:
    """Grants that were paid for, oldest first."""
    waiting = [str(row[0]) for row in node.store.rows(_PRICED.format("NOT"), _SOLD, node.account)]
    # a purchase is never undone, so the chain is asked until it says yes and then no more
    if bought is None:
        bought = purchased_among(node, listed.grants_by_id(node, waiting))
    if fresh := [one for one in waiting if one in bought]:
        with node.store.transaction() as tx:
            for grant_id in fresh:
                tx.set(_SOLD + grant_id, value=True)
    names = tuple(Sold.model_fields)
    return [
        dict(zip(names, row, strict=True)) for row in node.store.rows(_PRICED.format(""), _SOLD, node.account)
    ]

"""Long lists around grants, a page at a time: this owner's datasets, and who has access to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Asset
from freehold.features.data import finding, offering
from freehold.features.privacy import budget
from freehold.kernel import listed, selecting
from freehold.kernel.feature import Question
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.registry import everything
from freehold.kernel.selecting import Found, Selection, Sort, Wanted
from freehold.kernel.store import OFF_OFFER

_REVOKED = (
    "EXISTS (SELECT 1 FROM documents WHERE documents.about = grants.id AND documents.type = 'claim'"
    " AND documents.kind = 'revocation')"
)
_USED = "coalesce((SELECT uses.uses FROM uses WHERE uses.grant_id = grants.id), 0)"
_WITHDRAWN = f"EXISTS (SELECT 1 FROM state WHERE state.name = '{OFF_OFFER}' || assets.id)"  # noqa: S608 - fixed text
_ASKS = f"EXISTS (SELECT 1 FROM state WHERE state.name = '{offering.ASKS_FIRST}' || assets.id)"  # noqa: S608 - fixed text
STATES = {
    "offered": f"expires_at > ? AND public AND NOT {_WITHDRAWN}",
    "asks": f"expires_at > ? AND public AND NOT {_WITHDRAWN} AND {_ASKS}",
    "withdrawn": f"expires_at > ? AND {_WITHDRAWN}",
    "ended": "expires_at <= ?",
}
"""How a dataset is offered, and when that is so."""
ACCESS = {
    "active": f"NOT {_REVOKED} AND expires_at > ? AND {_USED} < max_uses",
    "used up": f"NOT {_REVOKED} AND expires_at > ? AND {_USED} >= max_uses",
    "ended": f"NOT {_REVOKED} AND expires_at <= ?",
    "revoked": f"{_REVOKED} AND issued_at <= ?",
}
"""What became of access that was given, and when that is so."""
_PEOPLE = Selection(
    f"id, holder, expires_at, max_uses, price_units, issued_at, {_USED}, {_REVOKED}",
    "grants",
    "rowid",
    sorts={"until": Sort("expires_at")},
    mentions="holder IN (SELECT account FROM parties WHERE parties.sort_name LIKE ? ESCAPE '!') OR holder LIKE ? ESCAPE '!'",
)


@dataclass(frozen=True)
class Sold(Question[Mapping[str, int] | None]):
    """What selling access brought, in units by dataset; None while nothing can say it. Asked with the host."""


def sold(host: Host) -> dict[str, int] | None:
    """Units earned by selling access, by dataset; None while the chain does not answer."""
    found = everything().ask(host, Sold())
    sums: dict[str, int] = {}
    for one in found:
        if one is None:
            return None
        sums |= one
    return sums


def datasets(host: Host, wanted: Wanted) -> Found[dict[str, Any]]:
    """Datasets of this owner, the newest first."""
    node = host.node
    chosen = listed.among_assets(node, kind="dataset", owner=node.account)
    if state := STATES.get(wanted.filter("state")):
        chosen = chosen.only(state, node.now())
    found = listed.page_of_assets(node, chosen, wanted)
    given, earned = _given(node, [asset.id for asset in found.rows]), sold(host)
    return found.map(lambda asset: row(node, asset, given.get(asset.id, (0, 0)), earned))


def row(node: Node, asset: Asset, given: tuple[int, int], earned: Mapping[str, int] | None) -> dict[str, Any]:
    """One of them: what it is, how it is offered, who may use it, what that brought."""
    active, used = given
    return {
        **finding.describe(node, asset),
        "version": asset.asset_version,
        "created_at": asset.created_at,
        "offered": offering.is_offered(node, asset.id),
        "over": asset.terms.expires_at <= node.now(),
        "spent": budget.spent(node, asset.id),
        "active": active,
        "uses": used,
        "sold_units": None if earned is None else earned.get(asset.id, 0),
    }


def given_on(node: Node, asset_id: str) -> tuple[int, int]:
    """(access that holds now, uses so far) of a dataset of this owner."""
    return _given(node, [asset_id]).get(asset_id, (0, 0))


def _given(node: Node, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    if not ids:
        return {}
    # each use is counted by the grant it was made under
    query = (
        f"SELECT asset, sum(CASE WHEN {ACCESS['active']} THEN 1 ELSE 0 END), sum({_USED}) FROM grants"  # noqa: S608
        f" WHERE issuer = ? AND asset IN ({', '.join('?' * len(ids))}) GROUP BY asset"
    )
    rows = node.store.rows(query, node.now(), node.account, *ids)
    return {str(asset): (int(active), int(used)) for asset, active, used in rows}


def people(host: Host, asset_id: str, wanted: Wanted) -> Found[dict[str, Any]]:
    """Access given to a dataset of this owner, the newest first."""
    node = host.node
    chosen = _PEOPLE.only("asset = ?", asset_id).only("issuer = ?", node.account)
    if state := ACCESS.get(wanted.filter("state")):
        chosen = chosen.only(state, node.now())
    found = selecting.page(node.store, chosen, wanted)
    known = {one.id: one for one in listed.grants_by_id(node, [str(one[0]) for one in found.rows])}
    return found.map(lambda one: _person(node, one, known[one[0]].terms.purposes))


def _person(node: Node, one: tuple[Any, ...], purposes: tuple[str, ...]) -> dict[str, Any]:
    grant, holder, expires_at, max_uses, price_units, issued_at, used, revoked = one
    found = {
        "id": grant,
        "holder": holder,
        "holder_name": name_of(node, holder),
        "purposes": purposes,
        "issued_at": issued_at,
        "expires_at": expires_at,
        "uses": used,
        "max_uses": max_uses,
        "price_units": price_units,
        "revoked": bool(revoked),
    }
    return {**found, "state": access_state(found, node.now())}


def access_state(grant: Mapping[str, Any], now: int) -> str:
    """What became of access: active, revoked, ended or used up."""
    if grant["revoked"]:
        return "revoked"
    if grant["expires_at"] <= now:
        return "ended"
    return "used up" if grant["uses"] >= grant["max_uses"] else "active"

"""My data: what is published, who may use it, what it brought, taking access back; and a dataset of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from freehold.core import epsilons
from freehold.core.documents import Asset, Grant
from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.features.data import finding, offering, schemas
from freehold.features.data.wire import Decide
from freehold.features.grants import asking, granting
from freehold.features.grants.wire import GrantRow
from freehold.features.privacy import budget
from freehold.features.privacy.rules import promises
from freehold.kernel import listed, uses
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.registry import everything
from freehold.kernel.shape import alike
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.words import require_kind

MOST_ROWS = 200
MOST_PEOPLE = 200
MOST_LINES = 10
MOST_NAMES = 4
MOST_HELD = 100


@dataclass(frozen=True)
class Sold(Question[Mapping[str, int]]):
    """What selling access brought, in units by dataset; asked with the host."""


def overview(visit: Visit) -> Response:
    """Every dataset of this owner, newest first."""
    sold = _sold(visit)
    node = visit.node
    found = listed.assets(node, kind="dataset", owner=node.account, limit=MOST_ROWS)
    rows = [_row(node, asset, _issued(node, asset), sold) for asset in found]
    more = listed.count_assets(node, kind="dataset", owner=node.account) - len(rows)
    return visit.show("data.html", rows=rows, more=more)


def _sold(visit: Visit) -> dict[str, int]:
    """Units earned by selling access, by dataset; nothing while the chain does not answer."""
    return {asset: units for one in everything().ask(visit.host, Sold()) for asset, units in one.items()}


def _issued(node: Node, asset: Asset) -> list[dict[str, Any]]:
    """Access given to a dataset, oldest first. Only the issuer revokes, so its own log knows."""
    found = []
    for grant in listed.every_grant(node, issuer=node.account, asset=asset.id):
        row = {
            **alike(GrantRow, grant.terms, grant),
            "id": grant.id,
            "uses": node.store.uses(grant.id)[0],
            "revoked": bool(node.store.find("claim", "revocation", grant.id, limit=1)),
        }
        found.append({**row, "state": _state(row, node.now())})
    return found


def _row(node: Node, asset: Asset, issued: list[dict[str, Any]], sold: dict[str, int]) -> dict[str, Any]:
    return {
        **finding.describe(node, asset),
        "version": asset.asset_version,
        "created_at": asset.created_at,
        "offered": offering.is_offered(node, asset.id),
        "over": asset.terms.expires_at <= node.now(),
        "spent": budget.spent(node, asset.id),
        "active": sum(1 for grant in issued if grant["state"] == "active"),
        "uses": sum(grant["uses"] for grant in issued),
        "sold_units": sold.get(asset.id, 0),
    }


def _state(grant: dict[str, Any], now: int) -> str:
    if grant["revoked"]:
        return "revoked"
    if grant["expires_at"] <= now:
        return "ended"
    return "used up" if grant["uses"] >= grant["max_uses"] else "active"


def dataset(visit: Visit) -> Response:
    """One dataset: terms, who has access, uses, money."""
    node, asset = visit.node, _own(visit)
    issued = _issued(node, asset)
    people = [{**grant, "holder_name": name_of(node, grant["holder"])} for grant in issued[::-1]]
    return visit.show(
        "dataset.html",
        asset=_row(node, asset, issued, _sold(visit)),
        terms=asset.terms,
        people=people[:MOST_PEOPLE],
        more=max(0, len(people) - MOST_PEOPLE),
        uses=_uses(node, asset),
        budgets=[_budget(node, line) for line in budget.overview(node, asset_id=asset.id, limit=MOST_LINES)],
        counting=promises.unit(schemas.said(asset).rows_each or 1),
        following=listed.following(node, asset),
        previous=node.asset(asset.supersedes)
        if asset.supersedes and node.store.has(asset.supersedes)
        else None,
    )


def _budget(node: Node, line: dict[str, Any]) -> dict[str, Any]:
    names = [one["name"] for one in line["assets"]]
    return {
        **line,
        "names": names[:MOST_NAMES],
        "more": max(0, len(names) - MOST_NAMES),
        "life": epsilons.text(line["epsilon_life_micro"]),
        "spent": epsilons.rough_up(line["spent_micro"]),
        "left": epsilons.rough(line["left_micro"]),
        "sentence": promises.of_line(line),
        "runs": [
            {
                **run,
                "holder_name": name_of(node, run["holder"]),
                "epsilon": epsilons.text(run["epsilon_micro"]) if run["epsilon_micro"] else "no bound",
            }
            for run in line["runs"]
        ],
    }


def _uses(node: Node, asset: Asset) -> list[dict[str, Any]]:
    """Uses of this dataset, newest first, a training run's rounds as one."""
    found = uses.rows(node, {"asset": asset.id}, MOST_LINES)
    return [{**vars(row), "who": name_of(node, row.holder)} for row in found]


def set_approval(visit: Visit) -> Response:
    """Ask first, or let the terms decide."""
    asked = Decide.of(asset=_own(visit).id, approval=visit.form.text("approval"))
    offering.decide(visit.node, asked)
    said = {
        "ask": "From now on every request waits for your decision.",
        "automatic": "From now on whoever accepts your terms gets access at once.",
    }
    return visit.go(f"/data/{asked.asset}", said[asked.approval])


def ask_withdraw(visit: Visit) -> Response:
    """What taking it off offer does."""
    return visit.show("withdraw.html", asset=_own(visit))


def withdraw(visit: Visit) -> Response:
    """Take it off offer."""
    asset = _own(visit)
    offering.change(visit.node, asset.id, offering.withdraw)
    return visit.go(
        f"/data/{asset.id}", "It is off offer. Those who have access keep it until you take it back."
    )


def offer(visit: Visit) -> Response:
    """Offer it again."""
    asset = _own(visit)
    offering.change(visit.node, asset.id, offering.offer_again)
    return visit.go(f"/data/{asset.id}", "It is on offer again.")


def ask_revoke(visit: Visit) -> Response:
    """What taking access back does and does not undo."""
    node, grant = visit.node, _grant(visit)
    row = granting.describe(node, grant)
    return visit.show(
        "revoke.html",
        grant=row,
        asset=node.asset(grant.asset),
        holder_name=name_of(node, grant.holder),
        paid=bool(row["price_units"]) and row["price_per"] == "grant",
    )


def revoke(visit: Visit) -> Response:
    """Take access back."""
    grant = _grant(visit)
    granting.revoke(visit.node, grant.id)
    who = name_of(visit.node, grant.holder)
    return visit.go(f"/data/{grant.asset}", f"{who} can no longer use it.")


def _own(visit: Visit) -> Asset:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["asset"], "asset"))
    if asset.owner != visit.node.account or asset.asset_kind != "dataset":
        raise NotFound("that is not a dataset of yours", hint="Look at My data.")
    return asset


def _grant(visit: Visit) -> Grant:
    grant = visit.node.grant(visit.node.store.resolve(visit.params["grant"], "grant"))
    if grant.issuer != visit.node.account:
        raise NotFound("that access was not given here", hint="Look at My data.")
    return grant


def item(visit: Visit) -> Response:
    """One dataset of another: terms, price, what its rows are promised; access comes with a training run."""
    node, asset = visit.node, _others(visit)
    held = [
        granting.describe(node, one)
        for one in listed.grants(node, holder=node.account, asset=asset.id, limit=MOST_HELD)
    ]
    return visit.show(
        "market_item.html",
        asset=finding.describe(node, asset),
        terms=asset.terms,
        held=held,
        asked=[row for row in asking.overview(node) if row["asset"] == asset.id],
        now=node.now(),
        allows=epsilons.text(asset.terms.epsilon_run_micro),
        in_all=epsilons.text(asset.terms.epsilon_life_micro),
        worst=promises.worst_case(asset.terms.epsilon_run_micro) if asset.terms.epsilon_run_micro else "",
    )


def _others(visit: Visit) -> Asset:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["asset"], "asset"))
    if asset.owner == visit.node.account:
        raise NotFound("that is yours", hint="Look at My data or Models.")
    require_kind(asset)
    return asset


PAGES = [
    shows("/data", overview),
    shows("/data/{asset}", dataset),
    acts(
        "/data/{asset}/approval",
        set_approval,
        needs=Power.DECIDE,
        words=said("Changed who is asked before a use"),
    ),
    shows("/data/{asset}/withdraw", ask_withdraw, needs=Power.DECIDE),
    acts("/data/{asset}/withdraw", withdraw, needs=Power.DECIDE, words=said("Took an offer back")),
    acts("/data/{asset}/offer", offer, needs=Power.DECIDE, words=said("Offered data again")),
    shows("/access/{grant}/revoke", ask_revoke, needs=Power.DECIDE),
    acts("/access/{grant}/revoke", revoke, needs=Power.DECIDE, words=said("Revoked access")),
    shows("/market/{asset}", item),
]

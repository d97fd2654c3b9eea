"""My data: what is published, who may use it, what it brought, taking access back; and a dataset of another."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core import epsilons
from freehold.core.documents import Asset, Grant
from freehold.core.errors import NotFound
from freehold.core.texts import Day, said
from freehold.features.data import finding, offering, schemas
from freehold.features.data.wire import Decide
from freehold.features.grants import asking, granting, lists
from freehold.features.privacy import budget
from freehold.features.privacy.rules import promises
from freehold.kernel import listed, uses
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.web import words
from freehold.kernel.web.formats import listed as listed_texts
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Column, Empty, Filter, Link, Listed, Table, Tag, decimal, moment
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.words import require_kind

MOST_LINES = 10
MOST_NAMES = 4
MOST_HELD = 100


STATES = (
    ("offered", said("on offer")),
    ("asks", said("asks you first")),
    ("withdrawn", said("not on offer")),
    ("ended", said("ended")),
)
ACCESS = {
    "active": Tag(said("active"), "good"),
    "revoked": Tag(said("revoked"), "bad"),
    "used up": Tag(said("used up")),
    "ended": Tag(said("ended")),
}


def _how(row: dict[str, Any]) -> Tag:
    """How a dataset is offered."""
    if row["over"]:
        return Tag(said("ended"))
    if not row["offered"]:
        return Tag(said("not on offer"))
    return Tag(said("asks you first") if row["approval"] == "ask" else said("on offer"), "good")


def _named(row: dict[str, Any]) -> Link:
    version = said("version {n}", n=row["version"]) if row["version"] > 1 else ""
    return Link(f"/data/{row['id']}", row["name"], version)


def _take_back(row: dict[str, Any]) -> object:
    if row["state"] != "active":
        return ""
    label = said("Take access back from {who}", who=row["holder_name"])
    return Link(f"/access/{row['id']}/revoke", said("Take back"), label=label)


COLUMNS = (
    Column("name", said("Name"), _named, sort=True, csv=lambda row: row["name"]),
    Column("rows", said("Rows"), sort=True, align="end"),
    Column("price", said("Price"), lambda row: price(row["price_units"]), sort=True, align="end",
           csv=lambda row: decimal(row["price_units"])),
    Column("active", said("With access"), align="end"),
    Column("uses", said("Uses"), align="end"),
    Column("sold_units", said("Sold"), "money", align="end", csv=lambda row: decimal(row["sold_units"])),
    Column("spent", said("Privacy spent"), csv=lambda row: row["spent"] and decimal(row["spent"][0])),
    Column("created", said("Published"), lambda row: Day(row["created_at"]), sort=True,
           csv=lambda row: moment(row["created_at"])),
    Column("state", said("State"), _how, csv=lambda row: _how(row).word),
)  # fmt: skip
PEOPLE = (
    Column("holder_name", said("Who"), "named"),
    Column("purposes", said("For"), lambda row: listed_texts(map(words.purpose, row["purposes"])),
           csv=lambda row: ", ".join(row["purposes"])),
    Column("uses", said("Uses"), lambda row: said("{n} of {most}", n=row["uses"], most=row["max_uses"]), align="end"),
    Column("issued_at", said("Since"), lambda row: Day(row["issued_at"]), csv=lambda row: moment(row["issued_at"])),
    Column("until", said("Until"), lambda row: Day(row["expires_at"]), sort=True,
           csv=lambda row: moment(row["expires_at"])),
    Column("state", said("State"), lambda row: ACCESS[row["state"]]),
    Column("act", said("Act"), _take_back, align="end", csv=False),
)  # fmt: skip


def price(units: int) -> object:
    """What access costs."""
    return words.money(units) if units else said("free")


def overview(visit: Visit) -> Response:
    """Every dataset of this owner, newest first."""
    listed_ = Table(
        said("My data"),
        COLUMNS,
        partial(lists.datasets, visit.host),
        search=said("Name, description or column"),
        filters=(Filter("state", said("State"), said("any"), STATES),),
        empty=Empty(
            said("You have not published anything yet"),
            said(
                "Choose a table, look at what is in it, say who may use it for what and at which price. It takes"
                " about five minutes, and nothing is sent before you say so."
            ),
            "/publish",
            said("Publish your first table"),
        ),
    )
    return visit.show("data.html", listed=listed_.shown(visit))


def people_table(visit: Visit, asset: Asset) -> Listed:
    """Who has access to one of them."""
    return Table(
        said("Who has access"),
        PEOPLE,
        partial(lists.people, visit.host, asset.id),
        search=said("Name or account"),
        filters=(
            Filter("state", said("State"), said("any"), [(key, tag.word) for key, tag in ACCESS.items()]),
        ),
        prefix="people",
    ).shown(visit)


def dataset(visit: Visit) -> Response:
    """One dataset: terms, who has access, uses, money."""
    node, asset = visit.node, _own(visit)
    return visit.show(
        "dataset.html",
        asset=lists.row(node, asset, lists.given_on(node, asset.id), lists.sold(visit.host)),
        terms=asset.terms,
        people=people_table(visit, asset),
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
        raise NotFound(said("that is not a dataset of yours"), hint=said("Look at My data."))
    return asset


def _grant(visit: Visit) -> Grant:
    grant = visit.node.grant(visit.node.store.resolve(visit.params["grant"], "grant"))
    if grant.issuer != visit.node.account:
        raise NotFound(said("that access was not given here"), hint=said("Look at My data."))
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
        raise NotFound(said("that is yours"), hint=said("Look at My data or Models."))
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

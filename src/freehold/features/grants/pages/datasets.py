"""My data: what is published, who may use it and what it brought; and who has access to one dataset."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core.documents import Asset
from freehold.core.texts import Day, Units, said
from freehold.features.grants import lists
from freehold.kernel.web import words
from freehold.kernel.web.formats import listed as listed_texts
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Bulk, Column, Empty, Filter, Link, Listed, Table, Tag, decimal, moment
from freehold.kernel.web.visit import Page, Visit, shows

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


def how(row: dict[str, Any]) -> Tag:
    """How a dataset is offered."""
    if row["over"]:
        return Tag(said("ended"))
    if not row["offered"]:
        return Tag(said("not on offer"))
    return Tag(said("asks you first") if row["approval"] == "ask" else said("on offer"), "good")


def _named(row: dict[str, Any]) -> Link:
    version = said("version {n}", n=row["version"]) if row["version"] > 1 else ""
    return Link(f"/assets/{row['id']}", row["name"], version)


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
    Column("state", said("State"), how, csv=lambda row: how(row).word),
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
)  # fmt: skip


def price(units: int) -> object:
    """What access costs."""
    return Units(units) if units else said("free")


def overview(visit: Visit) -> Response:
    """Every dataset of this owner, newest first."""
    listed_ = Table(
        said("Data"),
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
        bulk=Bulk(
            f"/assets/{asset.id}/take-back",
            (("take-back", said("Take access back…")),),
            key=lambda row: row["id"] if row["state"] == "active" else None,
            name=lambda row: row["holder_name"],
        )
        if visit.may(Power.DECIDE)
        else None,
        prefix="people",
    ).shown(visit)


PAGES: tuple[Page, ...] = (shows("/data", overview),)

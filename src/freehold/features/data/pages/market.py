"""What others offer besides models: their tables, and what a later program may know."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core.texts import Day, said
from freehold.features.data import lists
from freehold.features.identity import peers
from freehold.kernel.web.tables import Column, Empty, Filter, Link, Table, Tag, decimal, moment
from freehold.kernel.web.visit import Page, Visit, shows


def _named(row: dict[str, Any]) -> object:
    return Link(f"/assets/{row['id']}", row["name"]) if row["known"] else row["name"]


def _about(row: dict[str, Any]) -> object:
    return (
        row["label"]
        if row["known"]
        else Tag(said("{kind}: unknown to this program", kind=row["kind"]), "warn")
    )


def _access(row: dict[str, Any]) -> object:
    if not row["known"]:
        return ""
    return said("the owner decides each time") if row["approval"] == "ask" else said("at once")


COLUMNS = (
    Column("name", said("Name"), _named, sort=True, csv=lambda row: row["name"]),
    Column("owner_name", said("Of"), "named"),
    Column("about", said("About"), _about, csv=lambda row: row["label"]),
    Column("rows", said("Rows"), lambda row: row["rows"], sort=True, align="end"),
    Column("price", said("Price"), sort=True, csv=lambda row: decimal(row["price_units"])),
    Column("access", said("Access"), _access, csv=lambda row: row["approval"]),
    Column("until", said("Until"), lambda row: Day(row["expires_at"]), sort=True,
           csv=lambda row: moment(row["expires_at"])),
)  # fmt: skip


def overview(visit: Visit) -> Response:
    """Everything but models that others offer and that is known here."""
    known = peers.known(visit.node)
    listed = Table(
        said("Data on the market"),
        COLUMNS,
        partial(lists.offers, visit.host, but="model"),
        search=said("Name, description, column or owner"),
        filters=(Filter("price", said("Price"), said("any"), (("free", said("free")),)),),
        empty=nothing(known),
    )
    return visit.show("market.html", listed=listed.shown(visit), peers=known)


def nothing(known: list[str]) -> Empty:
    """Why there is nothing on the market, and what to do."""
    if known:
        return Empty(
            said("Your peers offer nothing here yet"),
            said("Look again later, or connect to another node."),
            "/market/nodes",
            said("Connect to a node"),
        )
    return Empty(
        said("You know no other node yet"),
        said("Connect to a hospital, a lab or a company that runs Freehold, and what it offers stands here."),
        "/market/nodes",
        said("Connect to a node"),
    )


PAGES: tuple[Page, ...] = (shows("/market", overview),)

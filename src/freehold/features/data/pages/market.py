"""What others offer: datasets and models of peers, their terms in words."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core.texts import Day, said
from freehold.features.data import lists
from freehold.features.identity import peers
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Column, Empty, Filter, Link, Number, Table, Tag, decimal, moment
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.words import asset_kinds

KINDS = (("dataset", said("datasets")), ("model", said("models")))


def _named(row: dict[str, Any]) -> object:
    if not row["known"]:
        return row["name"]
    place = "models" if row["kind"] == "model" else "market"
    return Link(f"/{place}/{row['id']}", row["name"])


def _kind(row: dict[str, Any]) -> object:
    known = dict(asset_kinds()).get(row["kind"])
    return (
        Tag(row["kind"]) if known else Tag(said("{kind}: unknown to this program", kind=row["kind"]), "warn")
    )


def _about(row: dict[str, Any]) -> object:
    if not row["known"]:
        return said("A later program may know what it is for.")
    if row["kind"] == "model":
        return said("how likely {label} is", label=row["label"])
    return row["label"]


def _access(row: dict[str, Any]) -> object:
    if row["kind"] != "dataset":
        return ""
    return said("the owner decides each time") if row["approval"] == "ask" else said("at once")


COLUMNS = (
    Column("name", said("Name"), _named, sort=True, csv=lambda row: row["name"]),
    Column("owner_name", said("Of"), "named"),
    Column("kind", said("Kind"), _kind),
    Column("about", said("About"), _about, csv=lambda row: row["label"]),
    Column("rows", said("Rows"), lambda row: row["rows"] if row["kind"] == "dataset" else "", sort=True, align="end"),
    Column("right", said("Right answers"), csv=lambda row: row["right_bps"] and Number(row["right_bps"] / 10_000)),
    Column("price", said("Price"), sort=True, csv=lambda row: decimal(row["price_units"])),
    Column("access", said("Access"), _access, csv=lambda row: row["approval"]),
    Column("until", said("Until"), lambda row: Day(row["expires_at"]), sort=True,
           csv=lambda row: moment(row["expires_at"])),
)  # fmt: skip


def overview(visit: Visit) -> Response:
    """Everything that others offer and that is known here."""
    known = peers.known(visit.node)
    empty = (
        Empty(
            said("Your peers offer nothing yet"),
            said("Look again later, or add another node in Settings."),
            "/settings",
            said("Add a node"),
        )
        if known
        else Empty(
            said("You know no other node yet"),
            said(
                "Add the address of a hospital, a lab or a company that runs Freehold, and what it offers stands here."
            ),
            "/settings",
            said("Add a node"),
        )
    )
    listed = Table(
        said("Market"),
        COLUMNS,
        partial(lists.offers, visit.host),
        search=said("Name, description, column or owner"),
        filters=(
            Filter("kind", said("Kind"), said("everything"), KINDS),
            Filter("price", said("Price"), said("any"), (("free", said("free")),)),
        ),
        empty=empty,
    )
    return visit.show("market.html", listed=listed.shown(visit), peers=known)


def look_again(visit: Visit) -> Response:
    """Read the peers' catalogues."""
    failed = peers.refresh(visit.host)
    if failed:
        names = ", ".join(row["url"] for row in failed[:3])
        return visit.go("/market", said("Looked everywhere; no answer from {names}.", names=names), "warn")
    return visit.go("/market", said("Looked at every peer; this is what they offer now."))


PAGES = [
    shows("/market", overview),
    acts("/market", look_again, needs=Power.LOOK, words=said("Asked other nodes what they offer")),
]

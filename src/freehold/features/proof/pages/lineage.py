"""Lineage: what a model or an answer was made from, as a picture and as a list."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup
from starlette.responses import Response

from freehold.core.ids import hash_bytes
from freehold.core.texts import Day, said
from freehold.features.proof import lineage_svg, listing, lists
from freehold.kernel import uses
from freehold.kernel.door import CONSOLE_PATH
from freehold.kernel.node import Node
from freehold.kernel.web.formats import tr
from freehold.kernel.web.tables import Column, Empty, Link, Table, moment
from freehold.kernel.web.visit import Visit, shows

COLUMNS = (
    Column("name", said("Name"), lambda row: Link(f"/assets/{row['id']}/lineage", row["name"]), sort=True,
           csv=lambda row: row["name"]),
    Column("owner_name", said("Of"), lambda row: said("you") if row["mine"] else row["owner_name"]),
    Column("created", said("Released"), lambda row: Day(row["created_at"]), sort=True,
           csv=lambda row: moment(row["created_at"])),
)  # fmt: skip


def overview(visit: Visit) -> Response:
    """Models to look at."""
    # what others offer, however many, leaves this node's own here
    own = Table(
        said("Models of yours"),
        COLUMNS,
        partial(lists.models, visit.host, mine=True),
        search=said("Name or description"),
        empty=Empty(
            said("No model yet"),
            said(
                "Once a model was trained here, or on your data, its picture stands here: from each dataset through"
                " training to every answer."
            ),
            "/models",
            said("Look at Models"),
        ),
    ).shown(visit)
    others = Table(
        said("Models of others"),
        COLUMNS,
        partial(lists.models, visit.host, mine=False),
        prefix="others",
        search=said("Name, description or owner"),
    ).shown(visit)
    found = [*own.found.rows, *others.found.rows]
    if len(found) == 1 and not (own.narrowed or others.narrowed):
        return visit.go(f"/assets/{found[0]['id']}/lineage")
    return visit.show("lineages.html", own=own, others=others)


def moved(visit: Visit) -> Response:
    """Where the picture of an asset, or the receipt of an answer, is now."""
    wanted = visit.params["document"]
    hash_bytes(wanted)
    return visit.go(f"/uses/{wanted}" if uses.one(visit.node, wanted) else f"/assets/{wanted}/lineage")


def picture(node: Node, document: str) -> Markup:
    """From the data to what was made of it, drawn."""
    found = listing.lineage(node, document)
    for one in found["nodes"]:
        one["link"] = f"{CONSOLE_PATH}/assets/{one['id']}" if node.store.has(one["id"]) else ""
        if one["kind"] == "dataset" and not node.store.has(one["id"]):
            # a buyer need not know every owner's catalogue
            one["name"] = said("A dataset not known here")
    model = next((one for one in found["nodes"] if one["kind"] == "model"), None)
    if model and any(edge["to"] == model["id"] for edge in found["edges"]):
        asset = node.asset(model["id"])
        rounds = lineage_svg.rounds(asset.schema_.get("recipe"))
        found = lineage_svg.with_rounds(found, asset.id, rounds, uses.count(node, asset.id, "infer")[0])
        for one in found["nodes"]:
            if one["id"] == "answers":
                one["link"] = f"{CONSOLE_PATH}/uses?thing={asset.id}"
    nodes = [{**one, "name": tr(one["name"]), "owner_name": tr(one["owner_name"])} for one in found["nodes"]]
    return Markup(lineage_svg.draw({**found, "nodes": nodes}, styled=False, say=tr))  # noqa: S704 - every name in it is escaped


PAGES = [shows("/lineage", overview), shows("/lineage/{document}", moved)]

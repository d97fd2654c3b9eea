"""Lineage: what a model or an answer was made from, as a picture and as a list."""

from __future__ import annotations

from functools import partial
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from freehold.core.ids import hash_bytes
from freehold.core.texts import Day, said
from freehold.features.proof import lineage_svg, listing, lists
from freehold.kernel import uses
from freehold.kernel.door import CONSOLE_PATH
from freehold.kernel.node import Node
from freehold.kernel.web.formats import tr
from freehold.kernel.web.tables import Column, Empty, Link, Table, Wanted, moment
from freehold.kernel.web.visit import Visit, shows

MOST_OTHERS = 11
"""Models named below a picture."""
COLUMNS = (
    Column("name", said("Name"), lambda row: Link(f"/lineage/{row['id']}", row["name"]), sort=True,
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
        return visit.go(f"/lineage/{found[0]['id']}")
    return visit.show("lineages.html", own=own, others=others)


def lineage(visit: Visit) -> Response:
    """One picture."""
    node = visit.node
    wanted = visit.params["document"]
    hash_bytes(wanted)
    found = _found(node, wanted)
    model = next((one for one in found["nodes"] if one["kind"] == "model"), None)
    return visit.show(
        "lineage.html",
        picture=_drawn(node, found),
        title=found["nodes"][0]["name"],
        tree=_tree(found),
        model=model,
        others=[
            one
            for one in lists.models(visit.host, Wanted(limit=MOST_OTHERS)).rows
            if not model or one["id"] != model["id"]
        ],
    )


def picture(node: Node, document: str) -> Markup:
    """From the data to what was made of it, drawn."""
    return _drawn(node, _found(node, document))


def _found(node: Node, document: str) -> dict[str, Any]:
    found = listing.lineage(node, document)
    for one in found["nodes"]:
        one["link"] = _link(node, one)
        if one["kind"] == "dataset" and not node.store.has(one["id"]):
            # a buyer need not know every owner's catalogue
            one["name"] = said("A dataset not known here")
    return found


def _drawn(node: Node, found: dict[str, Any]) -> Markup:
    shown = found
    model = next((one for one in found["nodes"] if one["kind"] == "model"), None)
    if model and any(edge["to"] == model["id"] for edge in found["edges"]):
        asset = node.asset(model["id"])
        rounds = lineage_svg.rounds(asset.schema_.get("recipe"))
        answered = any(one["kind"] == "receipt" for one in found["nodes"])
        calls = 0 if answered else uses.count(node, asset.id, "infer")[0]
        shown = lineage_svg.with_rounds(found, asset.id, rounds, calls)
        for one in shown["nodes"]:
            if one["id"] == "answers":
                one["link"] = f"{CONSOLE_PATH}/uses?thing={asset.id}"
    nodes = [{**one, "name": tr(one["name"]), "owner_name": tr(one["owner_name"])} for one in shown["nodes"]]
    return Markup(lineage_svg.draw({**shown, "nodes": nodes}, styled=False, say=tr))  # noqa: S704 - every name in it is escaped


def _link(node: Node, one: dict[str, Any]) -> str:
    if one["kind"] == "receipt":
        return f"{CONSOLE_PATH}/uses/{one['id']}"
    return f"{CONSOLE_PATH}/assets/{one['id']}" if node.store.has(one["id"]) else ""


def _tree(found: dict[str, Any]) -> dict[str, Any]:
    """The same from the end back: `{node, role, weight, from: [...]}`."""
    nodes = {one["id"]: one for one in found["nodes"]}
    into: dict[str, list[dict[str, Any]]] = {}
    for edge in found["edges"]:
        into.setdefault(edge["to"], []).append(edge)
    ends = [key for key in nodes if not any(edge["from"] == key for edge in found["edges"])]

    def branch(key: str, weight: int, depth: int) -> dict[str, Any]:
        edges = sorted(into.get(key, []), key=lambda edge: -int(edge["weight"])) if depth < 16 else []
        below = [
            branch(edge["from"], int(edge["weight"]), depth + 1) for edge in edges if edge["from"] in nodes
        ]
        return {"node": nodes[key], "weight": weight, "below": below}

    return branch(ends[0] if ends else next(iter(nodes)), 10_000, 0)


PAGES = [shows("/lineage", overview), shows("/lineage/{document}", lineage)]

"""What every asset's page says of its uses, of where it came from and what came of it, and of what proves it."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

from freehold.core.documents import Asset
from freehold.core.ids import prefix_range
from freehold.core.texts import Day, said
from freehold.features.proof.pages import lineage
from freehold.features.proof.pages.uses import noun
from freehold.kernel import listed, logbook, uses
from freehold.kernel.evidence.parts import part_about
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, thing_name
from freehold.kernel.selecting import Found, Wanted
from freehold.kernel.web.formats import tr
from freehold.kernel.web.places import Hit, Section
from freehold.kernel.web.tables import Column, Empty, Table, moment
from freehold.kernel.web.visit import Visit
from freehold.kernel.web.words import capitalise, named

_BEGINNING = re.compile(r"0x[0-9a-f]{4,64}")
MOST_MODELS = 200
"""The newest of this node, and of others, that are looked through for what an asset is part of."""


def _uses(visit: Visit, asset: Asset) -> dict[str, Any]:
    """Who used it, a run of like uses as one."""
    table = Table(
        said("Who used it"),
        (
            Column(
                "who", said("Who"), lambda row: named(capitalise(row["who"]), 50), csv=lambda row: row["who"]
            ),
            Column("did", said("What"), lambda row: capitalise(row["did"]), csv=lambda row: tr(row["did"])),
            Column("times", said("Uses"), csv=lambda row: row["run"].times, align="end"),
            Column("at", said("Last"), "when", sort=True, csv=lambda row: moment(row["at"])),
        ),
        partial(_runs, visit.node, asset.id),
        empty=Empty(said("No use yet. Each one will stand here, signed by both sides.")),
        sort="-at",
    )
    return {"listed": table.shown(visit), "receipts": uses.total(visit.node, asset.id)[0]}


def _runs(node: Node, asset: str, wanted: Wanted) -> Found[dict[str, Any]]:
    """A page of them."""
    found = uses.listed(node, replace(wanted, filters={"thing": asset}), together=True)
    runs = uses.runs(node, ((use.grant, use.action) for use in found.rows))
    return found.map(
        lambda use: {
            "who": name_of(node, use.holder),
            "did": noun(use.action),
            "at": use.issued_at,
            "run": runs[use.grant, use.action],
        }
    )


def _lineage(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What it was made from, and what was made of it."""
    node = visit.node
    made = [
        {**listed.shown(node, one), "share_bps": source.weight, "calls": uses.count(node, one.id, "infer")[0]}
        for one in listed.made_of(node, asset.id, MOST_MODELS)
        for source in one.derived_from
        if source.asset == asset.id
    ]
    drawn = asset if asset.derived_from else next((node.asset(one["id"]) for one in made), None)
    return {
        "made": made,
        "from": [_source(node, one.asset, one.weight) for one in asset.derived_from],
        "drawn": drawn and drawn.name,
        "picture": lineage.picture(node, drawn.id) if drawn else "",
    }


def _source(node: Node, asset_id: str, share_bps: int) -> dict[str, Any]:
    known = node.asset(asset_id) if node.store.has(asset_id) else None
    return {
        "id": asset_id,
        "name": named(known.name, 60) if known else said("A dataset not known here"),
        "owner": name_of(node, known.owner) if known else "",
        "mine": known is not None and known.owner == node.account,
        "known": known is not None,
        "share_bps": share_bps,
    }


def _proof(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What shows that it is what its owner said, and since when."""
    node = visit.node
    envelope, position = node.store.get(asset.id), node.store.position(asset.id)
    anchored = logbook.anchored_if_known(node)
    newest = replace(uses.NEWEST_FIRST, filters={"thing": asset.id}, limit=1, counted=False)
    found = uses.listed(node, newest).rows
    return {
        "position": None if position is None else position + 1,
        "anchored": anchored,
        "vouched": position is not None and anchored is not None and position < anchored,
        "signatures": [
            {
                "who": name_of(node, one.signer),
                "mine": one.signer == node.account,
                "by": one.signer,
                "signature": one.signature,
            }
            for one in envelope.signatures
        ],
        "newest": found[0].id if found else "",
        "answers": bool(found) and found[0].action == "infer",
        "repeats": part_about(asset) is not None,
        "recipe": asset.schema_.get("recipe") if isinstance(asset.schema_.get("recipe"), dict) else None,
        "run": asset.schema_.get("run"),
    }


def search(visit: Visit, words: tuple[str, ...], most: int) -> list[Hit]:
    """Receipts by the first digits of their ids."""
    node = visit.node
    if len(words) != 1 or not _BEGINNING.fullmatch(words[0]):
        return []
    # the type is written so that no index of types is taken, which would go through all receipts
    query = "SELECT id FROM documents WHERE id >= ? AND id < ? AND type || '' = 'receipt' ORDER BY id LIMIT ?"
    found = [uses.one(node, str(row[0])) for row in node.store.rows(query, *prefix_range(words[0]), most)]
    return [
        Hit(
            said("A use of {what}", what=thing_name(node, use.asset)),
            said("Receipt"),
            f"/uses/{use.id}",
            said("{day}", day=Day(use.issued_at)),
        )
        for use in found
        if use
    ]


SECTIONS = (
    Section((), "uses", "asset_uses.html", _uses, 10),
    Section((), "lineage", "asset_lineage.html", _lineage, 10),
    Section((), "proof", "asset_proof.html", _proof, 10),
)

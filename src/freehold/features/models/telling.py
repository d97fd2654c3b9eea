"""What a seller tells of its models beside their signed descriptions: which it answers for now, and whose data made each.

A description names datasets with their shares; whose those are is the seller's word until the evidence of an answer
proves it. Parts that do not fit the shares of the description are not kept.
"""

from __future__ import annotations

import re
from typing import Any

from freehold.core.documents import Asset
from freehold.features.data.catalogue import OfferForgotten
from freehold.features.identity.peers import CatalogueRead
from freehold.features.models import kept, shown
from freehold.features.models.releasing import releases_of, shares_of
from freehold.kernel import listed
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.store import UNSOLD

MADE_BY = "made_by:"
"""How names in `state` begin that say of another's model whose data made it."""
MOST_MODELS = 1_000
MOST_PARTS = 2_000
"""Parts of all models together that one seller tells."""
MOST_NAME = 100
_ACCOUNT = re.compile(r"0x[0-9a-f]{40}")


def said(node: Node) -> dict[str, Any]:
    """Its part of `/catalogue`."""
    selling = [one for one in kept.released(node) if shown.is_on_sale(node, one)]
    made_by: dict[str, list[list[object]]] = {}
    left = MOST_PARTS
    for model in selling:
        found = releases_of(node, node.asset(model))
        parts = shares_of(found[0]) if found else []
        if parts and len(parts) <= left:
            left -= len(parts)
            made_by[model] = [[one, known_as(node, one)[:MOST_NAME], share] for one, share in parts]
    return {"selling": selling[:MOST_MODELS], "made_by": made_by}


def keep(node: Node, read: CatalogueRead) -> None:
    """Keep what a seller tells of its models; one that tells nothing answers for all."""
    if read.account == node.account or not isinstance(read.answer, dict):
        return
    selling, made_by = read.answer.get("selling"), read.answer.get("made_by")
    models = listed.assets(node, kind="model", owner=read.account)
    with node.store.transaction() as tx:
        for asset in models:
            unsold = isinstance(selling, list) and asset.id not in selling[:MOST_MODELS]
            if unsold != bool(node.store.state(UNSOLD + asset.id)):
                tx.set(UNSOLD + asset.id, value=True) if unsold else tx.delete(UNSOLD + asset.id)
            parts = _parts(asset, made_by.get(asset.id)) if isinstance(made_by, dict) else []
            if parts and parts != node.store.state(MADE_BY + asset.id):
                tx.set(MADE_BY + asset.id, parts)


def forget(_: Node, gone: OfferForgotten) -> None:
    """What was told of an offer goes with it."""
    gone.tx.delete(UNSOLD + gone.asset)
    gone.tx.delete(MADE_BY + gone.asset)


def makers(node: Node, asset: Asset) -> list[dict[str, Any]]:
    """Whose data made another's model, as its seller told it, the largest share first; nothing where it did not."""
    rows = [
        {
            "account": account,
            "name": known[1] if (known := node.store.party(account)) else name,
            "share_bps": share,
        }
        for account, name, share in node.store.state(MADE_BY + asset.id, [])
    ]
    return sorted(rows, key=lambda row: -int(row["share_bps"]))


def is_sold(node: Node, asset: Asset) -> bool:
    """Whether its seller, when last heard, answered for another's model."""
    return not node.store.state(UNSOLD + asset.id)


def _parts(asset: Asset, told: Any) -> list[list[object]]:
    """Parts that are readable and have the very shares of the signed description."""
    if not isinstance(told, list) or len(told) > len(asset.derived_from):
        return []
    found: list[list[object]] = []
    for one in told:
        match one:
            case [str(account), str(name), int(share)] if _ACCOUNT.fullmatch(account):
                # a seller that does not know a name tells the account instead
                unknown = not name.isprintable() or account.startswith(name)
                found.append([account, "" if unknown else name[:MOST_NAME], share])
            case _:
                return []
    signed = sorted(source.weight for source in asset.derived_from if source.weight)
    return found if sorted(part[2] for part in found) == signed else []  # type: ignore[type-var]

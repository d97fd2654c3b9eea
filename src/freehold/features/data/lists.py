"""What others offer as a long list, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Asset
from freehold.features.data import finding
from freehold.kernel import listed
from freehold.kernel.feature import Question
from freehold.kernel.host import Host
from freehold.kernel.registry import everything
from freehold.kernel.selecting import Found, Wanted
from freehold.kernel.words import asset_kinds


@dataclass(frozen=True)
class RightAnswers(Question[int | None]):
    """How many of ten thousand test rows a model answers right, as its owner says; None of anything else."""

    asset: Asset


def offers(host: Host, wanted: Wanted, *, kind: str = "", but: str = "") -> Found[dict[str, Any]]:
    """What others offer and can still be had, the newest first: of a kind, or of any but one."""
    node = host.node
    chosen = listed.among_assets(
        node, others=True, offered=True, sold=True, valid_at=node.now(), kind=kind, but=but
    )
    if wanted.filter("price") == "free":
        chosen = chosen.only("price_units = 0")
    found = listed.page_of_assets(node, chosen, wanted).map(
        lambda asset: {
            **finding.describe(node, asset),
            "created_at": asset.created_at,
            "owners": len(asset.derived_from),
            "known": asset.asset_kind in asset_kinds(),
            "right_bps": next(
                (one for one in everything().ask(node, RightAnswers(asset)) if one is not None), None
            ),
        }
    )
    dearest: dict[str, int] = {}
    for row in found.rows:
        dearest[row["kind"]] = max(dearest.get(row["kind"], 0), row["price_units"])
    return found.map(lambda row: {**row, "dearest_units": dearest[row["kind"]]})

"""What a model's page says of it: how good it is, whose data made it, what it earned and how that is split."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import Unavailable
from freehold.core.texts import Day, Epsilon, Share, Text, Units, said
from freehold.features.data import offering
from freehold.features.models import releasing, shown, telling
from freehold.features.models.rules import worth
from freehold.features.models.rules.worth import PPM
from freehold.features.privacy.rules import promises
from freehold.kernel import uses
from freehold.kernel.host import Host
from freehold.kernel.listed import Standing, Stands
from freehold.kernel.node import Node
from freehold.kernel.web.places import Figure, Head, HeadFacts, Link, Section
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit
from freehold.kernel.web.words import money

MOST_COLUMNS = 40
KINDS = ("model",)


def quality(asset: Asset) -> dict[str, Any] | None:
    """How good it is on the opened test rows, beside what anybody reaches without it, as people read it."""
    scores = shown.metrics(asset)
    if not scores:
        return None
    right, majority = scores["correct"], scores["majority_correct"]
    return {
        **worth.shares(scores),
        "interval": said("{low} to {high}", **_ends(map(Share, scores["accuracy_bps"]))),
        "auc": round(Decimal(scores["auc_ppm"]) / PPM, 3),
        "auc_interval": said(
            "{low} to {high}", **_ends(round(Decimal(end) / 10_000, 2) for end in scores["auc_bps"])
        ),
        "auc_words": said(
            "Of two test rows, one with the label and one without, it gives the right one the higher likelihood {n} times in 100.",
            n=round(scores["auc_ppm"] * 100 / PPM),
        ),
        "calibration": round(Decimal(scores["calibration_ppm"]) / 10_000, 1),
        "better": right > majority,
    }


def _ends(found: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(("low", "high"), found, strict=True))


def _head(visit: Visit, asset: Asset) -> HeadFacts:
    node, mine = visit.node, asset.owner == visit.node.account
    found, good = shown.described(node, asset), quality(asset)
    calls, units = uses.count(node, asset.id, "infer")
    label, day = found["label"] or said("what it was trained for"), Day(asset.created_at)
    price = said("Price of a row") if found["per"] == "row" else said("Price of an answer")
    counted = said("Answers sold") if mine else said("Answers you bought")
    return HeadFacts(
        lead=said("Says how likely {label} is. Made on {day}.", label=label, day=day),
        tags=(_sale(node, asset, serving=found["serving"], mine=mine),),
        action=_action(visit, asset, serving=found["serving"], mine=mine),
        figures=(
            Figure(said("Right answers"), good and good["right"], _beside(good)),
            Figure(said("Whose data made it"), _owners(len(asset.derived_from)), _first(node, asset, found)),
            Figure(price, money(found["price_units"])),
            Figure(counted, said("{n}", n=calls), said("{sum} in all", sum=Units(units)) if calls else ""),
        ),
    )


def standing(host: Host, asked: Stands) -> dict[str, Standing]:
    """How this node's models stand, and what was paid for their answers."""
    node = host.node
    return {
        asset.id: Standing(
            _sale(node, asset, serving=shown.is_on_sale(node, asset.id), mine=True),
            uses.count(node, asset.id, "infer")[1],
        )
        for asset in asked.assets
        if asset.asset_kind in KINDS
    }


def _sale(node: Node, asset: Asset, *, serving: bool, mine: bool) -> tuple[Text, str]:
    if mine:
        return (said("on sale"), "good") if serving else (said("not on sale"), "")
    if not telling.is_sold(node, asset):
        return said("not on sale now"), ""
    gone = offering.is_withdrawn(node, asset.id) or asset.terms.expires_at <= node.now()
    return (said("no longer on sale"), "") if gone else (said("on sale"), "good")


def _action(visit: Visit, asset: Asset, *, serving: bool, mine: bool) -> Link | None:
    if mine and not serving:
        return Link(f"/assets/{asset.id}/serve", said("Put on sale")) if visit.may(Power.DECIDE) else None
    return Link(f"/assets/{asset.id}#answer", said("Try it")) if visit.may(Power.PAY) else None


def _beside(good: dict[str, Any] | None) -> Text:
    if good is None:
        return said("its description has no scores that can be read")
    return said("always the commoner answer: {majority}", majority=good["majority"])


def _owners(number: int) -> Text | None:
    return said.many("{n} owner", "{n} owners", n=number) if number else None


def _first(node: Node, asset: Asset, found: dict[str, Any]) -> Text | str:
    parts = found.get("contribution") or telling.makers(node, asset)
    one = max(parts, key=lambda part: int(part["share_bps"]), default=None)
    if one is None or not one["name"]:
        return ""
    share = Share(one["share_bps"])
    if one["account"] == node.account:
        return said("most from you: {share}", share=share)
    return said("most from {who}: {share}", who=one["name"], share=share)


def _quality(visit: Visit, asset: Asset) -> dict[str, Any]:
    """Its scores, and what its run cost the rows."""
    found = shown.described(visit.node, asset)
    return {"scores": quality(asset), "privacy": _privacy(found.get("privacy"))}


def _privacy(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """What its run cost the rows, in a number and in a sentence."""
    if not found:
        return None
    noised = found["level"] == "noised"
    return {
        "noised": noised,
        "epsilon": Epsilon(found["epsilon_micro"]) if noised else said("no bound"),
        "delta_exponent": found["delta_exponent"],
        "sentence": promises.of_use(found),
        "counting": promises.EPSILON,
    }


def _people(visit: Visit, asset: Asset) -> dict[str, Any]:
    """Whose data made it, with the share of each."""
    node = visit.node
    found = shown.described(node, asset)
    right = (found["metrics"] or {}).get("correct")
    return {
        "people": people(found, node.account, right),
        "by_rows": worth.is_by_rows(found.get("contribution", [])),
        "rows_alone": worth.ROWS_ALONE,
        "makers": telling.makers(node, asset),
        "without": sum(1 for one in asset.derived_from if not one.weight),
        "sources": shown.sources(node, asset),
    }


def people(found: dict[str, Any], account: str, right: int | None) -> list[dict[str, Any]]:
    """Who contributed how much, largest share first."""
    rows = [
        {
            **one,
            "you": one["account"] == account,
            "error_bps": one["error_ppm"] // 100,
            "error": said("± {n} points", n=round(Decimal(one["error_ppm"]) / 10_000, 1))
            if one["error_ppm"]
            else "",
            "changes": _changes(one["without_correct"], right),
        }
        for one in found.get("contribution", [])
    ]
    return sorted(rows, key=lambda row: -int(row["share_bps"]))


def _changes(without: int | None, right: int | None) -> Text | str:
    """What leaving one owner out would change; empty where it is not known here."""
    if without is None or right is None:
        return ""
    number = abs(without - right)
    if not number:
        return said("without it about as many right answers")
    if without > right:
        return said.many(
            "without it about {n} right answer more", "without it about {n} right answers more", n=number
        )
    return said.many(
        "without it about {n} right answer fewer", "without it about {n} right answers fewer", n=number
    )


def _about(visit: Visit, asset: Asset) -> dict[str, Any]:
    found = shown.described(visit.node, asset)
    columns = found["columns"] or []
    usual = releasing.words_for(str(found["label"]), len(asset.derived_from))
    return {
        **found,
        # signed in English by this program; where it says just that, its reader has it in another language
        "description": usual if asset.description == usual else asset.description,
        "earlier_runs": len(found.get("earlier_runs", [])),
        "columns": columns[:MOST_COLUMNS],
        "scores": quality(asset),
    }


def _money(visit: Visit, asset: Asset) -> dict[str, Any] | None:
    """What its pool took in, and how that is split; None of it where its release is not known here."""
    node = visit.node
    found = shown.described(node, asset)
    if not found.get("contribution"):
        return None
    try:
        pool, away = shown.pool(node, asset), False
    except Unavailable:
        pool, away = None, True
    rows = people(found, node.account, None)
    into = pool["in_units"] if pool else None
    split = [{**one, "units": None if into is None else into * one["share_bps"] // 10_000} for one in rows]
    return {"pool": pool, "away": away, "split": split}


HEAD = Head(KINDS, _head)
SECTIONS = (
    Section(KINDS, "", "model_quality.html", _quality, 10),
    Section(KINDS, "", "model_people.html", _people, 20),
    Section(KINDS, "", "model_about.html", _about, 40),
    Section(KINDS, "money", "model_money.html", _money, 10),
)

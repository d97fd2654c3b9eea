"""Who may use a dataset: how its page begins, its Access, and taking access back."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.documents import Asset, Grant
from freehold.core.errors import FreeholdError, InvalidInput, NotFound
from freehold.core.texts import Day, Text, said
from freehold.features.data import finding, offering, schemas
from freehold.features.grants import asking, granting, lists, requests
from freehold.features.grants.pages import datasets
from freehold.features.grants.pages.requests import say_failed
from freehold.kernel import listed
from freehold.kernel.host import Host
from freehold.kernel.listed import Standing, Stands
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, thing_name
from freehold.kernel.selecting import like
from freehold.kernel.web.places import Figure, Head, HeadFacts, Hit, Link, Section
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Page, Visit, acts, shows
from freehold.kernel.web.words import money, problem

MOST_PEOPLE = 50
"""Of one page of them."""
MOST_HELD = 100
KINDS = ("dataset",)


def _head(visit: Visit, asset: Asset) -> HeadFacts:
    return _own_head(visit, asset) if asset.owner == visit.node.account else _others_head(visit, asset)


def standing(host: Host, asked: Stands) -> dict[str, Standing]:
    """How this node's datasets stand."""
    node, sold = host.node, lists.sold(host)
    return {
        asset.id: Standing(
            _offer(
                {
                    "over": asset.terms.expires_at <= node.now(),
                    "offered": offering.is_offered(node, asset.id),
                    "approval": offering.approval_of(node, asset.id),
                },
                replaced=listed.following(node, asset) is not None,
            ),
            None if sold is None else sold.get(asset.id, 0),
        )
        for asset in asked.assets
        if asset.asset_kind in KINDS
    }


def _own_head(visit: Visit, asset: Asset) -> HeadFacts:
    node = visit.node
    row = lists.row(node, asset, lists.given_on(node, asset.id), lists.sold(visit.host))
    new = Link(f"/publish?replaces={asset.id}", said("New version")) if visit.may(Power.DECIDE) else None
    following = listed.following(node, asset)
    sold, rows = row["sold_units"], schemas.said(asset).rows
    return HeadFacts(
        lead=_published(asset),
        tags=(_offer(row, replaced=following is not None),),
        action=None if following else new,
        figures=(
            Figure(said("With access now"), said("{n}", n=row["active"])),
            Figure(said("Uses so far"), said("{n}", n=row["uses"])),
            Figure(said("Sold access for"), None if sold is None else money(sold)),
            Figure(said("Rows"), None if rows is None else said("{n}", n=rows)),
        ),
    )


def _published(asset: Asset) -> Text:
    day = Day(asset.created_at)
    if asset.asset_version > 1:
        return said("Version {version}, published on {day}.", version=asset.asset_version, day=day)
    return said("Published on {day}.", day=day)


def _offer(row: dict[str, Any], *, replaced: bool) -> tuple[str, str]:
    """In a word, whether new people get access, and how."""
    if replaced:
        return said("replaced by a newer version"), ""
    tag = datasets.how(row)
    return tag.word, tag.mood


def _others_head(visit: Visit, asset: Asset) -> HeadFacts:
    row, now = finding.describe(visit.node, asset), visit.node.now()
    over = asset.terms.expires_at <= now or offering.is_withdrawn(visit.node, asset.id)
    asks, price = row["approval"] == "ask", asset.terms.price_units
    rows = row["rows"]
    train = Link(f"/train?with={asset.id}", said("Train with it"))
    return HeadFacts(
        lead=said(
            "A table about {label}, published on {day}.", label=row["label"], day=Day(asset.created_at)
        ),
        tags=((said("no longer on offer"), "") if over else (said("on offer"), "good"),),
        action=train if visit.may(Power.PAY) and not over else None,
        figures=(
            Figure(said("Price of access"), money(price) if price else said("free")),
            Figure(said("Rows"), None if rows is None else said("{n}", n=rows)),
            Figure(said("Who decides"), said("its owner") if asks else said("automatic")),
            Figure(said("On offer until"), said("{day}", day=Day(asset.terms.expires_at))),
        ),
    )


def _people(visit: Visit, asset: Asset) -> dict[str, Any]:
    """Who has access, and who had."""
    node = visit.node
    return {
        "listed": datasets.people_table(visit, asset),
        "offered": offering.is_offered(node, asset.id) and asset.terms.expires_at > node.now(),
    }


def _asking(visit: Visit, asset: Asset) -> dict[str, Any] | None:
    """Requests on it that wait."""
    rows = requests.about(visit.node, asset.id, MOST_PEOPLE)
    return {"rows": rows} if rows else None


def _held(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What this node may do with another's dataset, and asked for."""
    node = visit.node
    found = listed.grants(node, holder=node.account, asset=asset.id, limit=MOST_HELD)
    return {
        "held": [granting.describe(node, one) for one in found],
        "asked": asking.about(node, asset.id, MOST_HELD),
        "now": node.now(),
        "asks": offering.approval_of(node, asset.id) == "ask",
    }


def ask_revoke(visit: Visit) -> Response:
    """What taking access back does and does not undo."""
    grant = _grant(visit.node, visit.params["grant"])
    return _ask_all(visit, [grant], f"/access/{grant.id}/revoke")


def _ask_all(visit: Visit, grants: list[Grant], act: str) -> Response:
    node = visit.node
    rows = [
        {**granting.describe(node, grant), "holder_name": name_of(node, grant.holder)} for grant in grants
    ]
    paid = sum(row["price_units"] for row in rows if row["price_per"] == "grant")
    return visit.show(
        "revoke.html",
        rows=[row for row in rows if not row["revoked"]],
        asset=node.asset(grants[0].asset),
        act=act,
        paid_units=paid,
    )


def revoke(visit: Visit) -> Response:
    """Take access back."""
    grant = _grant(visit.node, visit.params["grant"])
    granting.revoke(visit.node, grant.id)
    who = name_of(visit.node, grant.holder)
    return visit.go(f"/assets/{grant.asset}/access", said("{who} can no longer use it.", who=who))


def revoke_chosen(visit: Visit) -> Response:
    """Take access back from those that are ticked, once that was confirmed."""
    node, asset = visit.node, visit.node.store.resolve(visit.params["asset"], "asset")
    chosen = visit.form.chosen("chosen")[:MOST_PEOPLE]
    grants = [grant for one in chosen if (grant := _grant(node, one)).asset == asset]
    if not grants:
        raise InvalidInput(said("nobody was chosen"), hint=said("Tick those whose access you take back."))
    if visit.form.text("sure") != "yes":
        return _ask_all(visit, grants, f"/assets/{asset}/take-back")
    failed: list[Text] = []
    for grant in grants:
        try:
            granting.revoke(node, grant.id)
        except FreeholdError as error:
            # what troubles one keeps none of the others
            failed.append(said("{who}: {why}", who=name_of(node, grant.holder), why=problem(error)))
    say_failed(visit, failed)
    if len(failed) == len(grants):
        return visit.go(f"/assets/{asset}/access", done=False)
    done = said.many(
        "{n} party can no longer use it.", "{n} parties can no longer use it.", n=len(grants) - len(failed)
    )
    return visit.go(f"/assets/{asset}/access", done)


def _grant(node: Node, text: str) -> Grant:
    grant = node.grant(node.store.resolve(text, "grant"))
    if grant.issuer != node.account:
        raise NotFound(said("that access was not given here"), hint=said("Look at Assets."))
    return grant


def search(visit: Visit, words: tuple[str, ...], most: int) -> list[Hit]:
    """Access that was given, by its holder's name."""
    node = visit.node
    where = " AND ".join("sort_name LIKE ? ESCAPE '!'" for _ in words)
    parties = node.store.rows(
        f"SELECT account, name FROM parties WHERE {where} LIMIT ?",  # noqa: S608 - one condition for each word
        *(f"%{like(word)}%" for word in words),
        most,
    )
    found = [
        Hit(name, said("Access"), f"/assets/{grant.asset}/access", thing_name(node, grant.asset))
        for account, name in parties
        for grant in listed.grants(node, issuer=node.account, holder=account, limit=most)
    ]
    return found[:most]


HEAD = Head(KINDS, _head)
SECTIONS = (
    Section(KINDS, "access", "dataset_asking.html", _asking, 10, "own"),
    Section(KINDS, "access", "dataset_people.html", _people, 20, "own"),
    Section(KINDS, "access", "dataset_held.html", _held, 10, "others"),
)
PAGES: tuple[Page, ...] = (
    shows("/access/{grant}/revoke", ask_revoke, needs=Power.DECIDE),
    acts("/access/{grant}/revoke", revoke, needs=Power.DECIDE, words=said("Revoked access")),
    acts(
        "/assets/{asset}/take-back",
        revoke_chosen,
        needs=Power.DECIDE,
        words=said("Revoked access of several"),
    ),
)

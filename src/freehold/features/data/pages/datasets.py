"""What a dataset's page says of it, own or another's: what it is, its terms, its privacy budget; and what its owner changes."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core import epsilons
from freehold.core.documents import Asset, Terms
from freehold.core.errors import NotFound
from freehold.core.texts import Day, Epsilon, Text, Units, said
from freehold.features.data import finding, offering, schemas
from freehold.features.data.wire import Decide
from freehold.features.privacy import budget
from freehold.features.privacy.rules import promises
from freehold.kernel import listed
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.web.places import Section
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Page, Undo, Visit, acts, moved, shows

MOST_COLUMNS = 40
MOST_LINES = 10
MOST_NAMES = 4
KINDS = ("dataset",)


def _terms(visit: Visit, asset: Asset) -> dict[str, Any]:
    """On what terms it may be used, in a sentence and one by one."""
    node, terms = visit.node, asset.terms
    return {
        "sentence": sentence(terms, asks=offering.approval_of(node, asset.id) == "ask"),
        "terms": terms,
        "uses": said.many("{n} time by each party", "{n} times by each party", n=terms.max_uses),
        "worst": promises.worst_case(terms.epsilon_run_micro) if terms.epsilon_run_micro else "",
    }


def sentence(terms: Terms, *, asks: bool) -> Text:
    """Who may use it, for how much and until when."""
    values = {"price": Units(terms.price_units), "day": Day(terms.expires_at)}
    if asks and terms.price_units:
        return said(
            "Its owner decides each time; whoever is accepted pays {price} for access until {day}.", **values
        )
    if asks:
        return said("Its owner decides each time; access is free, until {day}.", **values)
    if terms.price_units:
        return said("Whoever pays {price} has access at once, until {day}.", **values)
    return said("Whoever accepts the terms has access at once and free, until {day}.", **values)


def _about(visit: Visit, asset: Asset) -> dict[str, Any]:
    node, shown = visit.node, finding.describe(visit.node, asset)
    columns = shown["columns"] or []
    before = asset.supersedes
    return {
        **shown,
        "columns": columns[:MOST_COLUMNS],
        "more": said.many(
            "and {n} more column", "and {n} more columns", n=max(0, len(columns) - MOST_COLUMNS)
        )
        if len(columns) > MOST_COLUMNS
        else "",
        "previous": node.asset(before) if before and node.store.has(before) else None,
        "following": listed.following(node, asset),
    }


def _privacy(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What training may tell about its rows: what was spent of its budget, and on whom."""
    lines = budget.overview(visit.node, asset_id=asset.id, limit=MOST_LINES)
    return {
        "lines": [_line(visit.node, line) for line in lines],
        "counting": promises.unit(schemas.said(asset).rows_each or 1),
    }


def _line(node: Node, line: dict[str, Any]) -> dict[str, Any]:
    names = [one["name"] for one in line["assets"]]
    return {
        **line,
        "names": names[:MOST_NAMES],
        "more": max(0, len(names) - MOST_NAMES),
        "life": Epsilon(line["epsilon_life_micro"]),
        "spent": Epsilon(epsilons.up(line["spent_micro"])),
        "left": Epsilon(epsilons.down(line["left_micro"])),
        "sentence": promises.of_line(line),
        "runs": [
            {
                **run,
                "holder_name": name_of(node, run["holder"]),
                "epsilon": Epsilon(run["epsilon_micro"]) if run["epsilon_micro"] else said("no bound"),
            }
            for run in line["runs"]
        ],
    }


def _settings(visit: Visit, asset: Asset) -> dict[str, Any]:
    """What its owner may change, and whether it still can."""
    node = visit.node
    return {
        "asks": offering.approval_of(node, asset.id) == "ask",
        "offered": offering.is_offered(node, asset.id),
        "over": asset.terms.expires_at <= node.now(),
        "following": listed.following(node, asset),
    }


def set_approval(visit: Visit) -> Response:
    """Ask first, or let the terms decide."""
    asked = Decide.of(asset=_own(visit).id, approval=visit.form.text("approval"))
    before = {"approval": offering.approval_of(visit.node, asked.asset)}
    visit.require_last(before)
    offering.decide(visit.node, asked)
    done = {
        "ask": said("From now on every request waits for your decision."),
        "automatic": said("From now on whoever accepts your terms gets access at once."),
    }
    undo = Undo(f"/assets/{asked.asset}/approval", fields=before, after={"approval": asked.approval})
    return visit.go(f"/assets/{asked.asset}/settings", done[asked.approval], undo=undo)


def ask_withdraw(visit: Visit) -> Response:
    """What taking it off offer does."""
    return visit.show("withdraw.html", asset=_own(visit))


def withdraw(visit: Visit) -> Response:
    """Take it off offer."""
    asset = _own(visit)
    offering.change(visit.node, asset.id, offering.withdraw)
    done = said("It is off offer. Those who have access keep it until you take it back.")
    return visit.go(f"/assets/{asset.id}/settings", done, undo=Undo(f"/assets/{asset.id}/offer"))


def offer(visit: Visit) -> Response:
    """Offer it again."""
    asset = _own(visit)
    offering.change(visit.node, asset.id, offering.offer_again)
    undo = Undo(f"/assets/{asset.id}/withdraw")
    return visit.go(f"/assets/{asset.id}/settings", said("It is on offer again."), undo=undo)


def _own(visit: Visit) -> Asset:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["asset"], "asset"))
    if asset.owner != visit.node.account or asset.asset_kind not in KINDS:
        raise NotFound(said("that is not a dataset of yours"), hint=said("Look at Assets."))
    return asset


SECTIONS = (
    Section(KINDS, "", "dataset_terms.html", _terms, 10),
    Section(KINDS, "", "dataset_privacy.html", _privacy, 20, "own"),
    Section(KINDS, "", "dataset_about.html", _about, 30),
    Section(KINDS, "settings", "dataset_settings.html", _settings, 10, "own"),
)
PAGES: tuple[Page, ...] = (
    moved("/data/{asset}", "/assets/{asset}"),
    moved("/data/{asset}/withdraw", "/assets/{asset}/withdraw"),
    moved("/market/{asset}", "/assets/{asset}"),
    acts(
        "/assets/{asset}/approval",
        set_approval,
        needs=Power.DECIDE,
        words=said("Changed who is asked before a use"),
    ),
    shows("/assets/{asset}/withdraw", ask_withdraw, needs=Power.DECIDE),
    acts("/assets/{asset}/withdraw", withdraw, needs=Power.DECIDE, words=said("Took an offer back")),
    acts("/assets/{asset}/offer", offer, needs=Power.DECIDE, words=said("Offered data again")),
)

"""Requests: what others ask of me, what I asked of others, and deciding both."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core import epsilons
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.texts import Epsilon, Text, said
from freehold.core.times import whole_days
from freehold.features.data.wire import MOST_DAYS
from freehold.features.grants import asking, consent, granting, requests, wire
from freehold.features.privacy.rules import promises
from freehold.kernel import listed
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.web import paying
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Column, Link, Table, Tag, moment
from freehold.kernel.web.typed import amount
from freehold.kernel.web.visit import Answered, Visit, acts, shows
from freehold.kernel.web.words import named, problem

OPEN = ("waiting", "countered")
INBOX = "/inbox"
MOST = 100
"""Requests of one page, and that one form decides."""
MOST_ASKED = 50
"""Of what this node asked for, shown at once."""
MOST_SAID = 3
"""Of what could not be decided, so many are said one by one."""


STATES = {
    "accepted": Tag(said("accepted"), "good"),
    "refused": Tag(said("refused"), "bad"),
    "countered": Tag(said("your offer is out"), "warn"),
}


def waiting(visit: Visit) -> dict[str, Any] | None:
    """What the inbox shows to be decided; None where there is nothing."""
    found = requests.waiting(visit.node, MOST)
    more = max(0, requests.count_waiting(visit.node) - len(found))
    return {"waiting": found, "more": more} if found else None


def lately(visit: Visit) -> dict[str, Any] | None:
    """What I asked for, and what was decided; None where there is nothing."""
    node = visit.node
    asked = asking.newest(node, MOST_ASKED)
    decided = Table(
        said("Decided lately"),
        (
            Column("holder_name", said("Who"), lambda row: named(row["holder_name"], 50)),
            Column(
                "asset_name",
                said("What"),
                lambda row: Link(f"/requests/{row['id']}", row["asset_name"]),
                csv=lambda row: row["asset_name"],
            ),
            Column("asked_at", said("Asked"), "when", csv=lambda row: moment(row["asked_at"])),
            Column(
                "state",
                said("State"),
                lambda row: STATES[row["state"]],
                csv=lambda row: STATES[row["state"]].word,
            ),
        ),
        partial(requests.decided, node),
        prefix="decided",
    ).shown(visit)
    if not (asked or decided.found.rows):
        return None
    return {
        "decided": decided,
        "asked": asked,
        "more_asked": max(0, asking.count_open(node) - len(asked)),
    }


def decide_all(visit: Visit) -> Response:
    """Accept or refuse those that were ticked, each by itself; what could not be done is said for each."""
    chosen, form, node = visit.form.chosen("request")[:MOST], visit.form, visit.node
    if not chosen:
        return visit.go(INBOX, said("Nothing was ticked."), "warn")
    reason, accepting = form.text("reason", 300), form.text("decision") == "accept"
    failed: list[Text] = []
    for request_id in chosen:
        try:
            if accepting:
                consent.accept(node, request_id, "waiting")
            else:
                consent.refuse(node, request_id, reason, "waiting")
        except FreeholdError as error:
            row = requests.read(node, request_id) or {"holder_name": "—"}
            failed.append(said("{who}: {why}", who=row["holder_name"], why=problem(error)))
    done = len(chosen) - len(failed)
    say_failed(visit, failed)
    if not done:
        return visit.go(INBOX, done=False)
    if accepting:
        return visit.go(INBOX, said.many("{n} request was accepted.", "{n} requests were accepted.", n=done))
    return visit.go(INBOX, said.many("{n} request was refused.", "{n} requests were refused.", n=done))


def say_failed(visit: Visit, failed: list[Text]) -> None:
    """Say of what was ticked and could not be done why, of the first ones by themselves."""
    more = len(failed) - MOST_SAID
    if more > 0:
        failed = [
            *failed[:MOST_SAID],
            said.many("And {n} more could not be decided.", "And {n} more could not be decided.", n=more),
        ]
    for why in failed:
        visit.session.say(why, "bad")


def request(visit: Visit, error: FreeholdError | None = None) -> Response:
    """One request in plain words, and what can be done about it."""
    row, asset = _row(visit)
    form, node = visit.form, visit.node
    before = listed.count_grants(node, issuer=node.account, holder=row["holder"])
    days = whole_days(row["expires_at"] - visit.node.now())
    typed = {
        "price": form.text("price", 40) or amount(row["price_units"]),
        "max_uses": form.text("max_uses", 40) or str(row["max_uses"]),
        "days": form.text("days", 40) or str(days),
        "note": form.text("note"),
        "reason": form.text("reason"),
    }
    return visit.show(
        "request.html",
        error=error,
        row=row,
        asset=asset,
        days=days,
        typed=typed,
        before=before,
        run=_run(visit.node, row),
        open=row["state"] in OPEN,
    )


def _run(node: Node, row: dict[str, Any]) -> dict[str, Any] | None:
    """The plan of a training run in words: who else takes part, what it costs, what is left then."""
    plan = row["training"]
    if plan is None:
        return None
    noised = plan["level"] == "noised"
    return {
        **plan,
        "noised": noised,
        "epsilon": Epsilon(plan["epsilon_micro"]),
        "sentence": promises.of_use(plan, rows_each=plan["rows_each"]),
        "counting": promises.EPSILON,
        "left": Epsilon(epsilons.down(plan["left_micro"])),
        **_others(node, plan["owners"]),
        "judged_by": name_of(node, plan["judge"]) if plan["judge"] else "",
        "keeper": "" if plan["test_holder"] == row["holder"] else _known(node, plan["test_holder"]),
    }


def _others(node: Node, owners: list[dict[str, Any]]) -> dict[str, Any]:
    """Those whom this node has met by name, the rest by their number."""
    others = [one for one in owners if one["account"] != node.account]
    known = [one for one in others if one["name"] != one["account"][:10]]
    strangers = [one for one in others if one not in known]
    return {
        "others": known,
        "strangers": len(strangers),
        "strangers_rows": sum(one["rows"] for one in strangers),
    }


def _known(node: Node, account: str) -> str:
    name = name_of(node, account)
    return said("a party not known here") if name == account[:10] else name


def accept(visit: Visit) -> Response:
    """Give access as asked."""
    row, _ = _row(visit)
    consent.accept(visit.node, row["id"])
    return visit.go(f"/assets/{row['asset']}/access", said("{who} now has access.", who=row["holder_name"]))


def counter(visit: Visit) -> Response:
    """Offer other terms."""
    row, asset = _row(visit)
    form = visit.form
    try:
        # a run makes as many uses as its plan says
        uses = (
            None
            if row["training"]
            else form.number("max_uses", said("The number of uses"), 1, asset.terms.max_uses)
        )
        days = form.number("days", said("The number of days"), 1, MOST_DAYS)
        known = whole_days(row["expires_at"] - visit.node.now())
        asked = wire.CounterRequest.of(
            request_id=row["id"],
            price_units=form.money("price", "0"),
            max_uses=uses,
            days=None if days == known else days,
            note=form.text("note"),
        )
        consent.counter(visit.node, asked)
    except FreeholdError as error:
        return request(visit, error)
    return visit.go(INBOX, said("Your offer is on its way to {who}.", who=row["holder_name"]))


def refuse(visit: Visit) -> Response:
    """Say no, with a reason."""
    row, _ = _row(visit)
    try:
        consent.refuse(visit.node, row["id"], visit.form.text("reason"))
    except FreeholdError as error:
        return request(visit, error)
    return visit.go(INBOX, said("Refused. {who} may ask again in a day.", who=row["holder_name"]))


def asked(visit: Visit) -> Response:
    """A request of mine: what its owner said, and what can be done."""
    row = _asked(visit)
    if row["state"] in ("countered", "agreed"):
        return visit.go(f"/asked/{row['id']}/{'take' if row['offer'] else 'pay'}")
    return visit.show("asked.html", row=row)


def ask_take(visit: Visit) -> Response:
    """What taking up an owner's offer costs."""
    row = _asked(visit)
    if not row["offer"]:
        raise NotFound(said("there is no offer for that request"), hint=said("Look at the inbox."))
    return visit.show(
        "take.html",
        row=row,
        offer=row["offer"],
        balance_units=visit.node.balance_units(),
        pay=paying.shown(
            visit.node, row["offer"]["total_units"] if row["offer"]["price_per"] == "grant" else 0
        ),
    )


def take(visit: Visit) -> Response:
    """Take up the offer and pay."""
    row = _asked(visit)
    granting.take(visit.host, row["id"], paying.agreed(visit), offer=visit.form.text("offer", 66))
    return visit.go(INBOX, said("You have access to {what}.", what=row["asset_name"]))


def ask_pay(visit: Visit) -> Response:
    """What access costs that its owner agreed to."""
    row = _asked(visit)
    asset = visit.node.asset(row["asset"])
    return visit.show(
        "pay_access.html",
        row=row,
        terms=asset.terms,
        balance_units=visit.node.balance_units(),
        pay=paying.shown(visit.node, row["price_units"]),
    )


def pay(visit: Visit) -> Response:
    """Pay for it."""
    row = _asked(visit)
    granting.buy(visit.host, row["id"], paying.agreed(visit))
    return visit.go(INBOX, said("You have access to {what}.", what=row["asset_name"]))


def ask_anew(visit: Visit) -> Response:
    """Ask its owner now."""
    key, _ = asking.find(visit.node, _asked(visit)["id"])
    try:
        granting.ask_again(visit.host, key)
    except (asking.GrantWaiting, asking.GrantCountered, consent.GrantRefused) as answer:
        return visit.go(INBOX, answer.said, "warn", done=True)
    return visit.go(INBOX, said("The owner agreed."))


def drop(visit: Visit) -> Response:
    """Forget a request of mine."""
    row = _asked(visit)
    granting.drop(visit.host, row["id"])
    return visit.go(INBOX, said("The request is dropped."))


def _asked(visit: Visit) -> dict[str, Any]:
    return _open(visit, asking.one(visit.node, visit.params["request"]))


def _row(visit: Visit) -> tuple[dict[str, Any], Asset]:
    record = requests.read(visit.node, visit.params["request"])
    found = _open(visit, record and requests.row(visit.node, record))
    return found, visit.node.asset(found["asset"])


def _open(visit: Visit, found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        # whoever goes back to a page of before is told what became of it
        raise Answered(
            visit.go(
                INBOX, said("That request is no longer open: it lapsed, was dropped, or is paid."), "warn"
            )
        )
    return found


PAGES = [
    acts("/requests", decide_all, needs=Power.DECIDE, words=said("Decided several requests"), back=INBOX),
    shows("/requests/{request}", request),
    acts("/requests/{request}/accept", accept, needs=Power.DECIDE, words=said("Accepted a request")),
    acts(
        "/requests/{request}/counter",
        counter,
        needs=Power.DECIDE,
        words=said("Answered a request with other terms"),
    ),
    acts("/requests/{request}/refuse", refuse, needs=Power.DECIDE, words=said("Refused a request")),
    shows("/asked/{request}", asked),
    shows("/asked/{request}/take", ask_take, needs=Power.PAY),
    acts("/asked/{request}/take", take, needs=Power.PAY, words=said("Took an offer")),
    shows("/asked/{request}/pay", ask_pay, needs=Power.PAY),
    acts("/asked/{request}/pay", pay, needs=Power.PAY, words=said("Paid for access")),
    acts("/asked/{request}/again", ask_anew, needs=Power.PAY, words=said("Asked an owner again"), back=INBOX),
    acts("/asked/{request}/drop", drop, needs=Power.PAY, words=said("Dropped a request")),
]

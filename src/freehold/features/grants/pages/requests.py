"""Requests: what others ask of me, what I asked of others, and deciding both."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core import epsilons
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.texts import said
from freehold.core.times import whole_days
from freehold.features.data.wire import MOST_DAYS
from freehold.features.grants import asking, consent, granting, requests, wire
from freehold.features.privacy.rules import promises
from freehold.kernel import listed
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.web import paying
from freehold.kernel.web.powers import Power
from freehold.kernel.web.typed import amount
from freehold.kernel.web.visit import Visit, acts, shows

OPEN = ("waiting", "countered")
MOST = 100


def overview(visit: Visit) -> Response:
    """What waits, what was decided, what I asked for."""
    rows = requests.overview(visit.node)
    waiting = [row for row in rows if row["state"] == "waiting"]
    return visit.show(
        "requests.html",
        waiting_rows=waiting[:MOST],
        more=max(0, len(waiting) - MOST),
        others=[row for row in rows[::-1] if row["state"] != "waiting"][:50],
        asked=asking.overview(visit.node),
    )


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
        "epsilon": epsilons.text(plan["epsilon_micro"]),
        "sentence": promises.of_use(plan, rows_each=plan["rows_each"]),
        "counting": promises.EPSILON,
        "left": epsilons.rough(plan["left_micro"]),
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
    return "a party not known here" if name == account[:10] else name


def accept(visit: Visit) -> Response:
    """Give access as asked."""
    row, _ = _row(visit)
    consent.accept(visit.node, row["id"])
    return visit.go(f"/data/{row['asset']}", f"{row['holder_name']} now has access.")


def counter(visit: Visit) -> Response:
    """Offer other terms."""
    row, asset = _row(visit)
    form = visit.form
    try:
        # a run makes as many uses as its plan says
        uses = (
            None
            if row["training"]
            else form.number("max_uses", "The number of uses", 1, asset.terms.max_uses)
        )
        days = form.number("days", "The number of days", 1, MOST_DAYS)
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
    return visit.go("/requests", f"Your offer is on its way to {row['holder_name']}.")


def refuse(visit: Visit) -> Response:
    """Say no, with a reason."""
    row, _ = _row(visit)
    try:
        consent.refuse(visit.node, row["id"], visit.form.text("reason"))
    except FreeholdError as error:
        return request(visit, error)
    return visit.go("/requests", f"Refused. {row['holder_name']} may ask again in a day.")


def ask_take(visit: Visit) -> Response:
    """What taking up an owner's offer costs."""
    row = _asked(visit)
    if not row["offer"]:
        raise NotFound(said("there is no offer for that request"), hint=said("Look at Requests."))
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
    return visit.go("/requests", f"You have access to {row['asset_name']}.")


def drop(visit: Visit) -> Response:
    """Forget a request of mine."""
    row = _asked(visit)
    granting.drop(visit.host, row["id"])
    return visit.go("/requests", "The request is dropped.")


def _asked(visit: Visit) -> dict[str, Any]:
    return _named(visit, asking.overview(visit.node), "Look at Requests.")


def _row(visit: Visit) -> tuple[dict[str, Any], Asset]:
    found = _named(visit, requests.overview(visit.node), "It lapsed, or whoever asked dropped it.")
    return found, visit.node.asset(found["asset"])


def _named(visit: Visit, rows: list[dict[str, Any]], hint: str) -> dict[str, Any]:
    found = next((row for row in rows if row["id"] == visit.params["request"]), None)
    if found is None:
        raise NotFound(said("that request is no longer open"), hint=hint)
    return found


PAGES = [
    shows("/requests", overview),
    shows("/requests/{request}", request),
    acts("/requests/{request}/accept", accept, needs=Power.DECIDE, words=said("Accepted a request")),
    acts(
        "/requests/{request}/counter",
        counter,
        needs=Power.DECIDE,
        words=said("Answered a request with other terms"),
    ),
    acts("/requests/{request}/refuse", refuse, needs=Power.DECIDE, words=said("Refused a request")),
    shows("/asked/{request}/take", ask_take, needs=Power.PAY),
    acts("/asked/{request}/take", take, needs=Power.PAY, words=said("Took an offer")),
    acts("/asked/{request}/drop", drop, needs=Power.PAY, words=said("Dropped a request")),
]

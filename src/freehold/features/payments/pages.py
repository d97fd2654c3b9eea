"""What was bought, what is set aside for more, and what may be spent."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.errors import NotFound, Unavailable
from freehold.core.texts import Units, said
from freehold.core.times import DAY_SECONDS
from freehold.features.payments import books, closing, settling
from freehold.features.payments.books import Line
from freehold.kernel import ceiling, listed, uses
from freehold.kernel.keeping import purse
from freehold.kernel.node import Node
from freehold.kernel.rights.standing import purchased_among
from freehold.kernel.selecting import Found, Selection, Sort, Wanted, page
from freehold.kernel.web import charts
from freehold.kernel.web.charts import Chart
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Empty, Listed
from freehold.kernel.web.typed import amount
from freehold.kernel.web.visit import Undo, Visit, acts, shows

DAYS = 30
YEAR_SECONDS = 365 * DAY_SECONDS
ANSWER, ACCESS = said("answer bought"), said("access bought")


def spending(visit: Visit) -> Response:
    """What was bought: answers, and access to data."""
    node = visit.node
    today, limits = node.now() // DAY_SECONDS, ceiling.overview(node)
    days = uses.spent_by_day(node, (today - DAYS + 1) * DAY_SECONDS)
    spent_units = sum(units for *_, units in days)
    answers = books.listed(
        visit,
        said("Answers bought"),
        lambda wanted: page(node.store, _answers(node), wanted).map(lambda row: _answer(node, row)),
        Empty(
            said("No answer was bought yet"),
            said("Ask a model of somebody else, and each answer that you pay for stands here."),
            "/market",
            said("Look at the market"),
        ),
    )
    return visit.show(
        "spending.html",
        limits=limits,
        by_day=Chart(
            said("Paid for answers, by day"),
            said("In the last {n} days", n=DAYS),
            charts.by_day([(day, units) for day, _, units in days], today, DAYS),
            "bars",
            Units(spent_units),
        ),
        spent_units=spent_units,
        answers=sum(count for _, count, _ in days),
        months=books.by_month(_by_month(node)),
        listed=answers,
        bought=_bought(visit),
        days=DAYS,
    )


def _answers(node: Node) -> Selection:
    """Receipts of what this party paid for."""
    return Selection(
        "id, issued_at, asset, provider, units",
        "receipts",
        "position",
        ("holder = ?", "provider <> ?", "units > 0"),
        (node.account, node.account),
        {"at": Sort("issued_at"), "units": Sort("units")},
    )


def _answer(node: Node, row: tuple[Any, ...]) -> Line:
    receipt, at, asset, provider, units = row
    name, where = books.thing(node, asset)
    return Line(at, name, where, ANSWER, books.party(node, provider), units, receipt)


def _by_month(node: Node) -> list[tuple[int, int]]:
    return [
        (day * DAY_SECONDS, units) for day, _, units in uses.spent_by_day(node, node.now() - YEAR_SECONDS)
    ]


def _bought(visit: Visit) -> Listed:
    """Access to data of others."""
    node = visit.node
    return books.listed(
        visit,
        said("Access bought"),
        lambda wanted: _priced(node, wanted),
        Empty(said("You have no access to data of others yet")),
        prefix="access",
    )


def _priced(node: Node, wanted: Wanted) -> Found[Line]:
    """Grants of others that have a price; the chain is asked about one page of them."""
    chosen = Selection(
        "id",
        "grants",
        "rowid",
        ("holder = ?", "issuer <> ?", "price_units > 0"),
        (node.account, node.account),
        {"at": Sort("issued_at"), "units": Sort("price_units")},
    )
    found = page(node.store, chosen, wanted)
    grants = listed.grants_by_id(node, [str(row[0]) for row in found.rows])
    paid = purchased_among(node, grants)
    return found.of(
        [
            Line(
                grant.issued_at,
                *books.thing(node, grant.asset),
                ACCESS,
                books.party(node, grant.issuer),
                grant.terms.price_units if grant.id in paid else 0,
                grant.id,
            )
            for grant in grants
        ]
    )


def set_aside(visit: Visit) -> Response:
    """Channels: money put aside for answers to come, and payments to this node that wait."""
    node = visit.node
    channels: list[dict[str, Any]] | None
    try:
        channels = [
            {
                **row,
                "name": books.thing(node, row["model"])[0],
                "provider_name": books.party(node, row["provider"]),
            }
            for row in closing.overview(node)
        ]
    except Unavailable:
        channels = None
    return visit.show(
        "set_aside.html",
        channels=channels,
        held_units=None if channels is None else sum(row["free_units"] for row in channels),
        stopped=[row for row in settling.waiting(node) if row["state"] == "quarantined"],
        now=node.now(),
    )


def limits(visit: Visit) -> Response:
    """What may be spent, and what network fees took."""
    node = visit.node
    found = ceiling.overview(node)
    return visit.show(
        "limits.html",
        limits=found,
        per_act=amount(found["spend_per_act_micro"]),
        per_day=amount(found["spend_per_day_micro"]),
        gas=purse.day(node),
        now=node.now(),
    )


def limit(visit: Visit) -> Response:
    """Set what may be spent, from now on."""
    before = _as_typed(visit.node)
    visit.require_last(before)
    ceiling.limit(
        visit.node,
        spend_per_act_micro=visit.form.money("per_act", "0"),
        spend_per_day_micro=visit.form.money("per_day", "0"),
    )
    undo = Undo("/limits", fields=before, after=_as_typed(visit.node))
    return visit.go("/limits", said("Saved. The limits count from now on."), undo=undo)


def _as_typed(node: Node) -> dict[str, str]:
    found = ceiling.overview(node)
    return {name: amount(found[f"spend_{name}_micro"]) for name in ("per_act", "per_day")}


def _channel(visit: Visit, rows: list[dict[str, Any]], missing: str) -> dict[str, Any]:
    found = next((row for row in rows if row["channel"] == visit.params["channel"]), None)
    if found is None:
        raise NotFound(missing, hint=said("Look at Money, Set aside."))
    return found


def _own(visit: Visit) -> dict[str, Any]:
    return _channel(visit, closing.overview(visit.node), said("there is no such channel"))


def ask_close(visit: Visit) -> Response:
    """What closing a channel does and does not undo."""
    row = _own(visit)
    return visit.show(
        "channel.html", row=row, model=books.thing(visit.node, row["model"])[0], now=visit.node.now()
    )


def close(visit: Visit) -> Response:
    """Close it, or take the rest back."""
    row = _own(visit)
    done = closing.close(visit.host, row["channel"])
    if done["withdrawn_units"]:
        return visit.go(
            "/channels", said("{sum} are back in your wallet.", sum=Units(done["withdrawn_units"]))
        )
    return visit.go("/channels", said("The channel is closing. Come back in a day to take the rest."))


def ask_retry(visit: Visit) -> Response:
    """What trying a failed payment once more may cost."""
    missing = said("there is nothing to collect from that channel")
    return visit.show("retry.html", row=_channel(visit, settling.waiting(visit.node), missing))


def retry(visit: Visit) -> Response:
    """Send it once more, by hand."""
    done = settling.retry(visit.node, visit.params["channel"])
    return visit.go("/channels", said("{sum} were collected.", sum=Units(done["units"])))


PAGES = [
    shows("/spending", spending),
    shows("/channels", set_aside),
    shows("/limits", limits),
    acts("/limits", limit, words=said("Changed the limits of spending"), back="/limits"),
    shows("/channels/{channel}/close", ask_close, needs=Power.PAY),
    acts(
        "/channels/{channel}/close",
        close,
        needs=Power.PAY,
        words=said("Closed a channel"),
        back="/channels",
    ),
    shows("/channels/{channel}/retry", ask_retry, needs=Power.PAY),
    acts(
        "/channels/{channel}/retry",
        retry,
        needs=Power.PAY,
        words=said("Sent a failed payment again"),
        back="/channels",
    ),
]

"""Spending: what was bought, what may be spent, and channels that are open or wait to be collected."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.errors import FreeholdError, NotFound, Unavailable
from freehold.core.money import dollars
from freehold.core.texts import Units, said
from freehold.core.times import DAY_SECONDS
from freehold.features.payments import closing, settling
from freehold.kernel import ceiling, listed, uses
from freehold.kernel.keeping import purse
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, thing_name
from freehold.kernel.rights.standing import purchased_among
from freehold.kernel.web import charts
from freehold.kernel.web.charts import Chart
from freehold.kernel.web.powers import Power
from freehold.kernel.web.typed import amount
from freehold.kernel.web.visit import Visit, acts, shows

DAYS = 30
MOST_BOUGHT = 50


def spending(visit: Visit) -> Response:
    """What was bought, and channels that are open."""
    node = visit.node
    today, limits = node.now() // DAY_SECONDS, ceiling.overview(node)
    days = uses.spent_by_day(node, (today - DAYS + 1) * DAY_SECONDS)
    try:
        channels: list[dict[str, Any]] | None = [
            {**row, "name": thing_name(node, row["model"]), "provider_name": name_of(node, row["provider"])}
            for row in closing.overview(visit.node)
        ]
    except Unavailable:
        channels = None
    return visit.show(
        "spending.html",
        channels=channels,
        limits=limits,
        per_act=amount(limits["spend_per_act_micro"]),
        per_day=amount(limits["spend_per_day_micro"]),
        gas=purse.day(node),
        stopped=[row for row in settling.waiting(node) if row["state"] == "quarantined"],
        by_day=Chart(
            said("Paid for answers, by day"),
            said("In the last {n} days", n=DAYS),
            charts.by_day([(day, units) for day, _, _, units in days], today, DAYS),
            "bars",
            Units(sum(units for *_, units in days)),
        ),
        spent_units=sum(units for *_, units in days),
        answers=sum(count for _, _, count, _ in days),
        bought=_bought(node),
        days=DAYS,
        now=node.now(),
    )


def limit(visit: Visit) -> Response:
    """Set what may be spent, from now on."""
    ceiling.limit(
        visit.node,
        spend_per_act_micro=visit.form.money("per_act", "0"),
        spend_per_day_micro=visit.form.money("per_day", "0"),
    )
    return visit.go("/spending", "Saved. The limits count from now on.")


def _bought(node: Node) -> list[dict[str, Any]]:
    found = listed.grants(node, holder=node.account, sold=True, limit=MOST_BOUGHT)
    paid = purchased_among(node, found)
    return [
        {
            "at": grant.issued_at,
            "name": thing_name(node, grant.asset),
            "asset": grant.asset,
            "owner": name_of(node, grant.issuer),
            "units": grant.terms.price_units if grant.id in paid else 0,
        }
        for grant in found
        if grant.issuer != node.account
    ]


def _channel(visit: Visit, rows: list[dict[str, Any]], missing: str) -> dict[str, Any]:
    found = next((row for row in rows if row["channel"] == visit.params["channel"]), None)
    if found is None:
        raise NotFound(missing, hint="Look at Spending.")
    return found


def _own(visit: Visit) -> dict[str, Any]:
    return _channel(visit, closing.overview(visit.node), "there is no such channel")


def ask_close(visit: Visit) -> Response:
    """What closing a channel does and does not undo."""
    row = _own(visit)
    return visit.show(
        "channel.html", row=row, model=thing_name(visit.node, row["model"]), now=visit.node.now()
    )


def close(visit: Visit) -> Response:
    """Close it, or take the rest back."""
    row = _own(visit)
    try:
        done = closing.close(visit.host, row["channel"])
    except FreeholdError as error:
        return visit.go("/spending", error.said, "bad")
    if done["withdrawn_units"]:
        return visit.go("/spending", f"{dollars(done['withdrawn_units'])} are back in your wallet.")
    return visit.go("/spending", "The channel is closing. Come back in a day to take the rest.")


def ask_retry(visit: Visit) -> Response:
    """What trying a failed payment once more may cost."""
    missing = "there is nothing to collect from that channel"
    return visit.show("retry.html", row=_channel(visit, settling.waiting(visit.node), missing))


def retry(visit: Visit) -> Response:
    """Send it once more, by hand."""
    done = settling.retry(visit.node, visit.params["channel"])
    return visit.go("/spending", f"{dollars(done['units'])} were collected.")


PAGES = [
    shows("/spending", spending),
    acts("/spending/limits", limit, words=said("Changed the limits of spending"), back="/spending"),
    shows("/channels/{channel}/close", ask_close, needs=Power.PAY),
    acts("/channels/{channel}/close", close, needs=Power.PAY, words=said("Closed a channel")),
    shows("/channels/{channel}/retry", ask_retry, needs=Power.PAY),
    acts(
        "/channels/{channel}/retry",
        retry,
        needs=Power.PAY,
        words=said("Sent a failed payment again"),
        back="/spending",
    ),
]

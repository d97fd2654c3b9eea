"""Earnings: what came in, by what and when; what can be claimed; what was spent, and channels still open."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from freehold.core import money
from freehold.core.errors import FreeholdError, NotFound, Unavailable
from freehold.core.money import dollars
from freehold.features.earnings import earning
from freehold.features.earnings.ledger import Ledger, Move
from freehold.features.payments import closing, settling
from freehold.features.payments.spending import overview as paid_from
from freehold.kernel import ceiling, uses
from freehold.kernel.keeping import purse
from freehold.kernel.node import Node
from freehold.kernel.rights.standing import is_purchased
from freehold.kernel.web.charts import Point
from freehold.kernel.web.people import name_of, thing_name
from freehold.kernel.web.visit import Visit, acts, shows

DAYS = 30
_DAY_SECONDS = 86_400
MOST_CLAIMS = 50


def overview(visit: Visit) -> Response:
    """What came in."""
    node = visit.node
    try:
        found = earning.overview(node)
        moves = visit.host.part(Ledger).moves()
    except Unavailable as error:
        return visit.show("earnings.html", 503, away=error)
    today = node.now() // _DAY_SECONDS
    earned = [move for move in moves if move.kind != "claim"]
    recent = [move for move in earned if move.at // _DAY_SECONDS > today - DAYS]
    return visit.show(
        "earnings.html",
        away=None,
        found=found,
        recent_units=sum(move.units for move in recent),
        over_time=_running(earned, today),
        by_day=_by_day([(move.at // _DAY_SECONDS, move.units) for move in recent], today),
        by_thing=_by_thing(node, found),
        claims=_claims(node, moves),
        days=DAYS,
        first_day=(today - DAYS + 1) * _DAY_SECONDS,
        last_day=today * _DAY_SECONDS,
    )


def _running(earned: list[Move], today: int) -> list[Point]:
    """Earned in all, at the end of each of the last days."""
    per_day: dict[int, int] = defaultdict(int)
    for move in earned:
        per_day[move.at // _DAY_SECONDS] += move.units
    total = sum(units for day, units in per_day.items() if day <= today - DAYS)
    points = []
    for day in range(today - DAYS + 1, today + 1):
        total += per_day.get(day, 0)
        points.append((_label(day), total, dollars(total)))
    return points


def _by_day(amounts: list[tuple[int, int]], today: int) -> list[Point]:
    sums: dict[int, int] = defaultdict(int)
    for day, units in amounts:
        sums[day] += units
    return [(_label(day), sums[day], dollars(sums[day])) for day in range(today - DAYS + 1, today + 1)]


def _label(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_SECONDS, UTC).strftime("%-d %b")


def _by_thing(node: Node, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Datasets whose access was sold and models shared in, the largest first."""
    sold: dict[str, dict[str, Any]] = {}
    for row in found["grants"]:
        one = sold.setdefault(
            row["asset"],
            {"id": row["asset"], "name": row["asset_name"], "kind": "data", "units": 0, "note": 0},
        )
        one["units"] += row["price_units"]
        one["note"] += 1
    shared = [
        {
            "id": row["asset"],
            "name": row["name"],
            "kind": "models",
            "units": row["claimable_units"] + row["claimed_units"],
            "claimable_units": row["claimable_units"],
            "unsettled_units": row["unsettled_units"],
            "share_bps": row["shares"],
            "owner": name_of(node, row["owner"]),
        }
        for row in found["models"]
    ]
    return sorted([*sold.values(), *shared], key=lambda row: -int(row["units"]))


def _claims(node: Node, moves: list[Move]) -> list[dict[str, Any]]:
    found = [move for move in moves if move.kind == "claim"][-MOST_CLAIMS:]
    return [{"move": move, "name": thing_name(node, move.asset)} for move in found[::-1]]


def ask_claim(visit: Visit) -> Response:
    """What claiming does."""
    found = earning.overview(visit.node)
    pools = [row for row in found["models"] if row["claimable_units"]]
    return visit.show("claim.html", units=found["claimable_units"], pools=pools)


def claim(visit: Visit) -> Response:
    """Move what can be claimed into the wallet."""
    done = earning.claim(visit.node)
    if not done["units"]:
        return visit.go("/earnings", "There was nothing to claim.", "warn")
    return visit.go("/earnings", f"{dollars(done['units'])} moved to your wallet.")


def spending(visit: Visit) -> Response:
    """What was bought, and channels that are open."""
    node = visit.node
    today, limits = node.now() // _DAY_SECONDS, ceiling.overview(node)
    days = uses.spent_by_day(node, (today - DAYS + 1) * _DAY_SECONDS)
    try:
        channels: list[dict[str, Any]] | None = [
            {**row, "name": thing_name(node, row["model"]), "provider_name": name_of(node, row["provider"])}
            for row in paid_from(visit.node)
        ]
    except Unavailable:
        channels = None
    return visit.show(
        "spending.html",
        channels=channels,
        limits=limits,
        per_act=_typed(limits["spend_per_act_micro"]),
        per_day=_typed(limits["spend_per_day_micro"]),
        gas=purse.day(node),
        stopped=[row for row in settling.waiting(node) if row["state"] == "quarantined"],
        by_day=_by_day([(day, units) for day, _, _, units in days], today),
        spent_units=sum(units for *_, units in days),
        answers=sum(count for _, _, count, _ in days),
        bought=_bought(node),
        days=DAYS,
        now=node.now(),
        first_day=(today - DAYS + 1) * _DAY_SECONDS,
        last_day=today * _DAY_SECONDS,
    )


def _typed(amount_units: int) -> str:
    """As an owner would type it."""
    return dollars(amount_units).lstrip("$").replace(",", "")


def limit(visit: Visit) -> Response:
    """Set what may be spent, from now on."""
    try:
        ceiling.limit(
            visit.node,
            spend_per_act_micro=money.units(visit.form.text("per_act", 40) or "0"),
            spend_per_day_micro=money.units(visit.form.text("per_day", 40) or "0"),
        )
    except FreeholdError as error:
        return visit.go("/spending", f"{error.message}. {error.hint}", "bad")
    return visit.go("/spending", "Saved. The limits count from now on.")


def _bought(node: Node) -> list[dict[str, Any]]:
    """Access that was paid for, newest first."""
    rows = []
    for envelope in node.store.find("grant")[::-1]:
        grant = node.grant(envelope.document.id)
        if grant.holder == node.account != grant.issuer and grant.terms.price_per == "grant":
            rows.append(
                {
                    "at": grant.issued_at,
                    "name": thing_name(node, grant.asset),
                    "asset": grant.asset,
                    "owner": name_of(node, grant.issuer),
                    "units": grant.terms.price_units if is_purchased(node, grant) else 0,
                }
            )
    return rows[:MOST_CLAIMS]


def _channel(visit: Visit) -> dict[str, Any]:
    wanted = visit.params["channel"]
    for row in paid_from(visit.node):
        if row["channel"] == wanted:
            return row
    raise NotFound("there is no such channel", hint="Look at Spending.")


def ask_close(visit: Visit) -> Response:
    """What closing a channel does and does not undo."""
    row = _channel(visit)
    return visit.show(
        "channel.html", row=row, model=thing_name(visit.node, row["model"]), now=visit.node.now()
    )


def close(visit: Visit) -> Response:
    """Close it, or take the rest back."""
    row = _channel(visit)
    try:
        done = closing.close(visit.host, row["channel"])
    except FreeholdError as error:
        return visit.go("/spending", f"{error.message}. {error.hint}", "bad")
    if done["withdrawn_units"]:
        return visit.go("/spending", f"{dollars(done['withdrawn_units'])} are back in your wallet.")
    return visit.go("/spending", "The channel is closing. Come back in a day to take the rest.")


def ask_retry(visit: Visit) -> Response:
    """What trying a failed payment once more may cost."""
    wanted = visit.params["channel"]
    for row in settling.waiting(visit.node):
        if row["channel"] == wanted:
            return visit.show("retry.html", row=row)
    raise NotFound("there is nothing to collect from that channel", hint="Look at Spending.")


def retry(visit: Visit) -> Response:
    """Send it once more, by hand."""
    try:
        done = settling.retry(visit.node, visit.params["channel"])
    except FreeholdError as error:
        return visit.go("/spending", f"{error.message}. {error.hint}", "bad")
    return visit.go("/spending", f"{dollars(done['units'])} were collected.")


PAGES = [
    shows("/earnings", overview),
    shows("/earnings/claim", ask_claim),
    acts("/earnings/claim", claim),
    shows("/spending", spending),
    acts("/spending/limits", limit),
    shows("/channels/{channel}/close", ask_close),
    acts("/channels/{channel}/close", close),
    shows("/channels/{channel}/retry", ask_retry),
    acts("/channels/{channel}/retry", retry),
]

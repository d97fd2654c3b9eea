"""What came in, by what and when, also on Home; what was collected; and collecting what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from starlette.responses import Response

from freehold.core.errors import Unavailable
from freehold.core.texts import Moment, Text, Units, said
from freehold.core.times import DAY_SECONDS
from freehold.features.earnings import earning
from freehold.features.earnings.ledger import Ledger, Money, Move
from freehold.features.payments import books
from freehold.features.payments.books import Line
from freehold.kernel.feature import Reminder
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.selecting import among
from freehold.kernel.web import charts
from freehold.kernel.web.charts import Chart, Point
from freehold.kernel.web.paying import fee
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Empty, Found, Wanted
from freehold.kernel.web.visit import Visit, acts, moved, shows

DAYS = 30
KINDS = {
    "grant": said("access sold"),
    "share": said("share in answers sold"),
    "claim": said("collected"),
}
"""What moves are, as lists say it."""


@dataclass(frozen=True)
class Made:
    """Money earned, in units."""

    total_units: int
    today_units: int
    month_units: int
    """In the last `DAYS` days, today included."""
    over_time: Chart
    """In all, by the end of each of those days."""


def earned(moves: Sequence[Move], total_units: int, now: int) -> Made:
    """What came in over the last days; `now` is Unix seconds, days are UTC."""
    today = now // DAY_SECONDS
    by_day: dict[int, int] = defaultdict(int)
    for move in moves:
        if move.kind != "claim":
            by_day[move.at // DAY_SECONDS] += move.units
    # each move is rounded down by itself, and the sum is not
    dust = total_units - sum(by_day.values())
    if 0 < dust <= len(moves) and by_day:
        by_day[max(by_day)] += dust
    days = range(today - DAYS + 1, today + 1)
    month = sum(by_day[day] for day in days)
    so_far = total_units - month
    points: list[Point] = []
    for day in days:
        so_far += by_day[day]
        points.append((charts.label(day), Units(so_far)))
    chart = Chart(said("Earned so far"), _period(), points, "area", Units(total_units))
    return Made(total_units, by_day[today], month, chart)


def _period() -> Text:
    return said("In the last {n} days", n=DAYS)


def look(visit: Visit) -> dict[str, Any]:
    """Home's figures; those of the last time where the network does not answer now."""
    money = visit.host.part(Ledger).money()
    return {"money": money, "made": _made(visit.node, money)}


def _made(node: Node, money: Money | None) -> Made | None:
    return earned(money.moves, money.found["earned_units"], node.now()) if money else None


def remind(host: Host) -> Iterator[Reminder]:
    """Money to collect."""
    if host.readiness.chain_away:
        return
    with suppress(Unavailable):
        if units := earning.claimable_units(host.node):
            text = said("{sum} of your earnings waits to be collected.", sum=Units(units))
            yield Reminder(text, "/collect", said("Collect"), "collect", "money")


def overview(visit: Visit) -> Response:
    """What came in."""
    node, money = visit.node, visit.host.part(Ledger).money()
    moves = [move for move in money.moves if move.kind != "claim"] if money else []
    made, today = _made(node, money), node.now() // DAY_SECONDS
    listed = books.listed(
        visit,
        said("Earned"),
        lambda wanted: _lines(node, moves, wanted),
        Empty(
            said("Nothing was earned yet"),
            said(
                "Publish a table with a price, or let others train on it for a share in what their model earns."
            ),
            "/publish",
            said("Publish a table"),
        ),
        search=said("Name or buyer"),
    )
    return visit.show(
        "earnings.html",
        money=money,
        made=made,
        as_of=Moment(money.at) if money and money.away else None,
        by_day=Chart(
            said("Earned, by day"),
            _period(),
            charts.by_day([(move.at // DAY_SECONDS, move.units) for move in moves], today, DAYS),
            "bars",
            Units(made.month_units),
        )
        if made
        else None,
        by_thing=_by_thing(node, money.found) if money else [],
        months=books.by_month([(move.at, move.units) for move in moves]),
        listed=listed,
        days=DAYS,
    )


def _lines(node: Node, moves: Sequence[Move], wanted: Wanted) -> Found[Line]:
    """Moves as a list; names are looked up once, however many moves there are, and lines made of those that are shown."""
    thing, party = cache(partial(books.thing, node)), cache(partial(books.party, node))

    def who(move: Move) -> str:
        if move.kind == "claim":
            return said("the model's revenue pool")
        return party(move.who) if move.who else said("who bought its answers")

    def line(move: Move) -> Line:
        return Line(move.at, *thing(move.asset), KINDS[move.kind], who(move), move.units, move.tx_hash)

    return among(
        moves,
        wanted,
        {"at": lambda move: move.at, "units": lambda move: move.units},
        said=(lambda move: f"{thing(move.asset)[0]} {who(move)}") if wanted.words else None,
        key=lambda move: f"{move.tx_hash}{move.asset}{move.units}",
    ).map(line)


def _by_thing(node: Node, found: Any) -> list[dict[str, Any]]:
    """Datasets whose access was sold and models shared in, the largest first."""
    sold: dict[str, dict[str, Any]] = {}
    for row in found["grants"]:
        one = sold.setdefault(
            row["asset"],
            {"id": row["asset"], "name": row["asset_name"], "sold": 0, "units": 0, "claimable_units": 0},
        )
        one["units"] += row["price_units"]
        one["sold"] += 1
    shared = [
        {
            "id": row["asset"],
            "name": row["name"],
            "sold": None,
            "units": row["claimable_units"] + row["claimed_units"],
            "claimable_units": row["claimable_units"],
            "unsettled_units": row["unsettled_units"],
            "share_bps": row["shares"],
            "owner": books.party(node, row["owner"]),
        }
        for row in found["models"]
    ]
    return sorted([*sold.values(), *shared], key=lambda row: -int(row["units"]))


def collected(visit: Visit) -> Response:
    """What was moved to the wallet."""
    node, money = visit.node, visit.host.part(Ledger).money()
    moves = [move for move in money.moves if move.kind == "claim"] if money else []
    listed = books.listed(
        visit,
        said("Collected"),
        lambda wanted: _lines(node, moves, wanted),
        Empty(
            said("Nothing was collected yet"),
            said("What a model earns waits for you without a time limit."),
        ),
    )
    return visit.show(
        "collected.html",
        money=money,
        as_of=Moment(money.at) if money and money.away else None,
        months=books.by_month([(move.at, move.units) for move in moves]),
        listed=listed,
    )


def ask_collect(visit: Visit) -> Response:
    """What collecting does."""
    found = earning.overview(visit.node)
    pools = [row for row in found["models"] if row["claimable_units"]]
    return visit.show(
        "collect.html",
        units=found["claimable_units"],
        pools=pools,
        fee=fee(visit.node, "Revenue.claim", len(pools)) if pools else None,
    )


def collect(visit: Visit) -> Response:
    """Move what waits into the wallet."""
    done = earning.claim(visit.node)
    if not done["units"]:
        return visit.go("/collected", said("There was nothing to collect."), "warn")
    text = said.many(
        "{sum} moved to your wallet, from one model.",
        "{sum} moved to your wallet, from {n} models.",
        n=len(done["claims"]),
        sum=Units(done["units"]),
    )
    return visit.go("/collected", text)


PAGES = [
    shows("/money", overview),
    shows("/collected", collected),
    shows("/collect", ask_collect, needs=Power.PAY),
    acts("/collect", collect, needs=Power.PAY, words=said("Collected earnings")),
    moved("/earnings", "/money"),
    moved("/earnings/claim", "/collect"),
]

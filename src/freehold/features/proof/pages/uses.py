"""Who used my data: every use this node took part in, newest first, by day."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from freehold.core.errors import Unavailable
from freehold.core.times import DAY_SECONDS
from freehold.features.proof.sentences import done, sentence
from freehold.kernel import logbook, uses
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, thing_name
from freehold.kernel.uses import Filter, Use
from freehold.kernel.web.visit import Visit, shows

PAGE = 40
LATEST = 6
PERIODS = {"1": "the last day", "7": "the last 7 days", "30": "the last 30 days", "365": "the last year"}


def overview(visit: Visit) -> Response:
    """One page of the timeline."""
    node = visit.node
    wanted, chosen = _filter(visit)
    found = uses.page(node, wanted, _before(visit.query.get("before", "")), PAGE + 1)
    shown, older = found[:PAGE], ""
    if len(found) > PAGE:
        older = urlencode({**chosen, "before": "{}-{}".format(*shown[-1].place)})
    return visit.show(
        "uses.html",
        days=_days(node, shown),
        older=older,
        newest=urlencode(chosen) if visit.query.get("before") else "",
        chosen=chosen,
        things=_named(uses.choices(node, "asset"), lambda value: thing_name(node, value)),
        people=_named(_parties(node), lambda value: name_of(node, value)),
        actions=[(one, done(one).replace("{}", "it", 1)) for one in uses.choices(node, "action")],
        periods=PERIODS,
    )


def anchored_size(node: Node) -> int | None:
    """Entries that the chain vouches for; None while it does not answer."""
    try:
        return logbook.anchored_size(node)
    except Unavailable:
        return None


def _parties(node: Node) -> list[str]:
    both = {*uses.choices(node, "provider"), *uses.choices(node, "holder")}
    return sorted(both - {node.account})


def _named(values: list[str], name: Any) -> list[tuple[str, str]]:
    return sorted(((value, str(name(value))) for value in values), key=lambda pair: pair[1].lower())


def _filter(visit: Visit) -> tuple[Filter, dict[str, str]]:
    """What was asked for, and the same as it goes into links."""
    given = {key: visit.query.get(key, "")[:80] for key in ("thing", "who", "action", "period")}
    chosen = {key: value for key, value in given.items() if value}
    if chosen.get("period") not in PERIODS:
        chosen.pop("period", None)
    days = int(chosen.get("period", "0"))
    since = visit.node.now() - days * DAY_SECONDS if days else 0
    wanted = Filter(chosen.get("thing", ""), chosen.get("who", ""), chosen.get("action", ""), since)
    return wanted, chosen


def _before(text: str) -> tuple[int, int]:
    parts = text[:40].split("-")
    if len(parts) == 2 and all(part.isascii() and part.isdecimal() for part in parts):
        return min(int(parts[0]), 2**53), min(int(parts[1]), 2**53)
    return uses.NEWEST


def _days(node: Node, shown: list[Use]) -> list[tuple[int, list[dict[str, Any]]]]:
    """(a moment of that day, its rows), newest first."""
    anchored = anchored_size(node) if shown else 0
    grouped = groupby(shown, key=lambda use: datetime.fromtimestamp(use.issued_at, UTC).date())
    return [
        (of_day[0].issued_at, [_row(node, use, anchored) for use in of_day])
        for _, group in grouped
        if (of_day := list(group))
    ]


def _row(node: Node, use: Use, anchored: int | None) -> dict[str, Any]:
    vouched = anchored is not None and use.position < anchored
    return {"use": use, "said": sentence(node, use), "anchored": vouched}


def latest(host: Host) -> list[dict[str, Any]]:
    """The latest uses of what is ours, a training run's rounds as one."""
    node = host.node
    return [
        {
            **vars(row),
            "who": name_of(node, row.holder),
            "name": node.asset(row.asset).name if node.store.has(row.asset) else "",
        }
        for row in uses.rows(node, {"provider": node.account}, LATEST)
    ]


PAGES = [shows("/uses", overview)]

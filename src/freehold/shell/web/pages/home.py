"""Home: what needs me, what I earned, what was used lately, whether all is well."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from freehold.core.errors import Unavailable
from freehold.core.money import dollars
from freehold.features.earnings import earning
from freehold.features.earnings.ledger import Ledger, Move
from freehold.features.grants import asking, requests
from freehold.features.training.jobs import Jobs
from freehold.features.training.pages import disputes
from freehold.kernel import listed, status, uses
from freehold.kernel.anchored_head import ChainLostState, LogBehind, LogForked
from freehold.kernel.chain_identity import OtherChain
from freehold.kernel.keeping import purse, subjects
from freehold.kernel.node import Node
from freehold.kernel.web import words
from freehold.kernel.web.charts import Point
from freehold.kernel.web.people import name_of, readable
from freehold.kernel.web.visit import Visit, shows
from freehold.shell.backup import saving

BACKUP_DAYS = 30
LATEST = 6
DAYS = 30
DAY_SECONDS = 86_400
_TROUBLE = {
    "store": "the database cannot be written",
    "chain": "the network does not answer, so payments and proofs wait",
    "keys": "the keys in memory are wrong; restart the node",
    "disk": "the disk is nearly full",
}
_CHAIN_ANSWERS = {
    OtherChain.code: "another network answers in the place of yours, so nothing is signed or paid",
    ChainLostState.code: "the network has lost what it vouched for, so it was set back or replaced",
    LogForked.code: "another copy of this node writes the same log, so this one writes nothing",
    LogBehind.code: "this home is older than what the network vouches for, so it writes nothing",
}
"""What is wrong though the network answers."""


@dataclass(frozen=True)
class Made:
    """Money earned, in units."""

    total_units: int
    today_units: int
    month_units: int
    """In the last `DAYS` days, today included."""
    points: list[Point]
    """In all, by the end of each of those days."""


def home(visit: Visit) -> Response:
    """The page everybody starts at."""
    node = visit.node
    money, made = None, None
    with suppress(Unavailable):
        money = earning.overview(node)
        made = earned(visit.host.part(Ledger).moves(), money["earned_units"], node.now())
    published = bool(listed.assets(node, kind="dataset", owner=node.account, limit=1))
    return visit.show(
        "home.html",
        todo=_todo(visit, money, published=published),
        made=made,
        uses=_uses(node),
        health=_health(visit),
        published=published,
    )


def earned(moves: list[Move], total_units: int, now: int) -> Made:
    """What came in over the last days; `now` is Unix seconds, days are UTC."""
    today = now // DAY_SECONDS
    by_day: dict[int, int] = defaultdict(int)
    for move in moves:
        if move.kind != "claim":
            by_day[move.at // DAY_SECONDS] += move.units
    days = range(today - DAYS + 1, today + 1)
    month = sum(by_day[day] for day in days)
    so_far, points = total_units - month, []
    for day in days:
        so_far += by_day[day]
        points.append((words.date(day * DAY_SECONDS), so_far, dollars(so_far)))
    return Made(total_units, by_day[today], month, points)


def _todo(visit: Visit, money: dict[str, Any] | None, *, published: bool) -> list[dict[str, str]]:
    """Things that wait for the owner, most pressing first; plain text, escaped by the template."""
    node = visit.node
    todo = [
        {
            "text": f"{one['title'][:1].upper()}{one['title'][1:]}. {one['hint']}",
            "href": "/backup",
            "action": "Backups",
        }
        for one in status.notices(node)
    ]
    for row in requests.overview(node):
        if row["state"] == "waiting":
            text = f"{row['holder_name']} asks to use {row['asset_name']}."
            todo.append({"text": text, "href": f"/requests/{row['id']}", "action": "Decide"})
    for asked in asking.overview(node):
        if asked["state"] == "countered":
            text = f"{asked['owner_name']} offers you other terms for {asked['asset_name']}."
            todo.append({"text": text, "href": "/requests", "action": "See the offer"})
    todo += disputes.to_look_at(node)
    todo += _jobs(visit)
    todo += _gas(node)
    if money and money["claimable_units"]:
        text = f"{dollars(money['claimable_units'])} of your earnings is ready to claim."
        todo.append({"text": text, "href": "/earnings", "action": "Claim"})
    last = saving.last_made(node.home)
    if published and node.now() - last > BACKUP_DAYS * 86_400:
        text = (
            f"Your last backup was {words.ago(last, node.now())}."
            if last
            else "There is no backup yet. If this machine breaks, your data's account and earnings are lost."
        )
        todo.append({"text": text, "href": "/backup", "action": "Make a backup"})
    return todo


def _gas(node: Node) -> list[dict[str, str]]:
    """What the node does not send by itself any more."""
    todo = []
    stopped = len(subjects.quarantined(node))
    if stopped:
        text = f"{words.count(stopped, 'payment')} failed on the network, at the cost of a fee, and wait for you."
        todo.append({"text": text, "href": "/spending", "action": "Look"})
    if purse.day(node).spent:
        text = "The fees this node may spend by itself in a day are spent. It goes on as the day passes."
        todo.append({"text": text, "href": "/spending", "action": "Look"})
    return todo


def _jobs(visit: Visit) -> list[dict[str, str]]:
    """Training jobs that need a word."""
    todo = []
    for job in visit.host.part(Jobs).overview():
        text = ""
        if job["error"]:
            why = readable(visit.node, job["error"]["title"])
            text = f"Training of {job['name']} stands still: {why}."
        elif job["step"] == "withheld":
            text = f"{job['name']} is trained and held back. Look at its scores before it is released."
        if text:
            todo.append({"text": text, "href": f"/jobs/{job['id']}", "action": "Look"})
    return todo


def _uses(node: Node) -> list[dict[str, Any]]:
    """The latest uses, a training run's rounds as one."""
    return [
        {
            "who": name_of(node, row.holder),
            "action": row.action,
            "name": node.asset(row.asset).name if node.store.has(row.asset) else "",
            "at": row.at,
            "times": row.times,
            "whole": row.whole,
        }
        for row in uses.rows(node, {"provider": node.account}, LATEST)
    ]


def trouble(name: str, code: str) -> str:
    """What a check that failed means to the owner."""
    return _CHAIN_ANSWERS.get(code) or _TROUBLE.get(name, name)


def _health(visit: Visit) -> dict[str, Any]:
    """One sentence, and whether it is good news."""
    look = visit.host.readiness.look()
    wrong = [trouble(name, code) for name, code in look.reasons.items() if code]
    if wrong:
        return {"good": False, "sentence": f"Something needs attention: {'; '.join(wrong)}."}
    with visit.node.store.log() as log:
        size = log.size()
    sentence = f"All is well. {words.count(size, 'record')} in your log"
    behind, every = size - look.anchored, visit.node.settings.anchor_every_seconds
    if behind <= 0:
        sentence += ", every one vouched for by the network."
    elif every:
        sentence += f"; the network will vouch for the newest {behind:,} within {words.duration(every)}."
    else:
        sentence += f"; the network does not vouch for the newest {behind:,} yet."
    return {"good": True, "sentence": sentence}


PAGES = [shows("/", home)]

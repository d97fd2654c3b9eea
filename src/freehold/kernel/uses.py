"""Who used what, when: receipts of this party's log, newest first, a page at a time.

Every question is answered from an index, so a page costs the same at a hundred and at a million receipts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from freehold.core.errors import InvalidInput
from freehold.kernel import selecting
from freehold.kernel.node import Node
from freehold.kernel.selecting import Found, Selection, Sort, Wanted

MAX_CHOICES = 200
MOST_LOOKED_AT = 1_000
"""Receipts that a row of like uses is made of."""
MOST_COUNTED = 500
"""Uses that are counted where they are dear to find."""
NEWEST_FIRST = Wanted(sort="at", descending=True)
_AT_ONCE = 500
_SHOWN = "r.position, r.id, r.issued_at, r.action, r.asset, r.provider, r.holder, r.units, r.grant_id"
_NAMED = "IN (SELECT account FROM parties WHERE sort_name LIKE ? ESCAPE '!')"
# without the documents, which would make searching and counting slow; those of one page are read after it
_LISTED = Selection(
    _SHOWN,
    "receipts AS r",
    "r.position",
    sorts={"at": Sort("r.issued_at"), "units": Sort("r.units")},
    mentions="r.asset IN (SELECT id FROM assets WHERE sort_name LIKE ? ESCAPE '!')"  # noqa: S608 - fixed text
    f" OR r.provider {_NAMED} OR r.holder {_NAMED}",
    counted=10_000,
)
_EITHER = "(r.provider = ? OR r.holder = ?)"
_CHOICES = {
    "thing": "r.asset = ?",
    "who": _EITHER,
    "action": "r.action = ?",
    "since": "r.issued_at >= ?",
}
_CHOSEN = frozenset({"asset", "provider", "holder", "action"})


@dataclass(frozen=True)
class Use:
    """One receipt as a list shows it."""

    position: int
    """In this party's log."""
    id: str
    issued_at: int
    action: str
    asset: str
    provider: str
    holder: str
    units: int
    """What was paid."""
    grant: str
    complete: bool
    """Both sides have signed."""
    round: int | None
    """Of a training run; 0 is the comparison of rows before the first. None where there is none or it cannot be read."""


def latest(node: Node, limit: int, before: Use | None = None) -> list[Use]:
    """The newest receipts, those before one, newest first; more than one page where so many are wanted."""
    found: list[Use] = []
    after = selecting.place("at", before.issued_at, before.position) if before else ""
    while len(found) < limit:
        wanted = replace(NEWEST_FIRST, after=after, limit=limit - len(found), counted=False)
        page = listed(node, wanted)
        found += page.rows
        after = page.next
        if not after:
            break
    return found


def listed(
    node: Node, wanted: Wanted, *, runs: Sequence[str] = (), run: str = "", together: bool = False
) -> Found[Use]:
    """A page of uses as somebody filters and searches them: `thing`, `who`, `action`, `since`.

    Of each run, which is what `runs` are actions of, only the newest use stands there; `together`, of each grant and
    action; with `run`, a grant, only its own.
    """
    found = _chosen(wanted, runs, run, together=together)
    if wanted.words or wanted.filter("who"):
        page_of = _searched(node, replace(found, counted=MOST_COUNTED), wanted)
    else:
        page_of = selecting.page(node.store, found, wanted)
    return page_of.of(_with_documents(node, page_of.rows))


def _searched(node: Node, chosen: Selection, wanted: Wanted) -> Found[tuple[Any, ...]]:
    """What is seldom is found by its index; what is not, by going through time: one page of it is there soon."""
    seldom = chosen.searched(_rarest_first(node, wanted.words))
    total = selecting.count(node.store, seldom)
    found = seldom if total is not None else replace(seldom, where=tuple(map(_by_time, seldom.where)))
    page_of = (
        selecting.page(node.store, found, replace(wanted, words=(), counted=False)) if total != 0 else Found()
    )
    return replace(page_of, total=total, counted=MOST_COUNTED)


def _rarest_first(node: Node, looked_for: Sequence[str]) -> list[str]:
    def named(word: str) -> int:
        query = "SELECT count(*) FROM assets WHERE sort_name LIKE ? ESCAPE '!'"
        return int(node.store.rows(query, f"%{selecting.like(word)}%")[0][0])

    return sorted(looked_for, key=named) if len(looked_for) > 1 else list(looked_for)


def _by_time(condition: str) -> str:
    """The same condition, for which no index is taken."""
    if condition == _CHOICES["thing"]:
        return condition
    for column in ("asset", "provider", "holder"):
        condition = condition.replace(f"r.{column} ", f"r.{column} || '' ")
    return condition


def _chosen(wanted: Wanted, runs: Sequence[str], run: str, *, together: bool) -> Selection:
    found = _LISTED
    for name, condition in _CHOICES.items():
        if value := wanted.filter(name):
            given: int | str = int(value) if name == "since" else value
            found = found.only(condition, *[given] * condition.count("?"))
    if run:
        return found.only("r.grant_id = ?", run)
    if together or wanted.filter("action") in runs:
        return found.only("r.newest")
    if runs and not wanted.filter("action"):
        names = ", ".join("?" for _ in runs)
        return found.only(f"(r.action NOT IN ({names}) OR r.newest)", *runs)
    return found


@dataclass(frozen=True)
class Run:
    """The uses of one grant by one action, such as the rounds of a training."""

    times: int
    units: int
    """Paid for all of them."""
    whole: bool
    """False where there are more than were looked at."""
    newest: Sequence[Use]


def runs(node: Node, of: Iterable[tuple[str, str]], most: int = 0) -> dict[tuple[str, str], Run]:
    """Runs by (grant, action), with at most so many of the newest uses of each."""
    summed, rows = {}, []
    for grant, action in of:
        where = "r.grant_id = ? AND r.action = ?"
        summing = (
            "SELECT count(*), coalesce(sum(units), 0) FROM"  # noqa: S608 - fixed text
            f" (SELECT units FROM receipts AS r WHERE {where} LIMIT ?) AS counted"
        )
        ((times, units),) = node.store.rows(summing, grant, action, MOST_LOOKED_AT + 1)
        summed[grant, action] = min(times, MOST_LOOKED_AT), units, times <= MOST_LOOKED_AT
        query = f"SELECT {_SHOWN} FROM receipts AS r WHERE {where} ORDER BY r.position DESC LIMIT ?"  # noqa: S608
        rows += node.store.rows(query, grant, action, most) if most and times > 1 else []
    newest: dict[tuple[str, str], list[Use]] = {}
    for use in _with_documents(node, rows):
        newest.setdefault((use.grant, use.action), []).append(use)
    return {key: Run(*sums, newest.get(key, [])) for key, sums in summed.items()}


def _with_documents(node: Node, rows: Sequence[tuple[Any, ...]]) -> list[Use]:
    """Rows of `_SHOWN` as uses; the documents of all of them are asked for at once."""
    kept: dict[str, tuple[Any, ...]] = {}
    for start in range(0, len(rows), _AT_ONCE):
        ids = [row[1] for row in rows[start : start + _AT_ONCE]]
        marks = ", ".join("?" * len(ids))
        query = f"SELECT id, complete, envelope FROM documents WHERE id IN ({marks})"  # noqa: S608 - only marks
        kept |= {row[0]: tuple(row[1:]) for row in node.store.rows(query, *ids)}
    return [_use((*row, *kept[row[1]])) for row in rows if row[1] in kept]


def _use(row: tuple[Any, ...]) -> Use:
    *shown, complete, envelope = row
    return Use(*shown, bool(complete), _round(envelope))  # type: ignore[call-arg] # as many as columns


def _round(envelope: bytes) -> int | None:
    try:
        number = json.loads(envelope)["document"]["evidence"].get("round")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return number if type(number) is int else None


def choices(node: Node, column: str) -> list[str]:
    """Values of a column among all receipts, each once; one step in its index for each."""
    if column not in _CHOSEN:
        raise InvalidInput(f"receipts are not listed by {column}")
    query = (
        f"SELECT value FROM (WITH RECURSIVE seen(value) AS (SELECT min({column}) FROM receipts"  # noqa: S608 - one of a fixed set
        f" UNION ALL SELECT (SELECT min({column}) FROM receipts WHERE {column} > seen.value)"
        " FROM seen WHERE seen.value IS NOT NULL) SELECT value FROM seen) AS found"
        " WHERE value IS NOT NULL LIMIT ?"
    )
    return [str(row[0]) for row in node.store.rows(query, MAX_CHOICES)]


def newest(node: Node, action: str) -> str | None:
    """The id of the newest receipt of an action."""
    found = listed(node, replace(NEWEST_FIRST, limit=1, filters={"action": action}, counted=False)).rows
    return found[0].id if found else None


def under(node: Node, grant_id: str) -> tuple[int, int]:
    """(uses, units paid) by the receipts of a grant that are here."""
    query = "SELECT count(*), coalesce(sum(units), 0) FROM receipts WHERE grant_id = ?"
    ((receipts, units),) = node.store.rows(query, grant_id)
    return int(receipts), int(units)


def count(node: Node, asset: str, action: str) -> tuple[int, int]:
    """(receipts, units paid) of one action on one asset."""
    return _counted(node, "asset = ? AND action = ?", asset, action)


def total(node: Node, asset: str) -> tuple[int, int]:
    """(receipts, units paid) on one asset."""
    return _counted(node, "asset = ?", asset)


def _counted(node: Node, where: str, *values: str) -> tuple[int, int]:
    query = f"SELECT coalesce(sum(receipts), 0), coalesce(sum(units), 0) FROM used WHERE {where}"  # noqa: S608 - fixed text
    ((receipts, units),) = node.store.rows(query, *values)
    return int(receipts), int(units)


def has_asked(node: Node, account: str) -> bool:
    """Whether an account bought an answer."""
    query = "SELECT 1 FROM receipts WHERE holder = ? AND action = 'infer' LIMIT 1"
    return bool(node.store.rows(query, account))


def by_id(node: Node, ids: Sequence[str]) -> dict[str, Use]:
    """Those of some receipts that are in this log."""
    marks = ", ".join("?" * len(ids))
    query = f"SELECT {_SHOWN} FROM documents JOIN receipts AS r ON r.position = documents.position WHERE documents.id IN ({marks})"  # noqa: S608
    return {use.id: use for use in _with_documents(node, node.store.rows(query, *ids) if ids else [])}


def one(node: Node, receipt_id: str) -> Use | None:
    """A single receipt of this log."""
    return by_id(node, [receipt_id]).get(receipt_id)


def spent_by_day(node: Node, since: int) -> list[tuple[int, int, int]]:
    """(day, answers, units) of answers this party paid for; a day is Unix seconds through 86,400."""
    rows = node.store.rows(
        "SELECT issued_at / 86400, count(*), sum(units) FROM receipts"
        " WHERE holder = ? AND issued_at >= ? AND units > 0 GROUP BY 1 ORDER BY 1",
        node.account,
        since,
    )
    return [(int(row[0]), int(row[1]), int(row[2])) for row in rows]

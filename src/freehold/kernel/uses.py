"""Who used what, when: receipts of this party's log, newest first, a page at a time.

Every question is answered from an index, so a page costs the same at a hundred and at a million receipts.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from freehold.core.errors import InvalidInput
from freehold.kernel import selecting
from freehold.kernel.node import Node
from freehold.kernel.selecting import Found, Selection, Sort, Wanted

MAX_PAGE = 200
MAX_CHOICES = 200
MOST_LOOKED_AT = 1_000
"""Receipts that rows of like uses are made of."""
NEWEST = (2**53, 2**53)
_AT_ONCE = 500
_SHOWN = "r.position, r.id, r.issued_at, r.action, r.asset, r.provider, r.holder, r.units, r.grant_id"
_COLUMNS = f"{_SHOWN}, d.complete, d.envelope"
# without the documents, which would make searching and counting slow; those of one page are read after it
_LISTED = Selection(
    _SHOWN,
    "receipts AS r",
    "r.position",
    sorts={"at": Sort("r.issued_at"), "units": Sort("r.units")},
    mentions="r.asset IN (SELECT id FROM assets WHERE lower(name) LIKE ? ESCAPE '!')"
    " OR r.provider IN (SELECT account FROM parties WHERE lower(name) LIKE ? ESCAPE '!')"
    " OR r.holder IN (SELECT account FROM parties WHERE lower(name) LIKE ? ESCAPE '!')",
    counted=10_000,
)
_CHOICES = {
    "thing": "r.asset = ?",
    "who": "(r.provider = ? OR r.holder = ?)",
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

    @property
    def place(self) -> tuple[int, int]:
        """Where a next page begins."""
        return self.issued_at, self.position


@dataclass(frozen=True)
class Filter:
    """Which receipts are wanted; empty means all."""

    asset: str = ""
    who: str = ""
    """An account on either side."""
    action: str = ""
    since: int = 0
    """Unix seconds."""


def latest(node: Node, limit: int, before: tuple[int, int] = NEWEST) -> list[Use]:
    """The newest receipts before a place, newest first; more than one page where so many are wanted."""
    found: list[Use] = []
    while len(found) < limit and (
        more := page(node, Filter(), found[-1].place if found else before, min(MAX_PAGE, limit - len(found)))
    ):
        found += more
    return found


def page(node: Node, wanted: Filter, before: tuple[int, int] = NEWEST, limit: int = 50) -> list[Use]:
    """Receipts older than `before` (time, position), newest first. Raises `InvalidInput`: too many at once."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"at most {MAX_PAGE} receipts at once, not {limit:,}", hint="Ask page by page.")
    sides = ({"provider": wanted.who}, {"holder": wanted.who}) if wanted.who else ({},)
    fixed = {name: value for name, value in (("asset", wanted.asset), ("action", wanted.action)) if value}
    found = [_rows(node, {**fixed, **side}, wanted.since, before, limit) for side in sides]
    merged = heapq.merge(*found, key=lambda use: use.place, reverse=True)
    # a receipt between a party and itself is found on both sides
    once = (next(same) for _, same in groupby(merged, key=lambda use: use.id))
    return list(islice(once, limit))


def listed(node: Node, wanted: Wanted, *, runs: Sequence[str] = (), run: str = "") -> Found[Use]:
    """A page of uses as somebody filters and searches them: `thing`, `who`, `action`, `since`.

    Of each run, which is what `runs` are actions of, only the newest use stands there; with `run`, a grant, only its own.
    """
    found = _LISTED
    for name, condition in _CHOICES.items():
        if value := wanted.filter(name):
            given: int | str = int(value) if name == "since" else value
            found = found.only(condition, *[given] * condition.count("?"))
    if run:
        found = found.only("r.grant_id = ?", run)
    elif runs:
        names = ", ".join("?" for _ in runs)
        newest = (
            "SELECT 1 FROM receipts AS n"
            " WHERE n.grant_id = r.grant_id AND n.action = r.action AND n.position > r.position"
        )
        found = found.only(f"(r.action NOT IN ({names}) OR NOT EXISTS ({newest}))", *runs)
    page_of = selecting.page(node.store, found, wanted)
    return page_of.of(_with_documents(node, page_of.rows))


@dataclass(frozen=True)
class Run:
    """The uses of one grant by one action, such as the rounds of a training."""

    times: int
    units: int
    """Paid for all of them."""
    newest: Sequence[Use]


def runs(node: Node, of: Iterable[tuple[str, str]], most: int) -> dict[tuple[str, str], Run]:
    """Runs by (grant, action), with at most so many of the newest uses of each."""
    summed, rows = {}, []
    for grant, action in of:
        where = "r.grant_id = ? AND r.action = ?"
        times, units = _summed(node, where, grant, action)
        summed[grant, action] = times, units
        query = f"SELECT {_SHOWN} FROM receipts AS r WHERE {where} ORDER BY r.position DESC LIMIT ?"  # noqa: S608
        rows += node.store.rows(query, grant, action, most) if times > 1 else []
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


def _rows(node: Node, fixed: dict[str, str], since: int, before: tuple[int, int], limit: int) -> list[Use]:
    where = "".join(f"r.{name} = ? AND " for name in fixed)
    query = (
        f"SELECT {_COLUMNS} FROM receipts AS r JOIN documents AS d ON d.id = r.id WHERE {where}"  # noqa: S608
        " r.issued_at >= ? AND (r.issued_at, r.position) < (?, ?)"
        " ORDER BY r.issued_at DESC, r.position DESC LIMIT ?"
    )
    return [_use(row) for row in node.store.rows(query, *fixed.values(), since, *before, limit)]


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


@dataclass
class Row:
    """Uses of the same kind under the same grant, such as a training run's rounds."""

    grant: str
    action: str
    asset: str
    holder: str
    at: int
    """When the newest was made."""
    times: int = 1
    units: int = 0
    """Paid for all of them."""
    whole: bool = True
    """False where there may be more than were looked at."""


def rows(node: Node, wanted: dict[str, str], limit: int) -> list[Row]:
    """The newest uses by columns of the index, those of one grant and action as one row."""
    where = "".join(f"{name} = ? AND " for name in wanted if name in _CHOSEN)
    found = node.store.rows(
        f"SELECT grant_id, action, asset, holder, issued_at, units FROM receipts WHERE {where} issued_at >= 0"  # noqa: S608 - fixed names
        " ORDER BY issued_at DESC, position DESC LIMIT ?",
        *wanted.values(),
        MOST_LOOKED_AT,
    )
    made: dict[tuple[str, str], Row] = {}
    for grant, action, asset, holder, at, units in found:
        known = made.get((grant, action))
        if known:
            known.times += 1
            known.units += units
        elif len(made) < limit:
            made[grant, action] = Row(grant, action, asset, holder, at, units=units)
    if len(found) == MOST_LOOKED_AT:
        for row in made.values():
            row.whole = False
    return list(made.values())


def newest(node: Node, action: str) -> str | None:
    """The id of the newest receipt of an action."""
    found = _rows(node, {"action": action}, 0, NEWEST, 1)
    return found[0].id if found else None


def under(node: Node, grant_id: str) -> tuple[int, int]:
    """(uses, units paid) by the receipts of a grant that are here."""
    return _summed(node, "grant_id = ?", grant_id)


def count(node: Node, asset: str, action: str) -> tuple[int, int]:
    """(receipts, units paid) of one action on one asset."""
    return _summed(node, "asset = ? AND action = ?", asset, action)


def total(node: Node, asset: str) -> tuple[int, int]:
    """(receipts, units paid) on one asset."""
    return _summed(node, "asset = ?", asset)


def _summed(node: Node, where: str, *values: str) -> tuple[int, int]:
    query = f"SELECT count(*), coalesce(sum(units), 0) FROM receipts AS r WHERE {where}"  # noqa: S608 - fixed text
    ((receipts, units),) = node.store.rows(query, *values)
    return int(receipts), int(units)


def one(node: Node, receipt_id: str) -> Use | None:
    """A single receipt of this log."""
    query = f"SELECT {_COLUMNS} FROM receipts AS r JOIN documents AS d ON d.id = r.id WHERE d.id = ? AND r.position = d.position"  # noqa: S608
    return next(map(_use, node.store.rows(query, receipt_id)), None)


def spent_by_day(node: Node, since: int) -> list[tuple[int, int, int]]:
    """(day, answers, units) of answers this party paid for; a day is Unix seconds through 86,400."""
    rows = node.store.rows(
        "SELECT issued_at / 86400, count(*), sum(units) FROM receipts"
        " WHERE holder = ? AND issued_at >= ? AND units > 0 GROUP BY 1 ORDER BY 1",
        node.account,
        since,
    )
    return [(int(row[0]), int(row[1]), int(row[2])) for row in rows]

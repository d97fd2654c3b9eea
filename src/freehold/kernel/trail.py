"""Who did what in this node: acts of its people, log-ins, and what was refused. No typed text, no secrets.

Kept for a year, of each person at most `MOST` of the newest, so that nobody pushes out what another did. It is
this node's own record, which whoever runs the machine can change; what others rely on stands in the signed log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from freehold.core.texts import Text, label
from freehold.kernel import selecting
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.node import Node
from freehold.kernel.selecting import Found, Selection, Wanted
from freehold.kernel.web.powers import Person

KEEP_SECONDS = 365 * 86_400
MOST = 20_000
SELDOM_SECONDS = 3_600
_PRUNED_EACH = 50
_log = logging.getLogger("freehold")
UNKNOWN = "?"
"""Who failed to log in under a name that nobody has: what was typed may be a password, and is not kept."""


class Outcome(StrEnum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"
    """The role does not allow it, or the password was wrong."""
    UNKNOWN = "unknown"
    """It began, and did not end as it should: a trouble met it half-way, or the node was killed."""


@dataclass(frozen=True)
class Entry:
    """One act."""

    at: int
    person: str
    """Empty for the owner."""
    name: str
    role: str
    outcome: Outcome
    words: Text
    link: str
    """Page below the console; may be empty."""


def note(
    node: Node,
    who: Person | None,
    words: str,
    *,
    link: str = "",
    outcome: Outcome = Outcome.DONE,
    seldom: bool = False,
) -> int | None:
    """Keep an act, and its number; None is somebody unknown. What comes `seldom` is kept once an hour."""
    try:
        return _note(node, who, words, link, outcome, seldom=seldom)
    except StorageFailed as error:
        # what was done is done, and nobody is kept out because a disk is full
        _log.warning("an act is missing in the trail: %s", error.message)
        return None


@dataclass
class Act:
    """An act under way."""

    outcome: Outcome | None = Outcome.UNKNOWN
    """What the trail says of it afterwards; None where nothing was done, which it does not hold."""
    link: str = ""


@contextmanager
def acting(node: Node, who: Person, words: str) -> Iterator[Act]:
    """Keep an act before it begins, so that it stands in the trail whatever cuts it off; its end says what came of it."""
    number = note(node, who, words, outcome=Outcome.UNKNOWN)
    act = Act()
    try:
        yield act
    finally:
        if number is None:
            if act.outcome:
                note(node, who, words, link=act.link, outcome=act.outcome)
        elif act.outcome is not Outcome.UNKNOWN:
            _settle(node, number, act)


def _settle(node: Node, number: int, act: Act) -> None:
    try:
        with node.store.transaction() as tx:
            if act.outcome is None:
                tx.connection.execute("DELETE FROM trail WHERE number = ?", (number,))
            else:
                values = (act.outcome.value, act.link, number)
                tx.connection.execute("UPDATE trail SET outcome = ?, link = ? WHERE number = ?", values)
    except StorageFailed as error:
        _log.warning("what came of an act is missing in the trail: %s", error.message)


def _note(
    node: Node, who: Person | None, words: str, link: str, outcome: Outcome, *, seldom: bool
) -> int | None:
    now = node.now()
    person, name, role = (who.id, who.name, who.role.value) if who else (UNKNOWN, "", "")
    template = words.template if isinstance(words, Text) else words
    with node.store.transaction() as tx:
        rows = tx.connection
        if (
            seldom
            and rows.execute(
                "SELECT 1 FROM trail WHERE person = ? AND at > ? AND words = ?",
                (person, now - SELDOM_SECONDS, template),
            ).fetchone()
        ):
            return None
        number = int(rows.execute("SELECT coalesce(max(number), 0) FROM trail").fetchone()[0]) + 1
        rows.execute(
            "INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, now, person, name, role, outcome.value, template, link),
        )
        rows.execute("DELETE FROM trail WHERE at < ?", (now - KEEP_SECONDS,))
        if number % _PRUNED_EACH == 0:
            _prune(rows, person)
    return number


def _prune(rows: Any, person: str) -> None:
    oldest = rows.execute(
        "SELECT number FROM trail WHERE person = ? ORDER BY number DESC LIMIT 1 OFFSET ?", (person, MOST)
    ).fetchone()
    if oldest:
        rows.execute("DELETE FROM trail WHERE person = ? AND number <= ?", (person, oldest[0]))


def entries(node: Node, wanted: Wanted) -> Found[Entry]:
    """A page of them, newest first; of one person where the filter `who` says so."""
    chosen = Selection("at, person, name, role, outcome, words, link", "trail", "number")
    if who := wanted.filter("who"):
        chosen = chosen.only("person = ?", "" if who == "owner" else who)
    return selecting.page(node.store, chosen, wanted).map(_entry)


def _entry(row: Any) -> Entry:
    at, person, name, role, outcome, words, link = row
    return Entry(at, person, name, role, Outcome(outcome), label(words), link)


def has(node: Node, words: Text) -> bool:
    """Whether somebody did it."""
    query = "SELECT 1 FROM trail WHERE words = ? AND outcome = ? LIMIT 1"
    return bool(node.store.rows(query, words.template, Outcome.DONE.value))

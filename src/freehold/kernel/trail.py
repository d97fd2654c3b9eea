"""Who did what in this node: acts of its people, log-ins, and what was refused. No typed text, no secrets.

Kept for a year, and at most `MOST` of the newest. It is this node's own record, which whoever runs the
machine can change; what others rely on stands in the signed log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from freehold.core.texts import Text, label
from freehold.kernel.node import Node
from freehold.kernel.web.powers import Person

KEEP_SECONDS = 365 * 86_400
MOST = 200_000
PAGE = 50


class Outcome(StrEnum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"
    """The role does not allow it."""


@dataclass(frozen=True)
class Entry:
    """One act."""

    number: int
    """Grows; where a page ends."""
    at: int
    person: str
    """Empty for the owner, `?` where a log-in named nobody who is known."""
    name: str
    role: str
    outcome: Outcome
    words: Text
    link: str
    """Page below the console; may be empty."""


UNKNOWN = "?"
"""Who failed to log in under a name that nobody has: what was typed may be a password, and is not kept."""


def note(
    node: Node, who: Person | None, words: str, *, link: str = "", outcome: Outcome = Outcome.DONE
) -> None:
    """Keep an act; None is somebody unknown."""
    now = node.now()
    person, name, role = (who.id, who.name, who.role.value) if who else (UNKNOWN, "", "")
    template = words.template if isinstance(words, Text) else words
    with node.store.transaction() as tx:
        row = tx.connection.execute("SELECT coalesce(max(number), 0) FROM trail").fetchone()
        number = int(row[0]) + 1
        tx.connection.execute(
            "INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, now, person, name, role, outcome.value, template, link),
        )
        tx.connection.execute(
            "DELETE FROM trail WHERE number <= ? OR at < ?", (number - MOST, now - KEEP_SECONDS)
        )


def newest(node: Node, *, person: str | None = None, before: int = 0) -> list[Entry]:
    """A page of them, newest first, and one more where there is more; of one person where given."""
    whose, values = ("", ()) if person is None else (" AND person = ?", (person,))
    query = f"SELECT * FROM trail WHERE number < ?{whose} ORDER BY number DESC LIMIT ?"  # noqa: S608
    rows = node.store.rows(query, before or 2**53, *values, PAGE + 1)
    return [
        Entry(row[0], row[1], row[2], row[3], row[4], Outcome(row[5]), label(row[6]), row[7]) for row in rows
    ]

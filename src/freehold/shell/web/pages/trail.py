"""Who did what here: acts, log-ins and what was refused, newest first."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from freehold.core.texts import said
from freehold.kernel import trail
from freehold.kernel.members import Members
from freehold.kernel.trail import Entry, Outcome
from freehold.kernel.web.powers import ROLE_NAMES, Role
from freehold.kernel.web.tables import Column, Empty, Filter, Link, Table, Tag, moment
from freehold.kernel.web.visit import Visit, shows

TITLE = said("Who did what here")
_UNKNOWN = said("Somebody unknown")
_OUTCOMES = {
    Outcome.DONE: Tag(said("Done"), "good"),
    Outcome.REFUSED: Tag(said("Refused"), "bad"),
    Outcome.UNKNOWN: Tag(said("Not known"), "warn"),
}


def overview(visit: Visit) -> Response:
    """The trail."""
    everybody: list[tuple[str, object]] = [("owner", ROLE_NAMES[Role.OWNER])]
    everybody += [(one.id, one.name) for one in visit.host.part(Members).known()]
    listed = Table(
        TITLE,
        (
            Column("at", said("When"), "when", csv=lambda row: moment(row.at)),
            Column("name", said("Who"), _who),
            Column("role", said("Role"), _role),
            Column("words", said("What"), _what),
            Column("outcome", said("Came of it"), _outcome),
        ),
        partial(trail.entries, visit.node),
        filters=(Filter("who", said("Who"), said("Everybody"), [*everybody, (trail.UNKNOWN, _UNKNOWN)]),),
        empty=Empty(
            said("Nothing was done here yet"), said("Each act in this console is noted from now on.")
        ),
    ).shown(visit)
    return visit.show("trail.html", listed=listed)


def _who(row: Entry) -> str:
    if row.person == trail.UNKNOWN:
        return _UNKNOWN
    return row.name or ROLE_NAMES[Role.OWNER]


def _role(row: Entry) -> str:
    return ROLE_NAMES[Role(row.role)] if row.role else ""


def _what(row: Entry) -> object:
    return Link(row.link, row.words) if row.link else row.words


def _outcome(row: Entry) -> Tag:
    return _OUTCOMES[row.outcome]


PAGES = [shows("/trail", overview)]

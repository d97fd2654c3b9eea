"""The inbox: what waits for the owner, and what features show there in more detail."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core.texts import said
from freehold.kernel.inbox import MOST_KEY, Inbox, pressing
from freehold.kernel.registry import everything
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Undo, Visit, acts, moved, shows

PAGE = "/inbox"
MOST = 100
"""Things that the page shows; the pressing ones come first."""


def inbox(visit: Visit) -> Response:
    """All that waits."""
    cards = everything().cards(PAGE)
    shown = {kind for card in cards for kind in card.shows}
    items = [one for one in visit.host.part(Inbox).items() if one.kind not in shown]
    # what a card shows stands where it would among the others: after a trouble, before a backup
    before = [one for one in items if pressing(one.kind) < min(map(pressing, shown), default=0)]
    return visit.show(
        "inbox.html",
        before=before[:MOST],
        items=items[len(before) : MOST],
        more=max(0, len(items) - MOST),
        cards=[
            (one.template, found, bool(one.shows)) for one in cards if (found := one.look(visit)) is not None
        ],
    )


def put_aside(visit: Visit) -> Response:
    """Somebody has seen it."""
    key = visit.form.text("key", MOST_KEY)
    visit.host.part(Inbox).put_aside(key)
    return visit.go(PAGE, said("Put aside."), undo=Undo(f"{PAGE}/back", fields={"key": key}))


def bring_back(visit: Visit) -> Response:
    """It was put aside by mistake."""
    visit.host.part(Inbox).bring_back(visit.form.text("key", MOST_KEY))
    return visit.go(PAGE)


PAGES = [
    shows(PAGE, inbox),
    acts(
        f"{PAGE}/aside",
        put_aside,
        needs=Power.DECIDE,
        words=said("Put something of the inbox aside"),
        back=PAGE,
    ),
    acts(
        f"{PAGE}/back",
        bring_back,
        needs=Power.DECIDE,
        words=said("Took something back into the inbox"),
        back=PAGE,
    ),
    moved("/requests", PAGE),
]

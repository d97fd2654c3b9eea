"""The inbox: what waits for the owner, and what features show there in more detail."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core.texts import said
from freehold.kernel.inbox import Inbox
from freehold.kernel.registry import everything
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, moved, shows

PAGE = "/inbox"
MOST = 100
"""Things that the page shows; the pressing ones come first."""


def inbox(visit: Visit) -> Response:
    """All that waits."""
    cards = everything().cards(PAGE)
    shown = {kind for card in cards for kind in card.shows}
    items = [one for one in visit.host.part(Inbox).items() if one.kind not in shown]
    return visit.show(
        "inbox.html",
        items=items[:MOST],
        more=max(0, len(items) - MOST),
        cards=[(one.template, found) for one in cards if (found := one.look(visit.host)) is not None],
    )


def put_aside(visit: Visit) -> Response:
    """Somebody has seen it."""
    visit.host.part(Inbox).put_aside(visit.form.text("key", 200))
    return visit.go(PAGE, said("Put aside."))


PAGES = [
    shows(PAGE, inbox),
    acts(
        f"{PAGE}/aside",
        put_aside,
        needs=Power.DECIDE,
        words=said("Put something of the inbox aside"),
        back=PAGE,
    ),
    moved("/requests", PAGE),
]

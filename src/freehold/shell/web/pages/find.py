"""Finding everything by words: pages of the console, and what features have."""

from __future__ import annotations

from itertools import chain, zip_longest

from starlette.responses import Response

from freehold.core.texts import said
from freehold.kernel import selecting
from freehold.kernel.registry import everything
from freehold.kernel.web.formats import tr
from freehold.kernel.web.places import Hit
from freehold.kernel.web.visit import Visit, shows
from freehold.shell.web import places

MOST_LETTERS = 200
MOST_EACH = 8
"""Things that one search adds."""
MOST = 30


def find(visit: Visit) -> Response:
    """What mentions all words, whatever it is; each search has its turn, so that none crowds out the others."""
    typed = visit.query.get("q", "")[:MOST_LETTERS]
    words = selecting.words(typed)
    found = (
        [_pages(words), *(look(visit, words, MOST_EACH) for look in everything().every("searches"))]
        if words
        else []
    )
    hits = [one for one in chain.from_iterable(zip_longest(*found)) if one is not None]
    return visit.show("find.html", said=typed, hits=hits[:MOST])


def _pages(words: tuple[str, ...]) -> list[Hit]:
    found = []
    for tab in places.tabs():
        name = places.NAMES[tab.place]
        if selecting.mentions(f"{name} {tab.label} {tr(name)} {tr(tab.label)}", words):
            found.append(Hit(tab.label, said("Page"), tab.path, name))
    return found


PAGES = [shows("/find", find)]

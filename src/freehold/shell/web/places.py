"""The console's places with their tabs, put together of what the shell and all features say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from freehold.core.texts import said
from freehold.kernel.inbox import Inbox
from freehold.kernel.registry import everything
from freehold.kernel.web.places import Place, Tab

NAMES = {
    Place.HOME: said("Home"),
    Place.ASSETS: said("Assets"),
    Place.MARKET: said("Market"),
    Place.MONEY: said("Money"),
    Place.TRUST: said("Trust"),
    Place.SETTINGS: said("Settings"),
}
OWN = (
    Tab(Place.HOME, "/", said("Overview"), 0),
    Tab(
        Place.HOME,
        "/inbox",
        said("Inbox"),
        10,
        lambda host: host.part(Inbox).count(),
        also=("/requests", "/asked"),
    ),
    Tab(Place.HOME, "/health", said("Health"), 90),
    Tab(Place.ASSETS, "/assets", said("All"), 0),
    Tab(Place.SETTINGS, "/settings", said("This node"), 0),
    Tab(Place.SETTINGS, "/settings/people", said("People"), 20),
    Tab(Place.TRUST, "/trail", said("Who did what"), 90),
    Tab(Place.SETTINGS, "/backup", said("Backup"), 90),
)


@cache
def tabs() -> tuple[Tab, ...]:
    """Every tab, in the order of its place."""
    return tuple(sorted((*OWN, *everything().every("tabs")), key=lambda one: one.order))


def of(place: Place) -> list[Tab]:
    """The tabs of a place."""
    return [one for one in tabs() if one.place == place]


@dataclass(frozen=True)
class Here:
    """Where a page is."""

    place: Place | None
    tab: Tab | None


def at(path: str, place: Place | None = None) -> Here:
    """The tab that a page belongs to; `place` where the page says it by itself."""
    if place is not None:
        return Here(place, None)
    # `/settings/people` is a tab of its own below `/settings`
    tab = max((one for one in tabs() if one.holds(path)), key=lambda one: len(one.path), default=None)
    return Here(tab.place, tab) if tab else Here(None, None)


def menu() -> list[tuple[Place, str, str]]:
    """(place, its name, the page that it leads to), as the menu shows them."""
    return [
        (place, name, of(place)[0].path)
        for place, name in NAMES.items()
        if place != Place.SETTINGS and of(place)
    ]


def waiting(place: Place, counts: Mapping[str, int]) -> int:
    """How many things wait for the owner in a place, of how many do at each page."""
    return sum(counts.get(one.path, 0) for one in of(place))

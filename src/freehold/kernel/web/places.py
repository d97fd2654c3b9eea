"""Where things stand in the console: five places by question, their tabs, and the page that every asset has.

A feature adds tabs, facets and sections; it never adds a place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from freehold.core.documents import Asset
from freehold.core.texts import label
from freehold.kernel.host import Host
from freehold.kernel.web.visit import Visit


class Place(StrEnum):
    """A question that somebody comes with; SETTINGS stands in no menu, but behind the person's name."""

    HOME = "home"
    ASSETS = "assets"
    MARKET = "market"
    MONEY = "money"
    TRUST = "trust"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Tab:
    """A page of a place."""

    place: Place
    path: str
    label: str
    order: int
    """Smaller ones stand before; the first is where the place leads."""
    waiting: Callable[[Host], int] | None = None
    """How many things there wait for the owner."""
    also: tuple[str, ...] = ()
    """Beginnings of other addresses that belong to it, such as `/publish`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", label(self.label))

    def holds(self, path: str) -> bool:
        """Whether a page belongs to this tab."""
        return any(
            path == one or (one != "/" and path.startswith(one + "/")) for one in (self.path, *self.also)
        )


@dataclass(frozen=True)
class Facet:
    """A tab of an asset's page; `/assets/{id}/{slug}`."""

    slug: str
    label: str
    order: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", label(self.label))


FACETS = (
    Facet("", "Overview", 0),
    Facet("access", "Access", 10),
    Facet("uses", "Uses", 20),
    Facet("money", "Money", 30),
    Facet("lineage", "Lineage", 40),
    Facet("proof", "Proof", 50),
    Facet("settings", "Settings", 60),
)
"""Those that every kind of asset may have; features add others."""


@dataclass(frozen=True)
class Section:
    """A part of a facet; the page of a facet is all its sections, in their order."""

    kinds: tuple[str, ...]
    """Kinds of assets; empty for every kind."""
    facet: str
    """Its slug."""
    template: str
    """Of the feature's `templates`; its values are in `part`."""
    look: Callable[[Visit, Asset], Mapping[str, Any] | None]
    """What it shows; None leaves it out."""
    order: int
    whose: Literal["own", "others", "any"] = "any"

    def fits(self, asset: Asset, *, mine: bool) -> bool:
        """Whether an asset of this kind and owner has it."""
        return (not self.kinds or asset.asset_kind in self.kinds) and self.whose in (
            "any",
            "own" if mine else "others",
        )


@dataclass(frozen=True)
class Link:
    """Where a button leads."""

    path: str
    """Below the console."""
    label: str


@dataclass(frozen=True)
class Figure:
    """One number with its name."""

    label: str
    value: object
    """Text or markup; None where it is not known now."""
    note: object = ""


@dataclass(frozen=True)
class HeadFacts:
    """What stands above an asset's tabs."""

    lead: object = ""
    tags: tuple[tuple[str, str], ...] = ()
    """(word, mood): good, warn, bad or nothing."""
    action: Link | None = None
    """What its owner, or who looks, most often wants next."""
    figures: tuple[Figure, ...] = ()
    """At most four; the Overview begins with them."""


@dataclass(frozen=True)
class Head:
    """How the page of some kinds of assets begins."""

    kinds: tuple[str, ...]
    look: Callable[[Visit, Asset], HeadFacts]


@dataclass(frozen=True)
class Hit:
    """Something that was found."""

    title: object
    """Text; a stranger's name is escaped and cut where it is shown."""
    kind: str
    """What it is, in a word or two."""
    path: str
    note: object = ""


Search = Callable[[Visit, tuple[str, ...], int], list[Hit]]
"""What finds things by words, all of which they mention in any order: at most so many."""

"""What a feature adds to a node, in one registration: its `feature.py`, the first file to read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from fastapi import APIRouter

from freehold.core.connection import Connection
from freehold.core.documents import Asset, Terms
from freehold.core.errors import FreeholdError
from freehold.kernel.account import Once
from freehold.kernel.evidence.parts import Collected
from freehold.kernel.finding import CheckFound
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.operation import Bound
from freehold.kernel.recurring import Piece
from freehold.kernel.store import Transaction
from freehold.kernel.web.places import Facet, Head, Search, Section, Tab
from freehold.kernel.web.visit import Page, Visit


class Plan(Protocol):
    """Uses that belong together, said exactly, so that nothing of them changes once they are granted."""

    @property
    def run_id(self) -> str:
        """Its hash, which its grants name as `run`."""

    def to_json(self) -> dict[str, Any]:
        """As it travels."""


P = TypeVar("P", bound=Plan)


class Plans(Protocol[P]):
    """How an action reads the plan that comes with each wish for it, judges and remembers it."""

    def read(self, value: Any) -> P:
        """A plan as it came. Raises `InvalidInput`: there is none, or it is malformed."""

    def admit(self, node: Node, asset: Asset, holder: str, plan: P) -> None:
        """It fits what this owner offers. May ask the chain, so it is called outside transactions.

        Raises `NotAllowed` and its kin: it does not.
        """

    def narrow(self, terms: Terms, plan: P) -> dict[str, Any]:
        """Fields of the asset's terms that it narrows, its number of uses among them."""

    def remember(self, node: Node, tx: Transaction, asset: Asset, plan: P) -> tuple[str, ...]:
        """Keep what was agreed to; the runs before it on the same asset, which its grant names.

        Raises `Conflict`: it was granted before. `NotAllowed`: there is no room for it any more.
        """

    def recall(self, tx: Transaction, plan: P) -> None:
        """Keep what was agreed to once and forgotten meanwhile."""

    def size(self, node: Node, run: str) -> int:
        """Bytes that are kept of it."""

    def forget(self, tx: Transaction, run: str) -> None:
        """Nothing came of it."""

    def describing(self, node: Node) -> Callable[[str, P], Any]:
        """What says `(asset id, plan)` to the owner who decides; one list shares its look-ups."""


@dataclass(frozen=True)
class PeerCall:
    """A signed request of another node: `(host, sender's account, body) -> answer`."""

    path: str
    """Below `/peer`."""
    act: Callable[[Host, str, dict[str, Any]], Any]
    """May answer `Waiting` for HTTP 202."""
    heavy: bool = False
    """Takes long, or reads much: such work has turns of its own."""
    large: bool = False
    """Whether a known party's body may be large; a heavy call's may."""
    numbers: bool = False
    """Whether a partner's body is updates or tables: millions of values."""


@dataclass(frozen=True)
class Metric:
    """One metric of `GET /metrics`."""

    name: str
    kind: str
    """counter or gauge"""
    meaning: str
    read: Callable[[Host], Mapping[tuple[str, ...], float]]
    """Values by their labels; `{(): value}` without any."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Action:
    """Something that a grant can allow, and this node acts upon; `words` says whom its price reaches."""

    name: str
    meaning: str
    """A sentence, with the holder as its subject."""
    kinds: tuple[str, ...]
    """Kinds of assets that it is done with."""
    plans: Plans[Any] | None = None
    """How the plan is read that each wish for it brings along; None where terms alone say what is asked for."""


A_co = TypeVar("A_co", covariant=True)


class Question(Generic[A_co]):
    """What one feature asks those that need it: a frozen dataclass in its folder, answered with an `A_co` by each."""


@dataclass(frozen=True)
class Reminder:
    """Something that waits for the owner, shown in the inbox and at Home."""

    text: str
    """A sentence; plain text, escaped where it is shown."""
    href: str
    """Page below the console where it is done."""
    action: str
    """What is done there, on a button."""
    key: str
    """Names it for as long as it waits; another thing has another."""
    kind: str
    """A word for what it is, such as `request`; `kernel.inbox` says which press most."""
    since: int = 0
    """Unix seconds; 0 where it is not known."""
    closable: bool = False
    """Whether it can be put aside without being done."""


class Aim(StrEnum):
    """What somebody comes to a new node for."""

    SHARE = "share"
    BUILD = "build"
    BUY = "buy"
    AUDIT = "audit"
    RUN = "run"


@dataclass(frozen=True)
class FirstStep:
    """One of the first steps of whoever comes for something, listed at Home until all are done."""

    aims: tuple[Aim, ...]
    order: int
    """Smaller ones come before."""
    text: str
    """A sentence."""
    href: str
    """Page below the console where it is done."""
    action: str
    """What is done there, on a button."""
    done: Callable[[Host], bool]
    """Whether it is done, as the node has it; quick."""


@dataclass(frozen=True)
class Card:
    """A part of a page that features make up together: the console's Home, its inbox, or its settings."""

    template: str
    """Of the feature's `templates`; its values are in `card`."""
    look: Callable[[Visit], Any]
    place: int
    """Smaller ones stand higher; at Home below 0 across the page, before the columns."""
    page: str = "/"
    """Home, `/inbox` or `/settings`."""
    shows: tuple[str, ...] = ()
    """Kinds of reminders that it shows by itself, in more detail."""


@dataclass(frozen=True)
class Feature:
    """A registration. Two that say the same name, path, command or kind do not start.

    What must load without the rest of a feature stands in files of fixed names beside it (`kernel.installed`): `wire`,
    `terminal`, `tables` (migrations), `settings`, `words` (kinds of assets and claims, actions), `checks` (evidence).
    """

    name: str
    about: str
    """A sentence."""
    needs: tuple[str, ...] = ()
    """Features that it imports, with all that those need."""
    operations: tuple[Bound, ...] = ()
    peer_calls: tuple[PeerCall, ...] = ()
    routes: tuple[Callable[[Host], APIRouter], ...] = ()
    """Open to everybody, where a protocol of others says how they look."""
    vouching: Mapping[str, Callable[[Host, Mapping[str, str]], None]] = field(default_factory=dict)
    """Path of a route open to everybody -> raises unless the head of a request shows who sends a large body."""
    partners: tuple[Callable[[Node, str], bool], ...] = ()
    """Whether an account has dealt with this party; may note what the chain tells of it."""
    finders: Mapping[str, Callable[[Host, str], str]] = field(default_factory=dict)
    """Kind of thing -> its id, of what somebody typed."""
    parts: tuple[Callable[[Host], object], ...] = ()
    """Long-lived parts; one of each class, found by `host.part`. Where one has a `begin`, it goes on there with what was
    under way when the node stopped; where it has a `stop`, it comes to an end there."""
    recurring: tuple[Callable[[Host], tuple[Piece, ...]], ...] = ()
    pages: tuple[Page, ...] = ()
    tabs: tuple[Tab, ...] = ()
    """Pages in one of the console's places."""
    facets: tuple[Facet, ...] = ()
    """Tabs of an asset's page besides those that every kind has."""
    sections: tuple[Section, ...] = ()
    """What it shows on assets' pages."""
    heads: tuple[Head, ...] = ()
    """How the pages of its kinds of assets begin."""
    searches: tuple[Search, ...] = ()
    """What finds its things by words."""
    first_steps: tuple[FirstStep, ...] = ()
    reminders: tuple[Callable[[Host], Iterable[Reminder]], ...] = ()
    cards: tuple[Card, ...] = ()
    notices: tuple[Callable[[Node], Iterable[FreeholdError]], ...] = ()
    """What is wrong with this home, as `status` and the console say it."""
    facts: tuple[Callable[[Host], Mapping[str, Any]], ...] = ()
    """What `status` says of it; `STATUS` in its `wire` is their shape."""
    tasks: tuple[Callable[[Host], list[dict[str, Any]]], ...] = ()
    """Jobs in the background, as `status` lists them."""
    topics: Mapping[str, Callable[[Host], Any]] = field(default_factory=dict)
    """Topic of news -> what open pages are told has changed when it has."""
    listens: Mapping[type, Callable[[Any, Any], None]] = field(default_factory=dict)
    """Event -> what is done in the same transaction or call: `(node, event)`, or the host where the event says so."""
    answers: Mapping[type[Question[Any]], Callable[[Any, Any], Any]] = field(default_factory=dict)
    """Question -> what there is to say to it: `(node, question)`, or the host where the question says so."""
    actions: tuple[Action, ...] = ()
    once: Mapping[str, Once] = field(default_factory=dict)
    """"Contract.function" that it sends -> when such an act is done already."""
    evidence: tuple[Callable[[Node, Asset], Callable[[], Collected] | None], ...] = ()
    """What collects the evidence of a thing, where it came about here by what this feature does."""
    metrics: tuple[Metric, ...] = ()
    doctor: tuple[Callable[[Connection], Iterable[CheckFound]], ...] = ()
    """Checks of a home's database from outside, as `freehold doctor` asks them, whether the node runs or not."""
    adopted: tuple[Callable[[Transaction, Mapping[str, Any]], None], ...] = ()
    """What is closed when a restored home goes on and its owner cannot say that nothing happened since the backup;
    with what is known of the restored state."""
    catalogue: tuple[Callable[[Node], Mapping[str, Any]], ...] = ()
    """What it says at `/catalogue`, which other nodes read."""

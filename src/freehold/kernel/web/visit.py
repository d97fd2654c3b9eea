"""One request of a person who is logged in, and how a page answers it.

A handler takes a `Visit`, calls the same node functions as the control API, and returns `visit.show(...)`
or, after an act, `visit.go(...)`. It runs in a worker thread, so it may block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from freehold.chain.errors import ChainUnreachable
from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset
from freehold.core.errors import Conflict, FreeholdError
from freehold.core.ids import sha256_hex
from freehold.core.texts import Moment, said
from freehold.kernel.door import CONSOLE_PATH, Door
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.web.forms import Form
from freehold.kernel.web.powers import OWNER, May, Person, Power
from freehold.kernel.web.words import problem

T = TypeVar("T")


class Answered(Exception):
    """A part of a page that was asked for by itself, such as the file of a list, answers in the place of the page."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True)
class Undo:
    """A form that takes an act back, where that is true: afterwards all is as it was."""

    path: str
    """What it posts to, below the console."""
    label: str = said("Undo")
    fields: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    """What the act set; where it is said, the act is taken back only while that still stands."""

    @property
    def mark(self) -> str:
        """Says what the act set, in the form that takes it back."""
        return _mark(self.after)


def _mark(values: Mapping[str, str]) -> str:
    return sha256_hex(canonical_bytes(dict(values)))


@dataclass(frozen=True)
class Notice:
    """What the next page says of an act."""

    kind: str
    """good, warn or bad."""
    sentence: str
    undo: Undo | None = None


class Session(Protocol):
    """Somebody who is logged in."""

    csrf: str
    """Stands in every form that this session may post."""

    @property
    def kept(self) -> dict[str, Any]:
        """What pages keep for the next one, in memory."""

    def say(self, sentence: str, kind: str = "good", undo: Undo | None = None) -> None:
        """Show a sentence with the next page."""

    def heard(self) -> list[Notice]:
        """What was said and not shown yet; only once."""


class Rendering(Protocol):
    """Makes pages."""

    def waiting(self, host: Host) -> dict[str, int]:
        """How many things wait for the owner, by the page where they do."""

    def page(self, template: str, status: int, **values: Any) -> Response:
        """A template as an answer."""

    def asset(self, visit: Visit, asset: Asset, facet: str, **values: Any) -> Response:
        """One facet of an asset's page."""


@dataclass(frozen=True)
class Visit:
    """What a handler gets."""

    door: Door
    host: Host
    session: Session
    path: str
    """The page's address below the console, such as `/data`."""
    params: Mapping[str, str]
    """Parts of the address in braces."""
    query: Mapping[str, str]
    form: Form
    """What was posted; empty for a GET."""
    rendering: Rendering
    theme: str
    """light, dark, or empty for the system's choice."""
    live: bool = False
    """Nobody is shown the page anew: what is shown once is kept for whoever is."""
    logout_all: Callable[[], None] = field(default=lambda: None)
    check: Callable[[str], None] = field(default=lambda _: None)
    """Raises unless given this node's passphrase; as slow as the log-in for who guesses."""
    person: Person = OWNER
    """Who is logged in."""

    def may(self, power: Power) -> bool:
        """Whether who is logged in has a power; a page offers only what it may."""
        return power in self.person.powers

    @property
    def node(self) -> Node:
        """The node."""
        return self.host.node

    def kept(self, kind: type[T]) -> T:
        """The only one of a kind that the session keeps."""
        found: T = self.session.kept.setdefault(kind.__name__, kind())
        return found

    def show(
        self, template: str, status: int = 200, *, error: FreeholdError | None = None, **values: Any
    ) -> Response:
        """A page out of `templates/`, with everything the frame around it needs, and what went wrong before it."""
        frame = {
            "name": self.node.settings.name,
            "path": self.path,
            "address": f"{self.path}?{asked}" if (asked := urlencode(self.query)) else self.path,
            "csrf": self.session.csrf,
            "theme": self.theme,
            "notices": [] if self.live else self.session.heard(),
            "waiting": self.rendering.waiting(self.host),
            "place": None,
            "person": self.person,
            "may": May.of(self.person),
            "posted": bool(self.form.fields),
            "made_at": self.node.now(),
            "chain_away": self._chain_away(),
        }
        status = error.http_status if error else status
        return self.rendering.page(template, status, **frame | values, error=error)

    def _chain_away(self) -> Moment | None:
        """When the network answered last, while it does not."""
        look = self.host.readiness.soon(0.05)
        away = look.reasons.get("chain") == ChainUnreachable.code
        return Moment(self.node.now() - int(look.answered_ago)) if away else None

    def require_last(self, stands: Mapping[str, str]) -> None:
        """What takes an act back takes nothing back that came after it. Raises `Conflict`: other values stand now."""
        if (mark := self.form.text("undoes", 80)) and mark != _mark(stands):
            raise Conflict(
                said("this was changed again meanwhile"),
                hint=said("Nothing was taken back. Look at what stands here now."),
            )

    def asset(
        self, asset: Asset, facet: str = "", *, error: FreeholdError | None = None, **values: Any
    ) -> Response:
        """The page of an asset, at one of its tabs; what a form there could not do, and why."""
        return self.rendering.asset(self, asset, facet, error=error, **values)

    def go(
        self,
        path: str,
        sentence: str = "",
        kind: str = "good",
        *,
        undo: Undo | None = None,
        done: bool | None = None,
    ) -> Response:
        """On to a page below the console, which then says what was done, and offers to take it back.

        The trail holds what was `done`: by itself, what is good to hear.
        """
        # a page that only refreshes itself did nothing; its reader would hear the sentence with another act's
        if sentence and not self.live:
            self.session.say(sentence, kind, undo)
        to = RedirectResponse if (kind == "good" if done is None else done) else NotDone
        return to(CONSOLE_PATH + path, status_code=303)


class NotDone(RedirectResponse):
    """On to a page that says why an act was not done."""

    why: FreeholdError | None = None
    """What went wrong; None where there was nothing to do."""


Handler = Callable[[Visit], Response]


@dataclass(frozen=True)
class Page:
    """An address and what answers there."""

    path: str
    handler: Handler
    method: str = "GET"
    takes_file: bool = False
    needs: Power = Power.LOOK
    """Whoever lacks it is refused before anything of the request is read."""
    words: str = ""
    """What the act does, as the trail of acts says it: "Accepted a request"."""
    promises: Power | None = None
    """What a button that leads here promises, where that is more than looking: it is shown to whoever may do it."""


def shows(path: str, handler: Handler, *, needs: Power = Power.LOOK, promises: Power | None = None) -> Page:
    """A page to look at; it changes nothing. One that only asks whether to act needs what the act does.

    Where its act is the point of it, and there is something to see besides, it `promises` what the act needs.
    """
    return Page(path, handler, needs=needs, promises=promises)


def moved(path: str, to: str) -> Page:
    """An address of before, and where that page is now; parts in braces stay what they were."""

    def away(visit: Visit) -> Response:
        query = f"?{urlencode(list(visit.query.items()))}" if visit.query else ""
        return RedirectResponse(CONSOLE_PATH + to.format(**visit.params) + query, 307)

    return Page(path, away)


def acts(
    path: str,
    handler: Handler,
    *,
    needs: Power = Power.MANAGE,
    words: str = "",
    takes_file: bool = False,
    back: str = "",
) -> Page:
    """What a form posts to; power and token are checked before. `words` say in the trail of acts what was done.

    What goes wrong is said on the page `back`, where one is named.
    """

    @functools.wraps(handler)
    def act(visit: Visit) -> Response:
        try:
            return handler(visit)
        except FreeholdError as error:
            visit.session.say(problem(error), "bad")
            answer = NotDone(CONSOLE_PATH + back, status_code=303)
            answer.why = error
            return answer

    return Page(path, act if back else handler, "POST", takes_file, needs, words)

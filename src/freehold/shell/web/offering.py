"""What a page offers to whom: forms and links to acts that somebody may not do are taken out of it.

One place for all pages, so that none can forget it; the console refuses such an act besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import escape
from starlette.routing import compile_path

from freehold.kernel.door import CONSOLE_PATH
from freehold.kernel.web.formats import tr
from freehold.kernel.web.powers import WHO, Person, Power
from freehold.kernel.web.visit import Page

# a template's own words: what others wrote is escaped, and forms stand in no other form
_FORM = re.compile(r"<form\b([^>]*)>.*?</form>", re.DOTALL)
_LINK = re.compile(r"<a\b([^>]*)>(.*?)</a>", re.DOTALL)
_POST, _BUTTON = re.compile(r'\bmethod="post"'), re.compile(r'\bclass="[^"]*\bbutton\b')
_TO = {"form": re.compile(r'\baction="([^"]*)"'), "a": re.compile(r'\bhref="([^"]*)"')}


class Offering:
    """What each address needs."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._pages = [(compile_path(one.path)[0], one) for one in pages]

    def needs(self, method: str, address: str, *, button: bool = False) -> Power:
        """The power that an address takes, or that a button leading there promises."""
        path = address.removeprefix(CONSOLE_PATH).partition("?")[0].partition("#")[0]
        for pattern, page in self._pages:
            if page.method == method and pattern.fullmatch(path):
                return (page.promises if button else None) or page.needs
        return Power.LOOK

    def to(self, person: Person, page: str) -> str:
        """A page as somebody is shown it, who is told once of each power that they lack."""
        if person.powers == frozenset(Power):
            return page
        told: set[Power] = set()

        def form(found: re.Match[str]) -> str:
            to = _TO["form"].search(found[1])
            needs = self.needs("POST", to[1]) if to and _POST.search(found[1]) else Power.LOOK
            if needs in person.powers:
                return found[0]
            if needs in told:
                return ""
            told.add(needs)
            return f'<span class="soft">{escape(tr(WHO[needs]))}</span>'

        def link(found: re.Match[str]) -> str:
            to = _TO["a"].search(found[1])
            button = _BUTTON.search(found[1]) is not None
            if not to or self.needs("GET", to[1], button=button) in person.powers:
                return found[0]
            return "" if button else found[2]

        return _LINK.sub(link, _FORM.sub(form, page))

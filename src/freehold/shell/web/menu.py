"""Every page there is, and what stands in the menu."""

from __future__ import annotations

from freehold.kernel.feature import MenuEntry
from freehold.kernel.host import Host
from freehold.kernel.registry import everything
from freehold.kernel.web.visit import Page
from freehold.shell.web.pages import backup, home, settings

OWN = (home, settings, backup)
HOME = MenuEntry("/", "Home", 0)


def pages() -> list[Page]:
    """Those of the shell, and of each feature."""
    return [*(page for module in OWN for page in module.PAGES), *everything().every("pages")]


def entries() -> list[MenuEntry]:
    """In the order of the menu."""
    return sorted([HOME, *everything().every("menu")], key=lambda one: one.place)


def waiting(host: Host) -> dict[str, int]:
    """How many things wait for the owner, by the page where they do."""
    return {one.path: one.waiting(host) for one in entries() if one.waiting is not None}


def topics(host: Host) -> dict[str, object]:
    """What open pages are told has changed when it has, by topic."""
    return {topic: look(host) for one in everything().features for topic, look in one.topics.items()}

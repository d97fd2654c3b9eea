"""Every page there is, and what waits for the owner."""

from __future__ import annotations

from freehold.console.pages import home
from freehold.console.visit import Page
from freehold.node.services import Services

MODULES = (home,)
PAGES: list[Page] = [page for module in MODULES for page in module.PAGES]


def waiting(services: Services) -> int:
    """How many requests wait for the owner's decision."""
    del services
    return 0

"""Every page there is, and what waits for the owner."""

from __future__ import annotations

from freehold.console.pages import (
    backup,
    data,
    disputes,
    earnings,
    home,
    jobs,
    lineage,
    log,
    market,
    models,
    publish,
    receipt,
    settings,
    train,
    uses,
)
from freehold.console.pages import requests as requests_pages
from freehold.console.visit import Page
from freehold.node import requests
from freehold.node.services import Services

MODULES = (
    home,
    data,
    publish,
    requests_pages,
    settings,
    backup,
    uses,
    receipt,
    earnings,
    models,
    market,
    train,
    jobs,
    disputes,
    lineage,
    log,
)
PAGES: list[Page] = [page for module in MODULES for page in module.PAGES]


def waiting(services: Services) -> int:
    """How many requests wait for the owner's decision."""
    return requests.count_waiting(services.node)

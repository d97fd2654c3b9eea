"""Every page there is, and what waits for the owner."""

from __future__ import annotations

from freehold.features.data.pages import data, market, publish
from freehold.features.earnings import pages as earnings
from freehold.features.grants import pages as requests_pages
from freehold.features.grants import requests
from freehold.features.models import pages as models
from freehold.features.proof.pages import lineage, log, receipt, uses
from freehold.features.training.pages import disputes, jobs, train
from freehold.kernel.web.visit import Page
from freehold.shell.services import Services
from freehold.shell.web.pages import backup, home, settings

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

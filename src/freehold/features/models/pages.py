"""Models: those trained here and those of others, and what is being made."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from freehold.features.models import shown
from freehold.kernel import uses
from freehold.kernel.feature import Question
from freehold.kernel.registry import everything
from freehold.kernel.web.visit import Visit, shows


@dataclass(frozen=True)
class Coming:
    """A model that is being made."""

    path: str
    """Its page."""
    name: str
    doing: str
    """What happens now."""
    state: str
    """In a word or two."""
    mood: str
    """good, warn or bad."""


@dataclass(frozen=True)
class UnderWay(Question[list[Coming]]):
    """What is being made, the newest first; asked with the host."""


def overview(visit: Visit) -> Response:
    """Every known model, those made here first, and jobs under way."""
    node = visit.node
    found = shown.models(node)
    rows = [{**row, "calls": uses.count(node, row["id"], "infer")[0]} for row in found[::-1]]
    return visit.show(
        "models.html",
        own=[row for row in rows if row["mine"]],
        others=[row for row in rows if not row["mine"]],
        coming=[one for said in everything().ask(visit.host, UnderWay()) for one in said],
    )


PAGES = [shows("/models", overview)]

"""The page of notes."""

from __future__ import annotations

from freehold.features.notes import keeping
from starlette.responses import Response

from freehold.kernel.web.visit import Visit, shows


def notes(visit: Visit) -> Response:
    """The newest notes."""
    return visit.show("notes.html", notes=keeping.newest(visit.node, 100))


PAGES = (shows("/notes", notes),)

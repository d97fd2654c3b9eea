"""Home: what needs me, what I earned, what was used lately, whether all is well."""

from __future__ import annotations

from starlette.responses import Response

from freehold.console.visit import Visit, shows


def home(visit: Visit) -> Response:
    """The page everybody starts at."""
    return visit.show("home.html")


PAGES = [shows("/", home)]

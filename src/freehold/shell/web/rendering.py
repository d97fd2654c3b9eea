"""Templates, and the files that every page uses, under addresses that change with their content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from freehold.core.documents import Asset
from freehold.kernel.door import CONSOLE_PATH
from freehold.kernel.host import Host
from freehold.kernel.web import charts, words
from freehold.kernel.web.powers import OWNER, ROLE_NAMES
from freehold.kernel.web.reader import reader
from freehold.kernel.web.visit import Visit
from freehold.shell.web import places, reading, translating
from freehold.shell.web.offering import Offering
from freehold.shell.web.pages import assets

_HERE = Path(__file__).parent
_FEATURES = _HERE.parents[1] / "features"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Rendering:
    """Makes pages; one for the whole console."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted((_HERE / "static").iterdir())}
        digest = hashlib.sha256(b"\0".join(self._files.values())).hexdigest()
        self.version = digest[:16]
        self._environment = Environment(
            loader=FileSystemLoader([_HERE / "templates", *sorted(_FEATURES.glob("*/templates"))]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=words.finished,
            extensions=["jinja2.ext.i18n"],
        )
        self.offering = Offering(())
        translating.install(self._environment)
        self._environment.filters |= words.FILTERS
        self._environment.globals |= {
            "reader": reader,
            "languages": reading.LANGUAGES,
            "root": CONSOLE_PATH,
            "static": lambda name: f"{CONSOLE_PATH}/static/{self.version}/{name}",
            "charts": charts,
            "places": places,
            "PURPOSES": words.PURPOSES,
            "ROLE_NAMES": ROLE_NAMES,
        }

    def waiting(self, host: Host) -> dict[str, int]:
        """How many things wait for the owner, by the page where they do."""
        return {one.path: one.waiting(host) for one in places.tabs() if one.waiting is not None}

    def asset(self, visit: Visit, asset: Asset, facet: str, **values: Any) -> Response:
        """One facet of an asset's page."""
        return visit.show("asset.html", **assets.facts(visit, asset, facet), **values)

    def page(self, template: str, status: int, **values: Any) -> Response:
        """A template as an answer."""
        text = self._environment.get_template(template).render(**values)
        return HTMLResponse(self.offering.to(values.get("person", OWNER), text), status)

    async def file(self, request: Request) -> Response:
        """A file of the package; for ever the same under its address."""
        name = request.path_params["name"]
        content = self._files.get(name)
        if content is None or request.path_params["version"] != self.version:
            return Response("no such file\n", 404, media_type="text/plain")
        kept = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(content, headers=kept, media_type=_TYPES[Path(name).suffix])

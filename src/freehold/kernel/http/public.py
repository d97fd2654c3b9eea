"""What anyone may read: who this is, what is on offer, the log (C2SP tlog-tiles paths); ready or not, and metrics."""

from __future__ import annotations

import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from freehold.chain import deployments
from freehold.core.errors import NotAllowed, NotFound
from freehold.core.version import VERSION
from freehold.kernel import logbook
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.registry import Registry
from freehold.log.store import NotInLog
from freehold.log.tiles import TILE_WIDTH, TileAddress

if TYPE_CHECKING:
    from freehold.kernel.metrics import Metrics

_TILE_HEADERS = {"cache-control": "public, max-age=31536000, immutable"}


def router(node: Node, registry: Registry) -> APIRouter:
    """Routes that read only."""
    routes = APIRouter()

    @routes.get("/.well-known/freehold.json")
    def about() -> dict[str, Any]:
        return {
            "party": node.party.to_json(),
            "chain_id": node.chain_id,
            "contracts": {name: node.contract(name) for name in deployments.names()},
            "software": f"freehold/{VERSION}",
        }

    @routes.get("/healthz")
    def health() -> dict[str, Any]:
        return {"ok": True}

    @routes.get("/catalogue")
    def offers() -> JSONResponse:
        # written at once: looking through each value of so many first takes a second
        return JSONResponse(
            {name: value for say in registry.every("catalogue") for name, value in say(node).items()}
        )

    @routes.get("/documents/{document_id}")
    def document(document_id: str) -> dict[str, Any]:
        if not node.store.is_public(document_id):
            raise NotFound("no public document of that id is here")
        return node.store.get(document_id).to_json()

    @routes.get("/log/checkpoint", response_class=PlainTextResponse)
    def checkpoint() -> str:
        return logbook.checkpoint(node)

    @routes.get("/log/tile/{path:path}")
    def tile(path: str) -> Response:
        address = TileAddress.parse(f"tile/{path}")
        with node.store.log() as log:
            # a partial tile of a log that has grown since is still what a client of an older size asks for
            if address.level is None:
                content = log.entries_tile(address.index, address.width)
            else:
                content = log.tile(address.level, address.index, address.width)
        if not content:
            raise NotInLog("the log has no such tile")
        headers = _TILE_HEADERS if address.width == TILE_WIDTH else {}
        return Response(content, media_type="application/octet-stream", headers=headers)

    return routes


_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class MetricsPrivate(NotAllowed, code="metrics.private"):
    """Metrics are for this machine, or for nobody, as the settings say."""


def monitoring(host: Host) -> APIRouter:
    """`/readyz` for all, `/metrics` for those the settings admit."""
    routes = APIRouter()
    made: list[Metrics] = []
    making = threading.Lock()

    @routes.get("/readyz", responses={503: {"description": "Not ready; `checks` say why."}})
    def ready() -> JSONResponse:
        look = host.readiness.look()
        return JSONResponse(look.to_json(), status_code=200 if look.ready else 503)

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics(request: Request) -> Response:
        _require_admitted(request, host.node.settings.metrics)
        from freehold.kernel import metrics as page  # noqa: PLC0415 - takes 0.1 s to import

        with making:
            if not made:
                made.append(page.Metrics(host))
            return Response(made[0].text(), media_type=page.CONTENT_TYPE)

    return routes


def _require_admitted(request: Request, who: str) -> None:
    """Refuse whoever may not read metrics. Raises `MetricsPrivate`."""
    if who == "all":
        return
    # a proxy on this machine comes from loopback too: it names whom it speaks for, or the public host
    local = (
        who == "loopback"
        and _is_loopback(request.client.host if request.client else "")
        and not any(name in request.headers for name in _FORWARDED)
        and _is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")
    )
    if not local:
        raise MetricsPrivate("metrics are not for everybody", hint="See the setting metrics.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

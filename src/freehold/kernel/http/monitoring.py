"""What supervisors and monitoring ask: ready or not, and the metrics."""

from __future__ import annotations

import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from freehold.core.errors import NotAllowed
from freehold.kernel.host import Host

if TYPE_CHECKING:
    from freehold.kernel.metrics import Metrics

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class MetricsPrivate(NotAllowed):
    """Metrics are for this machine, or for nobody, as the settings say."""

    code = "metrics.private"


def router(host: Host) -> APIRouter:
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

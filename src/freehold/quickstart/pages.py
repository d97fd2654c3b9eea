"""The report as a page on loopback until Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.quickstart import result_page

if TYPE_CHECKING:
    from starlette.requests import Request

    from freehold.quickstart.run import Result


def application(result: Result) -> Starlette:
    """Page, picture and report; nothing else."""
    page = result_page.render(result.values, result.lineage)
    headers = {
        "content-security-policy": result_page.policy(page),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
    }

    def home(_: Request) -> Response:
        return Response(page, media_type="text/html", headers=headers)

    def picture(_: Request) -> Response:
        policy = result_page.policy(result.lineage)
        return Response(
            result.lineage, media_type="image/svg+xml", headers={**headers, "content-security-policy": policy}
        )

    def report(_: Request) -> Response:
        return JSONResponse(result.values, headers=headers)

    # a name that a stranger's DNS points at this machine is refused
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    routes = [Route("/", home), Route("/lineage.svg", picture), Route("/report.json", report)]
    return Starlette(routes=routes, middleware=[hosts])


def serve(result: Result, port: int = 0) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C; its address goes to stderr."""
    listener = socket.create_server(("127.0.0.1", port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    sys.stderr.write(
        f"\nThe same as a page: {url}\n"
        f"Everything still runs: try freehold earnings --home {result.directory / 'alder'}\n"
        "Ctrl-C ends it.\n"
    )
    sys.stderr.flush()
    config = uvicorn.Config(application(result), log_level="warning", access_log=False, lifespan="off")
    # uvicorn raises the Ctrl-C that ended it once more; here that is the ordinary end
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])

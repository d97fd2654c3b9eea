"""One FastAPI application out of the four routers, with the limits and errors they share."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from freehold import __version__
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.node.api import control, paid, peer, public
from freehold.node.services import Services

MAX_BODY_BYTES = peer.MAX_BODY_BYTES
_log = logging.getLogger("freehold")

BODY_SECONDS = 30.0

Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(InvalidInput):
    """A request body is over the limit."""

    code = "http.too_large"
    http_status = 413


class TooSlow(InvalidInput):
    """A request body did not arrive in time."""

    code = "http.too_slow"
    http_status = 408


def create(services: Services, api_token: str) -> FastAPI:
    """The application of one node."""
    app = FastAPI(title="Freehold node", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(public.router(services.node))
    app.include_router(peer.router(services))
    app.include_router(paid.router(services.node, services.gateway))
    app.include_router(control.router(services, api_token))
    app.middleware("http")(_bounded)
    app.add_exception_handler(FreeholdError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _crash)
    return app


async def _bounded(request: Request, call_next: Handler) -> Response:
    """Refuse a body over the limit, by its header or while it arrives."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
        return problem(TooLarge("the body is too large", hint=f"At most {MAX_BODY_BYTES} bytes."))
    if request.method == "POST":
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return problem(TooLarge("the body is too large", hint=f"At most {MAX_BODY_BYTES} bytes."))
        except ClientDisconnect:
            # nobody is left to read the answer; it is no fault of this node
            return Response(status_code=400)
        # Starlette reads a cached body from here, so that routes see what was just counted
        request._body = bytes(body)  # noqa: SLF001
    response = await call_next(request)
    response.headers.setdefault("x-content-type-options", "nosniff")
    return response


def problem(error: FreeholdError) -> JSONResponse:
    """An error as RFC 9457 problem details."""
    return JSONResponse(error.problem(), status_code=error.http_status, media_type="application/problem+json")


async def _problem(_: Request, error: Any) -> Response:
    return problem(error)


async def _invalid(_: Request, error: Any) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(InvalidInput(f"{where}: {first['msg']}", hint="See docs/reference/http.md."))


async def _http(_: Request, error: Any) -> Response:
    body = {
        "type": "about:blank",
        "title": str(error.detail),
        "status": error.status_code,
        "code": "http",
        "hint": "",
    }
    return JSONResponse(body, status_code=error.status_code, media_type="application/problem+json")


async def _crash(request: Request, error: Exception) -> Response:
    # the text of an unexpected error may hold anything, so it goes to this node's log only
    _log.error("unexpected error at %s", request.url.path, exc_info=error)
    return problem(FreeholdError("this node met an unexpected error", hint="Its log says more."))

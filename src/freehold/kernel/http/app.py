"""One FastAPI application out of what kernel and features answer, with the limits and errors they share."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope, Send

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.version import VERSION
from freehold.kernel import faults
from freehold.kernel.client import is_bearer
from freehold.kernel.door import problem
from freehold.kernel.host import Host
from freehold.kernel.http import operations, peer, public
from freehold.kernel.http.direct import DirectRoute
from freehold.kernel.http.gate import Gate
from freehold.kernel.limits import Buckets
from freehold.kernel.operation import SCHEMA, refused
from freehold.kernel.registry import everything
from freehold.kernel.shape import Problem

_log = logging.getLogger("freehold")
_tracebacks = Buckets(6)
"""So many a minute of one kind of error: where a request can cause one, it can again and again."""

_VERBS = ("GET", "DELETE", "PATCH", "POST", "PUT")
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": said, "content": {"application/problem+json": {"schema": _PROBLEM}}}
    for status, said in (("4XX", "Refused; the code says why."), ("5XX", "Not now; the code says why."))
}


class Served:
    """The application of one node, to stand behind its gate."""

    def __init__(self, routes: FastAPI, host: Host, api_token: str) -> None:
        self._routes, self._host, self._token = routes, host, api_token
        self._direct = {
            (method, one.path): one
            for one in routes.router.routes
            if isinstance(one, DirectRoute)
            for method in one.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            direct = self._direct.get((scope.get("method", ""), scope["path"]))
            if direct is None:
                await self._routes(scope, receive, send)
            else:
                await _directly(direct, scope, receive, send)
            return
        # as RFC 9110 section 9.3.2 has it, whatever can be got: the same head, without the content
        asked = {**scope, "method": "GET"}

        async def head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        try:
            await self._routes(asked, receive, head)
        finally:
            scope["route"] = asked.get("route")

    def knows(self, scope: Scope) -> bool:
        """Whether the request carries the API token."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return is_bearer(given, self._token)

    def vouch(self, scope: Scope) -> None:
        """A known party signed the head, or a payer that holds a grant promised the price.

        Raises `UnknownParty`, `InvalidSignature`, `Unpaid`, `InvalidPayment`, `PaymentRefused`.
        """
        request = Request(scope)
        if request.url.path.startswith("/peer/"):
            peer.vouch(self._host.node, request)
            return
        if vouch := everything().vouching.get(request.url.path):
            vouch(self._host, request.headers)


def guarded(host: Host, api_token: str) -> Gate:
    """The application of one node behind a gate of its own."""
    return Gate(create(host, api_token), host.node.settings, host.tally)


def create(host: Host, api_token: str) -> Served:
    """The application of one node."""
    app, registry = _application(), everything()
    # each as it is: what is included would be put together once more, for what only OpenAPI tells
    for one in _routers(host):
        app.router.routes.extend(one.routes)
    app.router.routes.extend(operations.served(host, registry, api_token))
    app.add_exception_handler(FreeholdError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _crash)
    # written once, when it is asked for: it is the largest answer that anyone may ask for
    written = cache(lambda: _description(host, api_token))
    app.router.routes.append(
        Route("/openapi.json", lambda _: Response(written(), media_type="application/json"))
    )
    return Served(app, host, api_token)


def _application() -> FastAPI:
    return FastAPI(
        title="Freehold node",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses=_REFUSALS,
    )


def _routers(host: Host) -> Iterator[APIRouter]:
    """What is answered besides operations."""
    registry = everything()
    yield public.router(host.node, registry)
    yield public.monitoring(host)
    yield peer.router(host, registry)
    for routes in registry.every("routes"):
        yield routes(host)


def _description(host: Host, api_token: str) -> bytes:
    app = _application()
    for one in (*_routers(host), operations.router(host, everything(), api_token)):
        app.include_router(one)
    said = app.openapi()
    # as a `model` it would be described as if it came as application/json
    said["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return json.dumps(said, separators=(",", ":")).encode()


async def _directly(route: DirectRoute, scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"] = route
    request = Request(scope, receive, send)
    try:
        answer: Response = await route.endpoint(request)
    except FreeholdError as error:
        answer = problem(error)
    except Exception as error:  # noqa: BLE001 - any, as the framework would
        answer = await _crash(request, error)
    await answer(scope, receive, send)


async def _problem(_: Request, error: Any) -> Response:
    return problem(error)


async def _invalid(_: Request, error: Any) -> Response:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(InvalidInput("the body is no JSON", hint=SCHEMA))
    # the first part says whether it stood in path, query or body
    return problem(refused({**first, "loc": first["loc"][1:]}))


async def _http(request: Request, error: Any) -> Response:
    if error.status_code == 400:
        return problem(
            InvalidInput("the body cannot be read", hint="Send JSON with whole numbers of few digits.")
        )
    body = {
        "type": "about:blank",
        "title": str(error.detail),
        "status": error.status_code,
        "code": "http",
        "hint": "",
        "exit_code": FreeholdError.exit_code,
    }
    headers = {"allow": _allowed(request)} if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else None
    return JSONResponse(body, error.status_code, headers, "application/problem+json")


def _allowed(request: Request) -> str:
    """The methods of every route of this address; the framework names those of the first alone."""
    found = [
        verb
        for verb in _VERBS
        if any(
            route.matches({**request.scope, "method": verb})[0] is Match.FULL for route in request.app.routes
        )
    ]
    return ", ".join(["GET", "HEAD", *found[1:]] if "GET" in found else found)


async def _crash(request: Request, error: Exception) -> Response:
    # the text of an unexpected error may hold anything, so it goes to this node's log only
    route = str(getattr(request.scope.get("route"), "path", "")) or "other"
    told = None if _tracebacks.take(type(error).__name__) else _log
    return problem(faults.met_by_node(error, route, told))

"""Every registered operation as a route below `/api`, described in OpenAPI by what it asks and answers."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable
from functools import partial
from operator import getitem
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import ConfigDict, create_model
from pydantic.fields import FieldInfo
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from freehold.core.errors import InvalidInput
from freehold.kernel.client import is_bearer
from freehold.kernel.host import Host
from freehold.kernel.http.gate import Unauthorised
from freehold.kernel.operation import SCHEMA, Bound, Operation
from freehold.kernel.operation import Request as Asked
from freehold.kernel.registry import Registry


class _Body(Asked):
    """Built at once, for FastAPI reads it with marks of its own, which a later building would warn of."""

    model_config = ConfigDict(defer_build=False)


PREFIX = "/api"


def router(host: Host, registry: Registry, token: str) -> APIRouter:
    """All operations, for whoever has the token, with all that OpenAPI says of them."""
    routes = _guarded(token)
    for bound in _in_order(registry):
        add(routes, host, registry, bound, described=True)
    return routes


def served(host: Host, registry: Registry, token: str) -> list[Route]:
    """The same without what is only told, each made when it is first asked for: most never are while a process lives."""

    def make(bound: Bound) -> APIRoute:
        alone = _guarded(token)
        add(alone, host, registry, bound)
        (made,) = alone.routes
        assert isinstance(made, APIRoute)
        return made

    return [
        Route(PREFIX + _path(one.operation), _Late(partial(make, one)), methods=[one.operation.verb])
        for one in _in_order(registry)
    ]


class _Late:
    """What answers at a route, once it is asked."""

    def __init__(self, make: Callable[[], APIRoute]) -> None:
        self._make = make
        self._made: APIRoute | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; address and method fit."""
        made = self._made = self._made or self._make()
        scope["route"] = made
        await made.app(scope, receive, send)


def _guarded(token: str) -> APIRouter:
    def authorised(request: Request) -> None:
        if not is_bearer(request.headers.get("authorization", "").encode(), token):
            raise Unauthorised("this needs the node's API token", hint="It lies in HOME/api-token.")

    # refuses nothing itself: it is there to be described
    bearer = HTTPBearer(auto_error=False, scheme_name="token", description="It lies in HOME/api-token.")
    return APIRouter(prefix=PREFIX, dependencies=[Depends(authorised), Depends(bearer)])


def _in_order(registry: Registry) -> list[Bound]:
    """What is fixed before what has a part in braces, which would match it too: all that follows, where it stands last."""
    return sorted(
        registry.operations, key=lambda one: (one.operation.path.count("{"), one.operation.path.endswith("}"))
    )


def _path(operation: Operation[Any]) -> str:
    # names may have slashes
    return operation.path.replace("}", ":path}")


def add(routes: APIRouter, host: Host, registry: Registry, bound: Bound, *, described: bool = False) -> None:
    """The route of one operation."""
    operation = bound.operation
    routes.add_api_route(
        _path(operation),
        _endpoint(operation, lambda request: registry.perform(host, bound, request), described=described),
        methods=[operation.verb],
        dependencies=[Depends(_exactly(operation))],
        response_model=None,
        responses=_answers(operation) if described else {},
        operation_id=operation.method,
        summary=operation.summary,
        description=operation.text,
        tags=[operation.name.split(".")[0]],
    )


def _answers(operation: Operation[Any]) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {200: {"model": operation.shape}}
    if operation.waiting is not None:
        found[202] = {"model": operation.waiting, "description": "Not yet."}
    return found


def _endpoint(
    operation: Operation[Any], perform: Callable[[Any], Any], *, described: bool
) -> Callable[..., Response]:
    """A function whose signature says to FastAPI what stands in path, query and body."""
    fields = operation.asks.model_fields
    in_path = set(operation.in_path)

    def parameter(name: str, where: Any) -> inspect.Parameter:
        if described and (said := operation.fields[name].text):
            where.description = said
        return _parameter(name, fields[name], where)

    parameters = [
        parameter(name, Path(min_length=1 if fields[name].annotation is str else None))
        for name in operation.in_path
    ]
    rest = {name: info for name, info in fields.items() if name not in in_path}
    if operation.verb == "GET":
        parameters += [parameter(name, Query()) for name in rest]
    elif rest:
        parameters.append(_body(operation, rest))

    def endpoint(**given: Any) -> Response:
        body = given.pop("body", None)
        if body is not None:
            given |= {name: getattr(body, name) for name in body.model_fields_set}
        status, content = operation.written(perform(operation.asks(**given)))
        return Response(content, status, media_type="application/json")

    endpoint.__name__ = operation.method
    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return endpoint


def _exactly(operation: Operation[Any]) -> Callable[[Request], Awaitable[None]]:
    """What makes sure that a request says just what is asked, each thing once: what is read twice differently is refused.

    The framework's reader takes the last of two equal keys, unknown parameters, and numbers in many spellings.
    """
    fields = {name: one for name, one in operation.fields.items() if name not in operation.in_path}
    in_query = fields if operation.verb == "GET" else {}

    async def check(request: Request) -> None:
        said = request.query_params.multi_items()
        for name in operation.in_path:
            value = str(request.path_params[name])
            if not _is_exact(operation.fields[name].info.annotation, value):
                raise InvalidInput(f"{name}: {value[:80]!r} is no whole number", hint=SCHEMA, field=name)
        for name, value in said:
            if name not in in_query:
                raise InvalidInput(f"there is no parameter {name[:80]!r} here", hint=SCHEMA)
            if not _is_exact(in_query[name].info.annotation, value):
                raise InvalidInput(
                    f"{name}: {value[:80]!r} is written otherwise than it is read", hint=SCHEMA, field=name
                )
        if len(said) != len({name for name, _ in said}):
            raise InvalidInput("a parameter is given twice")
        content = await request.body()
        if content and (operation.verb == "GET" or not fields) and content.strip() != b"{}":
            raise InvalidInput("nothing is asked here, so there is no body", hint="Leave it out.")
        if content:
            _once(content)

    return check


def _is_exact(kind: Any, value: str) -> bool:
    wanted = {one for one in (kind, *get_args(kind)) if one in (int, bool)}
    if wanted == {int}:
        return re.fullmatch(r"-?[0-9]{1,19}", value) is not None
    return value in ("true", "false") if wanted == {bool} else True


def _once(content: bytes) -> None:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found) != len({name for name, _ in found}):
            raise InvalidInput("a key stands twice in the body", hint="Say each thing once.")
        return dict(found)

    def constant(name: str) -> None:
        raise InvalidInput(f"{name} is no number", hint="Send whole or decimal numbers.")

    try:
        # also lone surrogates, which no file or database can hold
        json.dumps(
            json.loads(content, object_pairs_hook=pairs, parse_constant=constant), ensure_ascii=False
        ).encode()
    except UnicodeEncodeError:
        raise InvalidInput("the body holds half a character", hint="Send text as UTF-8.") from None
    except ValueError as error:
        raise InvalidInput(f"the body is no JSON: {str(error)[:100]}") from None


def _parameter(name: str, info: FieldInfo, where: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if info.is_required() else info.get_default(call_default_factory=True)
    annotation = getitem(Annotated, (info.annotation, *info.metadata, where))
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _body(operation: Operation[Any], rest: dict[str, FieldInfo]) -> inspect.Parameter:
    asks = operation.asks
    if len(rest) < len(asks.model_fields):
        fields: dict[str, Any] = {name: (info.annotation, info) for name, info in rest.items()}
        model = create_model(f"{asks.__name__}Body", __base__=_Body, __doc__=asks.__doc__, **fields)
        model.described_by = asks
    else:
        model = type(asks.__name__, (asks,), {"model_config": _Body.model_config, "__doc__": asks.__doc__})
    if any(info.is_required() for info in rest.values()):
        return inspect.Parameter("body", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[model, Body()])
    return inspect.Parameter(
        "body", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[model | None, Body()]
    )

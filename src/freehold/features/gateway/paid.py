"""What anyone may call for money: the models on offer, and their predictions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from freehold.features.gateway.rules.answer import MAX_BODY_BYTES
from freehold.features.gateway.serving import Gateway
from freehold.features.payments.rules.errors import InvalidRequest
from freehold.features.payments.rules.payment import HEADER
from freehold.kernel.node import Node


def router(node: Node, gateway: Gateway) -> APIRouter:
    """`GET /v1/models` and `POST /v1/predict`; errors are FreeholdErrors, 402 carries the quote."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/models")
    def models() -> dict[str, Any]:
        return {"account": node.account, "models": gateway.models()}

    @routes.post("/predict")
    async def predict(request: Request) -> Response:
        body = await _bounded_body(request)
        given = await run_in_threadpool(gateway.predict, body, request.headers.get(HEADER))
        return Response(given, media_type="application/json")

    return routes


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InvalidRequest(f"the body is over {MAX_BODY_BYTES} bytes", hint="Ask in several calls.")
    return bytes(body)

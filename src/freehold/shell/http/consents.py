"""Control routes of consent by hand: what others ask of this node, and what it asked of others."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from freehold.features.grants import asking, consent, granting, requests
from freehold.kernel.host import Host
from freehold.kernel.shape import said
from freehold.shell.answers import market


class Counter(BaseModel):
    """Other terms to offer; what is left out stays as asked."""

    model_config = ConfigDict(extra="forbid", strict=True)
    price_units: Annotated[int, Field(ge=0)] | None = None
    max_uses: Annotated[int, Field(ge=1)] | None = None
    days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    purposes: Annotated[list[str], Field(min_length=1, max_length=32)] | None = None
    note: str = ""


class Refusal(BaseModel):
    """Why not."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: str


class Taking(BaseModel):
    """Taking up an offer."""

    model_config = ConfigDict(extra="forbid", strict=True)
    at_most_units: Annotated[int, Field(ge=0, lt=2**53)] | None = None


def add(routes: APIRouter, host: Host) -> None:
    """Add the routes of this file."""
    node = host.node

    @routes.get("/requests", **said(market.Requests))
    def overview() -> dict[str, Any]:
        return {"requests": requests.overview(node), "asked": asking.overview(node)}

    @routes.post("/requests/{request_id}/accept", **said(market.Decided))
    def accept(request_id: str) -> dict[str, Any]:
        return {"request": consent.accept(node, requests.find(node, request_id))}

    @routes.post("/requests/{request_id}/counter", **said(market.Decided))
    def counter(request_id: str, body: Counter) -> dict[str, Any]:
        purposes = None if body.purposes is None else tuple(body.purposes)
        change = consent.Counter(body.price_units, body.max_uses, body.days, purposes, body.note)
        return {"request": consent.counter(node, requests.find(node, request_id), change)}

    @routes.post("/requests/{request_id}/refuse", **said(market.Decided))
    def refuse(request_id: str, body: Refusal) -> dict[str, Any]:
        return {"request": consent.refuse(node, requests.find(node, request_id), body.reason)}

    @routes.post("/requests/{request_id}/take", **said(market.GrantRow))
    def take(request_id: str, body: Taking | None = None) -> dict[str, Any]:
        job = asking.find(node, request_id)[1]["once_for"]
        grant = granting.take(node, host.peers, request_id, body.at_most_units if body else None)
        asking.settled(host, job)
        return granting.describe(node, grant)

    @routes.post("/requests/{request_id}/drop", **said(market.Dropped))
    def drop(request_id: str) -> dict[str, Any]:
        dropped = granting.drop(node, host.peers, request_id)
        asking.settled(host, dropped["job"])
        return {"asked": dropped}

"""What the node's owner does, from the command line or the console: loopback and a bearer token."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from freehold.features.data import finding
from freehold.features.grants import granting
from freehold.features.grants.asking import GrantCountered, GrantWaiting
from freehold.kernel import listed
from freehold.kernel.host import Host
from freehold.kernel.http.gate import Unauthorised
from freehold.kernel.shape import said
from freehold.kernel.words import require_action
from freehold.shell.answers import market
from freehold.shell.http import consents

AtMost = Annotated[int, Field(ge=0, lt=2**53)] | None
"""Most that an act may cost; the node's ceilings count besides."""

PageSize = Annotated[int, Field(ge=1, le=listed.MOST)]
"""How many of the newest; those before one of them with `before`."""


class Body(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Wish(Body):
    """A grant to obtain."""

    asset: str
    action: str
    purpose: str | None = None
    max_uses: Annotated[int, Field(ge=1)] | None = None
    spend_cap_units: Annotated[int, Field(ge=0)] = 0
    at_most_units: AtMost = None


def router(host: Host, token: str) -> APIRouter:
    """All control routes behind the token."""

    def authorised(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Unauthorised("this needs the node's API token", hint="It lies in HOME/api-token.")

    routes = APIRouter(prefix="/api", dependencies=[Depends(authorised)])
    _grant_routes(routes, host)
    consents.add(routes, host)
    return routes


def _grant_routes(routes: APIRouter, host: Host) -> None:
    node = host.node

    @routes.get("/grants", **said(market.Grants))
    def grants(limit: PageSize = granting.PAGE, before: str = "") -> dict[str, Any]:
        return {"grants": granting.overview(node, limit=limit, before=before)}

    @routes.post("/grants", **said(market.GrantRow, waiting=market.GrantPending))
    def obtain(body: Wish, response: Response) -> dict[str, Any]:
        asset = node.asset(finding.find(host, body.asset))
        try:
            grant = granting.obtain(
                node,
                host.peers,
                asset,
                require_action(body.action),
                purpose=body.purpose,
                max_uses=body.max_uses,
                spend_cap_units=body.spend_cap_units,
                at_most_units=body.at_most_units,
            )
        except (GrantWaiting, GrantCountered) as pending:
            response.status_code = 202
            return {"status": pending.fields["asked"][0]["state"], "asked": pending.fields["asked"][0]}
        return granting.describe(node, grant)

    @routes.post("/grants/{grant_id}/revoke", **said(market.Revocation))
    def revoke(grant_id: str) -> dict[str, Any]:
        return granting.revoke(node, granting.find(node, grant_id))

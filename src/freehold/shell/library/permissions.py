"""Permissions from Python: grants, and requests that owners decide by hand. Part of `freehold.shell.library.node.Node`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from freehold.core import money
from freehold.core.errors import FreeholdError
from freehold.kernel.client import NodeClient
from freehold.kernel.notebook import Rows
from freehold.kernel.performing import Identified
from freehold.shell.library.answers import made
from freehold.shell.library.values import Asked, Grant, Offer, Request, Revocation


class GrantPending(FreeholdError):
    """No grant yet: its owner decides by hand, or offers other terms; `fields["asked"]` is the request."""

    code = "grant.pending"
    exit_code = 8


class Permissions:
    """What a node grants, holds, is asked for and asks for."""

    _client: NodeClient

    def grants(self) -> Rows[Grant]:
        """Grants this node issued or holds."""
        return Rows(made(Grant, one) for one in self._client.get("/api/grants")["grants"])

    def grant(
        self,
        asset: str | Identified,
        action: str = "infer",
        *,
        purpose: str | None = None,
        max_uses: int | None = None,
        spend_cap: str | None = None,
        at_most: str | None = None,
    ) -> Grant:
        """Get a grant for another party's asset, paying its price if it has one (`at_most` so much); training asks for its own.

        Raises:
            GrantPending: its owner decides by hand. Asking again is the same request.
        """
        cap = None if spend_cap is None else money.units(spend_cap)
        asked = given(
            asset=identifier(asset),
            action=action,
            purpose=purpose,
            max_uses=max_uses,
            spend_cap_units=cap,
            at_most_units=most(at_most),
        )
        answer = self._client.post("/api/grants", asked)
        if "status" in answer:
            request = asked_of(answer["asked"])
            raise GrantPending(
                f"{request.owner_name} decides by hand: the request is {request.state}",
                hint="Ask again later; or take(request) up an offer, or drop(request).",
                asked=request,
            )
        return made(Grant, answer)

    def revoke(self, grant: str | Grant) -> Revocation:
        """Take back a grant issued here; it is denied at once and for ever."""
        return made(Revocation, self._client.post(f"/api/grants/{named(grant)}/revoke"))

    # consent by hand: what others ask of this node

    def requests(self) -> Rows[Request]:
        """Requests for assets published with `approval="ask"`, decided ones for some days too."""
        return Rows(request_of(one) for one in self._client.get("/api/requests")["requests"])

    def accept(self, request: str | Request) -> Request:
        """Issue the grant exactly as asked."""
        return self._decide(request, "accept")

    def counter(
        self,
        request: str | Request,
        *,
        price: str | None = None,
        max_uses: int | None = None,
        days: int | None = None,
        purposes: Sequence[str] | None = None,
        note: str = "",
    ) -> Request:
        """Offer other terms, within the published ones; `price` in dollars, not below the published."""
        change = given(
            price_units=None if price is None else money.units(price),
            max_uses=max_uses,
            days=days,
            purposes=None if purposes is None else list(purposes),
            note=note,
        )
        return self._decide(request, "counter", change)

    def refuse(self, request: str | Request, reason: str) -> Request:
        """Say no, and in one line why; the asker is not heard about that asset for a day."""
        return self._decide(request, "refuse", {"reason": reason})

    # what this node asks of others

    def asked(self) -> Rows[Asked]:
        """Requests of this node that no grant has come of."""
        return Rows(asked_of(one) for one in self._client.get("/api/requests")["asked"])

    def take(self, request: str | Asked, *, at_most: str | None = None) -> Grant:
        """Take up the terms an owner offered, and pay them."""
        return made(
            Grant,
            self._client.post(f"/api/requests/{named(request)}/take", given(at_most_units=most(at_most))),
        )

    def drop(self, request: str | Asked) -> None:
        """Forget a request; a training job that made it stops."""
        self._client.post(f"/api/requests/{named(request)}/drop")

    def _decide(self, request: str | Request, how: str, body: Mapping[str, Any] | None = None) -> Request:
        return request_of(self._client.post(f"/api/requests/{named(request)}/{how}", body)["request"])


def request_of(found: Mapping[str, Any]) -> Request:
    """A request that came in, as the node shows it."""
    run = found["training"] or {"level": "", "owners": [], "earlier_runs": []}
    owners = [one["account"] for one in run["owners"]]
    return made(Request, {**run, **found, "owners": owners, "offer": _offer(found)})


def asked_of(found: Mapping[str, Any]) -> Asked:
    """A request this node made, as the node shows it."""
    return made(Asked, {**found, "offer": _offer(found)})


def _offer(found: Mapping[str, Any]) -> Offer | None:
    return made(Offer, found["offer"]) if found.get("offer") else None


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def most(dollars: str | None) -> int | None:
    """Units of dollars as text; None stays None."""
    return None if dollars is None else money.units(dollars)


def named(thing: Any) -> str:
    """As one segment of a path; names may hold any character."""
    return quote(identifier(thing), safe="")


def identifier(thing: Any) -> str:
    """The id of a value, or the text itself."""
    return thing if isinstance(thing, str) else str(thing.id)

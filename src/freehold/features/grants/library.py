"""Grants from Python, where that is more than an operation."""

from __future__ import annotations

from freehold.core.errors import FreeholdError
from freehold.features.grants import wire
from freehold.kernel.client import Identified, Performs
from freehold.kernel.shape import Rows


class GrantPending(FreeholdError, code="grant.pending", exit_code=8):
    """No grant yet: its owner decides by hand, or offers other terms; `fields["asked"]` is the request."""


class Methods(Performs):
    """Methods that do more than their operation."""

    def grant(
        self,
        asset: str | Identified,
        action: str | None = None,
        *,
        purpose: str | None = None,
        max_uses: int | None = None,
        spend_cap: str | float | None = None,
        at_most: str | float | None = None,
    ) -> wire.GrantRow:
        """Get a grant for another party's asset, paying its price if it has one (`at_most` so much); training asks for its own.

        Raises:
            GrantPending: its owner decides by hand. Asking again is the same request.
        """
        typed = {
            "asset": asset,
            "action": action,
            "purpose": purpose,
            "max_uses": max_uses,
            "spend_cap": spend_cap,
            "at_most": at_most,
        }
        answer = self._answer(wire.ASK, typed)
        if "status" in answer:
            request = wire.ASK.read(answer, waiting=True).asked
            raise GrantPending(
                f"{request.owner_name} decides by hand: the request is {request.state}",
                hint="Ask again later; or take(request) up an offer, or drop(request).",
                asked=request,
            )
        granted: wire.GrantRow = wire.ASK.read(answer)
        return granted

    def asked(self) -> Rows[wire.AskRow]:
        """Requests of this node that no grant has come of."""
        answer: wire.Requests = wire.REQUESTS.read(self._client.perform(wire.REQUESTS, {}))
        return Rows(answer.asked)
